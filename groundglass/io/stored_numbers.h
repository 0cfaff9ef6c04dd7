#pragma once

#include <torch/types.h>

namespace groundglass {

/// Deflate cannot do better (zlib's own figure is 1032), so a file that promises more bytes than
/// this for each of its own is damaged, and memory need not be asked for.
constexpr double kMostCompression = 1100;

/// How a file stores its numbers, and how they become values: value = number * slope + intercept.
struct StoredNumbers {
  enum class Type {
    int8,
    uint8,
    int16,
    uint16,
    int32,
    uint32,
    int64,
    uint64,
    float32,
    float64,
  };

  Type type = Type::int16;
  double slope = 1, intercept = 0;

  bool scaled() const { return slope != 1 || intercept != 0; }
};

/// Bytes of one number.
size_t bytes_of(StoredNumbers::Type type);

/// The type of tensors that hold the values: uint8 and int16 stay, int8 becomes int16; everything
/// else, and everything with a slope or an intercept, becomes float32.
torch::ScalarType tensor_type(const StoredNumbers& stored);

/// Numbers in the machine's byte order -> a tensor of `sizes` in tensor_type(stored). The memory is
/// copied and must be aligned for the type.
torch::Tensor to_tensor(const void* numbers, const StoredNumbers& stored, at::IntArrayRef sizes);

/// "uint8", "int16" or "float32", as messages name a tensor's type.
const char* type_text(torch::ScalarType type);

}  // namespace groundglass
