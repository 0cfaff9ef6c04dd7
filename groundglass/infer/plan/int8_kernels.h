#pragma once

#include "groundglass/infer/plan/kernels.h"

namespace groundglass::planning {

/// A map in 8 bits with its border, [blocks][height][width][16]: byte = round(x * per_unit) + zero,
/// from 0 to 255. The border holds `zero`, which stands for 0.
struct Bytes {
  uint8_t* data = nullptr;
  int64_t blocks = 0, height = 0, width = 0;  ///< border included
  int64_t top = 0, left = 0;                  ///< rows and columns of border before the map
  float per_unit = 1;
  int32_t zero = 0;
};

/// A dense convolution of bytes. Blocks of 16 outputs are worked on in pairs; an odd last one
/// stands alone.
struct Int8Layer {
  const int8_t* weight = nullptr;  ///< [pairs][taps][4][1 or 2 blocks][16 outputs][4 inputs]
  const float* scale = nullptr;    ///< [outputs]: result = scale * sum + bias
  const float* bias = nullptr;
  const int64_t* taps = nullptr;  ///< bytes from a place to each block, row and column it reads
  int64_t tap_count = 0;
  int64_t stride_y = 1, stride_x = 1;
  Act first = Act::none, last = Act::none;
};

/// The two kernels of int8 plans, for processors with AVX512_VNNI. Sums are whole numbers, so the
/// result does not depend on their order or on the number of threads.
struct Int8Kernels {
  void (*quantise)(const Surface& in, const Bytes& out);
  /// last(first(scale * sum + bias) + added); `added`, data null for none, may lie where `out` does
  void (*convolution)(const Bytes& in, const Surface& out, const Surface& added,
                      const Int8Layer& layer);
};

/// For maps in float or bfloat16, in blocks of 16 channels.
const Int8Kernels& kernels_int8(bool bfloat16);

}  // namespace groundglass::planning
