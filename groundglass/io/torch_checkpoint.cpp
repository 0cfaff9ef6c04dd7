#include "groundglass/io/torch_checkpoint.h"

#include <optional>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/io/torch_tensors.h"
#include "groundglass/io/zip_directory.h"

namespace groundglass {
namespace {

using Kind = PickleValue::Kind;

// The first pickle of the older format: a number that nothing else begins with.
constexpr std::string_view kOlderMagic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
                                       15);

const PickleValue* entry(const PickleValue& dict, const std::string& name) {
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    if (dict.items[i]->kind == Kind::text && dict.items[i]->text == name) return dict.items[i + 1];
  }
  return nullptr;
}

bool holds_a_tensor(const PickleValue& dict) {
  for (size_t i = 1; i < dict.items.size(); i += 2) {
    if (dict.items[i]->kind == Kind::tensor) return true;
  }
  return false;
}

/// The dict of tensors within what was saved.
TensorArchive weights_in(const PickleValue& root, const TorchTensors& tensors) {
  if (root.kind != Kind::dict) {
    tensors.refuse("it holds " + root.what() + ", expected a dict of tensors" + kSaveAgain);
  }
  const PickleValue* weights = nullptr;
  if (holds_a_tensor(root)) weights = &root;
  for (const char* name : {"state_dict", "model_state_dict", "model", "net"}) {
    const PickleValue* inner = entry(root, name);
    if (weights == nullptr && inner != nullptr && inner->kind == Kind::dict) weights = inner;
  }
  if (weights == nullptr) {
    std::vector<std::string> names;
    for (size_t i = 0; i < root.items.size() && names.size() < 8; i += 2) {
      names.push_back(root.items[i]->text);
    }
    tensors.refuse("no weights in it: it holds " + listed(names) +
                   ", expected tensors, or a dict of them under 'state_dict' or 'model'");
  }
  TensorArchive archive;
  for (size_t i = 0; i + 1 < weights->items.size(); i += 2) {
    const PickleValue &name = *weights->items[i], &value = *weights->items[i + 1];
    if (name.kind != Kind::text || value.kind != Kind::tensor) {
      tensors.refuse("among its weights, " + in_quotes(name.text) + " is " + value.what() +
                     ", expected a tensor" + kSaveAgain);
    }
    archive.tensors[name.text] = value.tensor;
  }
  return archive;
}

TensorArchive read_zip(const std::filesystem::path& path, const MappedFile& file) {
  const auto files = read_zip_directory(file, path);
  const std::string kPickle = "data.pkl";
  std::optional<std::string> folder;
  for (const auto& [name, bytes] : files) {
    if (name == kPickle || ends_with(name, "/" + kPickle)) {
      const std::string here = name.substr(0, name.size() - kPickle.size());
      if (!folder || here.size() < folder->size()) folder = here;
    }
  }
  const auto refuse = [&](const std::string& what) {
    fail(ErrorKind::checkpoint, path.string() + ": " + what);
  };
  const auto pickled = folder ? files.find(*folder + kPickle) : files.end();
  if (pickled == files.end()) {
    refuse("a zip archive without data.pkl, expected a checkpoint that torch.save wrote");
  }
  if (files.count(*folder + "constants.pkl") > 0) {
    refuse("a TorchScript program, expected a state_dict; save model.state_dict() with torch.save");
  }
  const auto order = files.find(*folder + "byteorder");
  if (order != files.end() && order->second != "little") {
    refuse("its numbers are stored " + std::string(order->second) + "-endian" + kSaveAgain);
  }
  ZippedTensors tensors(path, files, *folder);
  const Pickle pickle(pickled->second, tensors.rules());
  return weights_in(pickle.root(), tensors);
}

TensorArchive read_older(const std::filesystem::path& path, std::string_view bytes) {
  TrailingTensors tensors(path, bytes.size());
  const auto rules = tensors.rules();
  bytes.remove_prefix(kOlderMagic.size());
  const Pickle version(bytes, rules);
  bytes.remove_prefix(version.size());
  const Pickle system(bytes, rules);
  bytes.remove_prefix(system.size());
  const PickleValue* little = entry(system.root(), "little_endian");
  if (version.root().integer != 1001 || little == nullptr || little->integer != 1) {
    tensors.refuse("its version or byte order is not known" + kSaveAgain);
  }
  const Pickle saved(bytes, rules);
  bytes.remove_prefix(saved.size());
  const Pickle order(bytes, rules);
  bytes.remove_prefix(order.size());
  tensors.fill(order.root(), bytes);
  return weights_in(saved.root(), tensors);
}

/// What a file that is no checkpoint seems to be.
std::string described(std::string_view bytes) {
  const auto begins = [&](std::string_view with) { return bytes.substr(0, with.size()) == with; };
  if (bytes.empty()) return "an empty file";
  if (begins("\x89HDF")) return "an HDF5 file";
  if (begins("version https://git-lfs")) return "a Git LFS pointer, whose file was not fetched";
  if (begins("<")) return "a web page";
  if (bytes.size() > 262 && bytes.substr(257, 5) == "ustar") {
    return "a tar archive, as PyTorch 0.1 wrote them";
  }
  if (begins("\x80")) return "a bare pickle";
  if (bytes.size() > 8 && bytes[8] == '{') return "a safetensors file";
  return "neither a zip archive nor a row of pickles";
}

}  // namespace

TensorArchive read_torch_checkpoint(const std::filesystem::path& path) {
  if (!std::filesystem::is_regular_file(path)) {
    fail(ErrorKind::checkpoint, path.string() + ": no such file");
  }
  if (std::filesystem::file_size(path) > 0) {  // nothing can be mapped of an empty file
    const MappedFile file(path);
    const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
    if (begins_as_zip(bytes)) return read_zip(path, file);
    if (bytes.substr(0, kOlderMagic.size()) == kOlderMagic) return read_older(path, bytes);
    fail(ErrorKind::checkpoint, path.string() + ": " + described(bytes) +
                                    ", expected what torch.save writes" + kSaveAgain);
  }
  fail(ErrorKind::checkpoint, path.string() + ": an empty file, expected what torch.save writes");
}

}  // namespace groundglass
