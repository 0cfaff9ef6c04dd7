#pragma once
// Registers of kLanes floats and what all kernels do with them. Included after the pragma that
// allows the compiler those registers and the line that names their width; the anonymous namespace
// keeps the widths apart. No standard header but these: an inline function compiled here must not
// be shared with others.
#include <cstddef>
#include <cstdint>

#include "groundglass/infer/plan/kernels.h"

namespace groundglass::planning {
namespace {

typedef float Lanes __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Bits __attribute__((vector_size(4 * kLanes)));
typedef int32_t Whole __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));
using BFloat16Bits = uint16_t;

constexpr int64_t kWorthThreads = 1 << 14;  ///< numbers below which waking them takes longer

inline Lanes load(const float* p) {
  Lanes v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Lanes v) {
  __builtin_memcpy(p, &v, sizeof v);
}
inline Lanes load(const BFloat16Bits* p) {
  Halves v;
  __builtin_memcpy(&v, p, sizeof v);
  return (Lanes)(__builtin_convertvector(v, Bits) << 16);
}
inline void store(BFloat16Bits* p, Lanes v) {
  Bits b = (Bits)v;
  b += 0x7fffu + ((b >> 16) & 1u);  // to the nearest, ties to even
  const Halves h = __builtin_convertvector(b >> 16, Halves);
  __builtin_memcpy(p, &h, sizeof h);
}
inline Lanes all(float x) {
  return Lanes{} + x;
}

/// To about one unit in the last place. Cody and Waite's reduction, Cephes' polynomial.
inline Lanes exponential(Lanes x) {
  x = x > 88.0f ? all(88.0f) : x;
  x = x < -87.0f ? all(-87.0f) : x;
  const Lanes n = (x * 1.44269504088896341f + 12582912.0f) - 12582912.0f;
  const Lanes r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Lanes p = all(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Whole power = (__builtin_convertvector(n, Whole) + 127) << 23;
  return p * (Lanes)power;
}

inline Lanes act(Lanes x, Act how) {
  if (how == Act::relu) return x < 0.0f ? all(0.0f) : x;
  if (how == Act::sigmoid) return 1.0f / (1.0f + exponential(-x));
  if (how == Act::step) return x > 0.0f ? all(1.0f) : all(0.0f);
  return x;
}
inline float act(float x, Act how) {
  return act(all(x), how)[0];
}

template <class S>
inline S* row_of(const Surface& s, int64_t block, int64_t y) {
  return static_cast<S*>(s.data) + (block * s.height + y) * s.width * kLanes;
}
inline float* plain_row(const Surface& s, int64_t channel, int64_t y) {
  return static_cast<float*>(s.data) + (channel * s.height + y) * s.width;
}
inline int64_t numbers(const Surface& s) {
  return s.blocks * s.height * s.width * (s.plain ? 1 : kLanes);
}

}  // namespace
}  // namespace groundglass::planning
