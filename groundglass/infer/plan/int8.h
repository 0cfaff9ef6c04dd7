#pragma once

#include "groundglass/infer/plan/graph.h"
#include "groundglass/infer/plan/plan.h"

/// Convolutions in 8 bits: bytes in, weights in bytes with a scale for each output, whole sums.
namespace groundglass::planning {

/// A name for each operation that can run in 8 bits, "" for the others: a dense convolution of at
/// least 16 channels on both sides, 16 places and 128 products with each number of its input, by
/// its `about` and, where several share that, a number. The first convolution (few channels of the
/// image) and those that give few channels, as logits and gates are, stay as they are. The same
/// before and after lay_out().
std::vector<std::string> int8_names(const Network& network);

/// Marks the operations whose range is known. Throws Error(usage) if none is.
void mark_int8(Network& network, const InputRanges& ranges);

/// How a range of numbers becomes bytes: byte = round(x * per_unit) + zero. A range without
/// negative numbers begins at 0, and 0 is always met exactly.
struct ByteScale {
  float per_unit = 1;
  int32_t zero = 0;
};
ByteScale byte_scale(const InputRange& range);

/// Weights of a convolution in the order of Int8Layer, with what turns its sums into numbers.
struct Int8Weights {
  torch::Tensor weight;       ///< [..] int8
  torch::Tensor scale, bias;  ///< [O]
};

/// weight  [O,I,ky,kx], O and I whole blocks of 16.
/// bias    [O] or undefined.
Int8Weights int8_weights(const torch::Tensor& weight, const torch::Tensor& bias,
                         const ByteScale& input);

}  // namespace groundglass::planning
