#include "groundglass/io/safetensors.h"

#include <cstring>
#include <fstream>

#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"

namespace groundglass {
using nlohmann::json;
namespace {

struct TypeName {
  const char* name;
  torch::ScalarType type;
};
const TypeName kTypes[] = {
    {"F64", torch::kFloat64},   {"F32", torch::kFloat32}, {"F16", torch::kFloat16},
    {"BF16", torch::kBFloat16}, {"I64", torch::kInt64},   {"I32", torch::kInt32},
    {"I16", torch::kInt16},     {"I8", torch::kInt8},     {"U8", torch::kUInt8},
    {"BOOL", torch::kBool},
};

[[noreturn]] void refuse_weights(const std::filesystem::path& path, const std::string& what) {
  fail(ErrorKind::checkpoint, path.string() + ": " + what);
}

torch::Tensor tensor_from(const std::filesystem::path& path, const std::string& name,
                          const json& entry, const std::shared_ptr<const MappedFile>& file,
                          size_t data_begin, bool mapped) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets")) {
    refuse_weights(path, "tensor " + in_quotes(name) + " has no dtype, shape or data_offsets");
  }
  const TypeName* found = nullptr;
  for (const auto& known : kTypes) {
    if (entry["dtype"] == known.name) found = &known;
  }
  if (found == nullptr) {
    refuse_weights(path, "tensor " + in_quotes(name) + " is of type " + entry["dtype"].dump() +
                             ", which is not known");
  }
  const auto shape = entry["shape"].get<std::vector<int64_t>>();
  const auto offsets = entry["data_offsets"].get<std::vector<uint64_t>>();
  size_t bytes = torch::elementSize(found->type);
  for (const int64_t n : shape) {
    if (n < 0) refuse_weights(path, "tensor " + in_quotes(name) + " has a negative size");
    bytes *= static_cast<size_t>(n);
  }
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] - offsets[0] != bytes ||
      offsets[1] > file->size() - data_begin) {
    refuse_weights(
        path, "tensor " + in_quotes(name) + " lies outside the file: it is truncated or damaged");
  }
  const uint8_t* begin = file->data() + data_begin + offsets[0];
  if (mapped && bytes > 0) {
    const auto release = [file, bytes](void* data) { file->drop(data, bytes); };
    return torch::from_blob(const_cast<uint8_t*>(begin), shape, release, found->type);
  }
  auto tensor = torch::empty(shape, found->type);
  if (bytes > 0) std::memcpy(tensor.data_ptr(), begin, bytes);
  return tensor;
}

}  // namespace

std::map<std::string, torch::Tensor> tensors_below(const TensorArchive& archive,
                                                   const std::string& prefix) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, tensor] : archive.tensors) {
    if (name.rfind(prefix, 0) == 0) tensors[name.substr(prefix.size())] = tensor;
  }
  return tensors;
}

void write_safetensors(const std::filesystem::path& path, const TensorArchive& archive) {
  json header = json::object();
  if (!archive.metadata.empty()) header["__metadata__"] = archive.metadata;
  std::vector<torch::Tensor> stored;
  size_t offset = 0;
  for (const auto& [name, tensor] : archive.tensors) {
    stored.push_back(tensor.detach().cpu().contiguous());
    const char* type_name = nullptr;
    for (const auto& known : kTypes) {
      if (known.type == tensor.scalar_type()) type_name = known.name;
    }
    if (type_name == nullptr)
      refuse_weights(path, "tensor " + in_quotes(name) + " has no storable type");
    header[name] = {{"dtype", type_name},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, offset + stored.back().nbytes()}}};
    offset += stored.back().nbytes();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();

  AtomicFile file(path);
  std::ofstream out(file.temporary(), std::ios::binary);
  out.write(reinterpret_cast<const char*>(&length), sizeof length);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  for (const auto& tensor : stored) {
    out.write(static_cast<const char*>(tensor.data_ptr()),
              static_cast<std::streamsize>(tensor.nbytes()));
  }
  out.close();
  if (!out) {
    fail(ErrorKind::data,
         path.string() + ": cannot be written (" + why_not_written(std::strerror(errno)) + ")");
  }
  file.commit();
}

namespace {

/// The header, and where the numbers begin.
struct Header {
  json document;
  size_t data_begin = 0;
};

Header read_header(const std::filesystem::path& path, const MappedFile& file) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  if (length > file.size() - sizeof length) {
    refuse_weights(path, "the header says " + std::to_string(length) + " bytes and the file has " +
                             std::to_string(file.size()) +
                             ": truncated, or not a safetensors file");
  }
  const char* text = reinterpret_cast<const char*>(file.data()) + sizeof length;
  Header header{json::parse(text, text + length, nullptr, false), sizeof length + length};
  if (!header.document.is_object()) {
    refuse_weights(path, "the header is no JSON object: not a safetensors file");
  }
  return header;
}

void check_is_long_enough(const std::filesystem::path& path) {
  if (!std::filesystem::is_regular_file(path)) refuse_weights(path, "no such file");
  if (std::filesystem::file_size(path) < 10)
    refuse_weights(path, "too short to be a safetensors file");
}

template <class Work>
auto with_clean_errors(const std::filesystem::path& path, const Work& work) {
  try {
    return work();
  } catch (const json::exception& e) {
    refuse_weights(path, std::string("the header is damaged (") + e.what() + ")");
  }
}

TensorArchive read(const std::filesystem::path& path, bool mapped) {
  check_is_long_enough(path);
  const auto file = std::make_shared<const MappedFile>(path);
  const Header header = read_header(path, *file);
  return with_clean_errors(path, [&] {
    TensorArchive archive;
    for (const auto& [name, entry] : header.document.items()) {
      if (name == "__metadata__") {
        archive.metadata = entry.get<std::map<std::string, std::string>>();
      } else {
        archive.tensors[name] = tensor_from(path, name, entry, file, header.data_begin, mapped);
      }
    }
    return archive;
  });
}

}  // namespace

TensorArchive read_safetensors(const std::filesystem::path& path) {
  return read(path, false);
}

TensorArchive map_safetensors(const std::filesystem::path& path) {
  return read(path, true);
}

std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path) {
  check_is_long_enough(path);
  const MappedFile file(path);
  const Header header = read_header(path, file);
  return with_clean_errors(path, [&] {
    return header.document.value("__metadata__", std::map<std::string, std::string>());
  });
}

}  // namespace groundglass
