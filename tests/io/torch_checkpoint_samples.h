#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "groundglass/core/files.h"

// Checkpoints as torch.save writes them, byte by byte, so that the odd and the broken ones can be
// made too. tools/check_imports compares with files of the real torch.save.
namespace groundglass::samples {

/// A little-endian number of so many bytes.
inline std::string le(uint64_t value, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

/// The instructions of a pickle of protocol 2.
class PickleText {
 public:
  PickleText& raw(const std::string& code) {
    text_ += code;
    return *this;
  }
  PickleText& text(const std::string& word) { return raw("X" + le(word.size(), 4) + word); }
  PickleText& number(int64_t value) { return raw("J" + le(static_cast<uint64_t>(value), 4)); }
  PickleText& name(const std::string& module, const std::string& word) {
    return raw("c" + module + "\n" + word + "\n");
  }
  PickleText& tuple(const std::vector<int64_t>& values) {
    raw("(");
    for (const int64_t value : values) number(value);
    return raw("t");
  }
  /// A tensor over a storage of `count` numbers.
  PickleText& tensor(const std::string& type, const std::string& key, int64_t count, int64_t offset,
                     const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
                     bool older = false) {
    name("torch._utils", "_rebuild_tensor_v2").raw("((").text("storage").name("torch", type);
    text(key).text("cpu").number(count);
    if (older) raw("N");
    raw("tQ").number(offset).tuple(shape).tuple(strides);
    return raw("\x89").name("collections", "OrderedDict").raw(")RtR");
  }
  /// The whole pickle.
  std::string done() const { return std::string("\x80\x02", 2) + text_ + "."; }

 private:
  std::string text_;
};

struct ZipFile {
  std::string name, bytes;
};

struct ZipChoices {
  uint16_t method = 0;  ///< 0: stored, 8: deflated
  bool wide = false;    ///< sizes and places in 64 bits, as for archives above 4 GiB
  std::string comment = "";
};

/// A zip archive of stored files.
inline std::string zip(const std::vector<ZipFile>& files, const ZipChoices& choices = {}) {
  std::string text, directory;
  for (const auto& [name, bytes] : files) {
    const std::string padding = "FB" + le(5, 2) + "ZZZZZ";  // torch aligns its storages so
    const uint64_t header = text.size();
    text += "PK\3\4" + le(0, 4) + le(choices.method, 2) + le(0, 8) + le(bytes.size(), 4) +
            le(bytes.size(), 4) + le(name.size(), 2) + le(padding.size(), 2) + name + padding +
            bytes;
    const std::string extra = choices.wide ? le(1, 2) + le(24, 2) + le(bytes.size(), 8) +
                                                 le(bytes.size(), 8) + le(header, 8)
                                           : "";
    const auto narrow = [&](uint64_t value) { return le(choices.wide ? 0xffffffff : value, 4); };
    directory += "PK\1\2" + le(0, 2) + le(0, 4) + le(choices.method, 2) + le(0, 8) +
                 narrow(bytes.size()) + narrow(bytes.size()) + le(name.size(), 2) +
                 le(extra.size(), 2) + le(0, 2) + le(0, 8) + narrow(header) + name + extra;
  }
  const uint64_t begin = text.size(), end64 = begin + directory.size();
  text += directory;
  if (choices.wide) {
    text += "PK\6\6" + le(44, 8) + le(0, 4) + le(0, 8) + le(files.size(), 8) + le(files.size(), 8) +
            le(directory.size(), 8) + le(begin, 8);
    text += "PK\6\7" + le(0, 4) + le(end64, 8) + le(1, 4);
  }
  return text + "PK\5\6" + le(0, 4) + le(files.size(), 2) + le(files.size(), 2) +
         le(directory.size(), 4) + le(choices.wide ? 0xffffffff : begin, 4) +
         le(choices.comment.size(), 2) + choices.comment;
}

template <class Number>
std::string bytes_of(const std::vector<Number>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number)};
}

using Named = std::vector<std::pair<std::string, torch::Tensor>>;

/// The items of a state dict of float32 tensors, each with a storage "0", "1", ... of its own.
inline PickleText state_dict(const Named& tensors, bool older = false) {
  PickleText pickle;
  pickle.name("collections", "OrderedDict").raw(")R(");
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, tensor] = tensors[i];
    pickle.text(name).tensor("FloatStorage", std::to_string(i), tensor.numel(), 0,
                             tensor.sizes().vec(), tensor.contiguous().strides().vec(), older);
  }
  return pickle.raw("u");
}

/// What torch.save makes of them since PyTorch 1.6.
inline std::string zipped(const Named& tensors) {
  std::vector<ZipFile> files = {{"archive/data.pkl", state_dict(tensors).done()}};
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto flat = tensors[i].second.contiguous();
    files.push_back({"archive/data/" + std::to_string(i),
                     {static_cast<const char*>(flat.data_ptr()), flat.nbytes()}});
  }
  files.push_back({"archive/version", "3\n"});
  return zip(files);
}

/// Five pickles, the older format, around this one; `storages` follow.
inline std::string older(const std::string& pickle, const std::vector<std::string>& keys,
                         const std::string& storages) {
  PickleText system, order;
  system.raw("}(").text("protocol_version").number(1001).text("little_endian").raw("\x88u");
  order.raw("](");
  for (const auto& key : keys) order.text(key);
  order.raw("e");
  return std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15) +
         PickleText().number(1001).done() + system.done() + pickle + order.done() + storages;
}

/// What PyTorch 0.4 to 1.5 made of them.
inline std::string rowed(const Named& tensors) {
  std::string storages;
  std::vector<std::string> keys;
  for (size_t i = tensors.size(); i-- > 0;) {  // the order of the keys is not that of the dict
    keys.push_back(std::to_string(i));
    const auto flat = tensors[i].second.contiguous();
    storages += le(static_cast<uint64_t>(flat.numel()), 8) +
                std::string(static_cast<const char*>(flat.data_ptr()), flat.nbytes());
  }
  return older(state_dict(tensors, true).done(), keys, storages);
}

}  // namespace groundglass::samples
