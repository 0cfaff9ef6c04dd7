#pragma once

#include <torch/types.h>

namespace groundglass {

/// Sets each value to zero with `probability` and multiplies the others by 1/(1 - probability).
///
/// Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, JMLR 2014.
/// Differs: on the CPU the decisions are a hash of (one draw from LibTorch's generator, position),
/// made on all threads at once; LibTorch draws them one after the other from one generator, which
/// took a fifth of the Attention U-Net's training step (docs/results/speed.md). The
/// probability is rounded to 1/65536.
///
/// Where several ranks train (GlobalBatch), an image's decisions are those of its place in the
/// global batch, whatever rank holds it.
///
/// x       any shape, float; the first dimension counts images.
/// returns the same shape; the decisions do not depend on the number of threads.
torch::Tensor dropout(const torch::Tensor& x, double probability);

}  // namespace groundglass
