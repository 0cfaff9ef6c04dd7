#include "groundglass/io/stored_numbers.h"

#include <algorithm>

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

using Type = StoredNumbers::Type;

/// Calls `f` with a pointer of the C++ type behind `type`.
template <class F>
auto with_type(Type type, const void* numbers, F f) {
  switch (type) {
    case Type::int8:
      return f(static_cast<const int8_t*>(numbers));
    case Type::uint8:
      return f(static_cast<const uint8_t*>(numbers));
    case Type::int16:
      return f(static_cast<const int16_t*>(numbers));
    case Type::uint16:
      return f(static_cast<const uint16_t*>(numbers));
    case Type::int32:
      return f(static_cast<const int32_t*>(numbers));
    case Type::uint32:
      return f(static_cast<const uint32_t*>(numbers));
    case Type::int64:
      return f(static_cast<const int64_t*>(numbers));
    case Type::uint64:
      return f(static_cast<const uint64_t*>(numbers));
    case Type::float32:
      return f(static_cast<const float*>(numbers));
    case Type::float64:
      return f(static_cast<const double*>(numbers));
  }
  fail(ErrorKind::internal, "a stored type without a C++ type");
}

}  // namespace

size_t bytes_of(Type type) {
  return with_type(type, nullptr, [](auto* p) { return sizeof(*p); });
}

torch::ScalarType tensor_type(const StoredNumbers& stored) {
  if (stored.scaled()) return torch::kFloat32;
  if (stored.type == Type::uint8) return torch::kUInt8;
  const bool fits = stored.type == Type::int8 || stored.type == Type::int16;
  return fits ? torch::kInt16 : torch::kFloat32;
}

torch::Tensor to_tensor(const void* numbers, const StoredNumbers& stored, at::IntArrayRef sizes) {
  auto out = torch::empty(sizes, tensor_type(stored));
  const int64_t n = out.numel();
  with_type(stored.type, numbers, [&](auto* from) {
    if (out.scalar_type() == torch::kUInt8) {
      std::transform(from, from + n, out.data_ptr<uint8_t>(),
                     [](auto v) { return static_cast<uint8_t>(v); });
    } else if (out.scalar_type() == torch::kInt16) {
      std::transform(from, from + n, out.data_ptr<int16_t>(),
                     [](auto v) { return static_cast<int16_t>(v); });
    } else {
      std::transform(from, from + n, out.data_ptr<float>(), [&](auto v) {
        return static_cast<float>(static_cast<double>(v) * stored.slope + stored.intercept);
      });
    }
  });
  return out;
}

const char* type_text(torch::ScalarType type) {
  switch (type) {
    case torch::kUInt8:
      return "uint8";
    case torch::kInt16:
      return "int16";
    default:
      return "float32";
  }
}

}  // namespace groundglass
