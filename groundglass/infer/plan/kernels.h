#pragma once

#include <cstdint>

namespace groundglass::planning {

/// What happens to each number of a map.
enum class Act { none, relu, sigmoid, step };  // step: 1 above zero, else 0

enum class Arithmetic { add, subtract, multiply };

/// A map in memory. Blocked: [blocks][height][width][lanes], `lanes` channels beside each other,
/// float or bfloat16. Plain: [channels][height][width], float.
struct Surface {
  void* data = nullptr;
  bool plain = false;
  int64_t blocks = 0;  ///< of channels; plain: channels
  int64_t height = 0, width = 0;
};

/// An operand that may be repeated along axes (stride 0, in numbers). `lanes`: each place holds as
/// many numbers as the other operand has lanes; otherwise one float for all of them.
struct Operand {
  const void* data = nullptr;
  bool lanes = true;
  int64_t block = 0, row = 0, column = 0;
};

/// Where the parts of an output place come from along one axis, and their weights.
struct Interpolation {
  const int32_t* low = nullptr;
  const int32_t* high = nullptr;
  const float* weight = nullptr;  ///< of `high`; null: `low` alone
};

struct PoolWindow {
  int64_t height, width, stride_y, stride_x, top, left, dilation_y, dilation_x;
  bool count_padding;  ///< an average divides by the whole window
};

/// One phase of a transposed convolution: every stride-th row and column of the output.
struct Phase {
  const void* data = nullptr;
  int64_t height = 0, width = 0;  ///< of the phase's own map
  int64_t row = 0, column = 0;    ///< of the place that comes first in the output
};

/// A convolution with few outputs, [outputs][ky][kx][blocks][lanes]; plain source: [..][channels].
struct FewOutputs {
  const float* weight = nullptr;
  const float* bias = nullptr;
  int64_t outputs = 0, kernel_y = 1, kernel_x = 1, top = 0, left = 0;
  Act act = Act::none;
};

/// The steps that oneDNN has no use for, written for one width of the processor's registers. All
/// run on OpenMP's threads, and give the same numbers on any count of them.
struct Kernels {
  int64_t lanes;  ///< floats in a register, and channels in a block
  /// act(scale * act(x) + shift); scale and shift [blocks * lanes] or null; may work in place
  void (*pointwise)(const Surface& in, const Surface& out, Act first, const float* scale,
                    const float* shift, Act last);
  void (*binary)(const Operand& a, const Operand& b, const Surface& out, Arithmetic how, Act last);
  void (*max_pool)(const Surface& in, const Surface& out, const PoolWindow& window,
                   int32_t* places);
  void (*average_pool)(const Surface& in, const Surface& out, const PoolWindow& window);
  void (*unpool)(const Surface& in, const int32_t* places, const Surface& out);
  void (*resize)(const Surface& in, const Surface& out, const Interpolation& rows,
                 const Interpolation& columns);
  /// rows of `out` beside each other: phases[r * stride + c] gives places (r, c) of each square
  void (*interleave)(const Phase* phases, int64_t stride, const Surface& out);
  /// out = matrix [m,n] x map along the rows' axis (height) or the columns' (width); packed [n][m]
  void (*product)(const Surface& in, const Surface& out, const float* matrix, bool along_height);
  void (*few_outputs)(const Surface& in, const Surface& out, const FewOutputs& layer);
  /// Between plain and blocked, or a copy; `channels` from `first_in` to `first_out` on.
  void (*copy)(const Surface& in, int64_t first_in, const Surface& out, int64_t first_out,
               int64_t channels);
  /// A part of the map, `top` rows and `left` columns from its corner; beyond it stands zero.
  void (*window)(const Surface& in, const Surface& out, int64_t top, int64_t left);
};

/// For registers of 16 floats (AVX-512) or 8 (AVX2), maps in float or bfloat16.
const Kernels& kernels_avx512(bool bfloat16);
const Kernels& kernels_avx2();

}  // namespace groundglass::planning
