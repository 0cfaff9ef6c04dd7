#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <torch/types.h>

namespace groundglass {

/// Named tensors and named texts: weights with their recipe, or the state of a training.
struct TensorArchive {
  std::map<std::string, torch::Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// The tensors whose names begin with a prefix, without it.
std::map<std::string, torch::Tensor> tensors_below(const TensorArchive& archive,
                                                   const std::string& prefix);

/// Writes the safetensors format (https://github.com/huggingface/safetensors): a JSON header, then
/// raw little-endian numbers; readable from any language, and nothing in it is ever run.
/// The file appears whole or not at all. Tensors are stored contiguous, in their own type.
void write_safetensors(const std::filesystem::path& path, const TensorArchive& archive);

/// Reads such a file. Throws Error(checkpoint) naming the file and what is wrong with it: not
/// there, truncated, a header that is no JSON, offsets outside the file, a type that is not known.
TensorArchive read_safetensors(const std::filesystem::path& path);

/// The same, but the tensors are views of the mapped file: read where they are looked at, never to
/// be written to. The memory of a tensor's pages is given back with the tensor.
TensorArchive map_safetensors(const std::filesystem::path& path);

/// Only the named texts; the tensors are not read.
std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path);

}  // namespace groundglass
