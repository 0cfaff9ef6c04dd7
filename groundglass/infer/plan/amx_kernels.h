#pragma once

#include "groundglass/infer/plan/kernels.h"

namespace groundglass::planning {

/// 32 products of each sum of a tile.
struct AmxStep {
  int64_t offset = 0;  ///< bytes from the copy's begin to what the first place reads
  int64_t unit = 64;   ///< bytes of a place there: two blocks of channels, or 32: one
};

/// Sixteen results beside each other.
struct AmxTile {
  int64_t base = 0;    ///< place of the copy under the first
  int32_t out[16];     ///< places of the results, from the strip's first on; -1: nowhere
  bool whole = false;  ///< sixteen neighbouring places
};

/// A strip of rows of the result, and the part of the source that it reads, border included.
struct AmxStrip {
  int64_t first_row = 0;   ///< of the result
  int64_t source_row = 0;  ///< of the map, may lie in the border
  const AmxTile* tiles = nullptr;
  int64_t tile_count = 0;
};

/// A dense convolution on tiles of 16 places, 16 outputs and 32 inputs (or 16 inputs at two
/// neighbouring places). Channels of two blocks stand beside each other in a copy of the source
/// with its border, strip by strip, so that a tile of it is 16 lines of the cache.
///
/// A float is the exact sum of three bfloat16 numbers of eight bits each. Of the nine products of
/// two floats the six largest are summed; the others lie below a float's last bit.
struct AmxLayer {
  /// [groups][steps][1 or 2 blocks][16 pairs of inputs][16 outputs][2], of the map's type
  const void* weight = nullptr;
  const float* bias = nullptr;  ///< [outputs]
  const AmxStep* steps = nullptr;
  int64_t step_count = 0;
  int64_t steps_at_once = 0;  ///< whose weights are used for all tiles, in turn
  const AmxStrip* strips = nullptr;
  int64_t strip_count = 0;
  int64_t shares = 1;  ///< of the outputs, where strips alone would leave threads idle
  int64_t stride_x = 1;
  int64_t rows = 0;             ///< of the source under a strip
  int64_t width = 0, left = 0;  ///< places of a row with its border, and of border before the map
  int64_t beyond = 0;           ///< bytes that the last tiles read behind a copy
  int64_t rooms = 1;            ///< strips that may be worked on at once, one a thread
  int64_t copy_bytes = 0;       ///< of each part, with `beyond`
  int64_t parts_bytes = 0;      ///< floats: of the weights of steps_at_once in parts
  int64_t room_bytes = 0;       ///< copies, weights in parts, and sums that go on
  Act first = Act::none, last = Act::none;
};

/// last(first(sum + bias) + added); `added`, data null for none, may lie where `out` does. Each
/// result is one sum in one order, so strips and threads change nothing. `rooms`: memory for the
/// copies. For processors with AMX, after allow_amx().
using AmxConvolution = void (*)(const Surface& in, const Surface& out, const Surface& added,
                                const AmxLayer& layer, char* rooms);

/// For maps in float or bfloat16, in blocks of 16 channels.
AmxConvolution amx_convolution(bool bfloat16);

/// Asks the system for the tiles of this process; false where it or the processor has none.
bool allow_amx();

}  // namespace groundglass::planning
