#pragma once

#include <vector>

#include <torch/types.h>

#include "groundglass/core/field.h"

namespace groundglass {

/// What becomes of the numbers of the pixels.
enum class PixelReduction {
  mean,  ///< over the pixels that are not ignored, as Keras does
  sum,   ///< over the pixels of the whole batch
};

struct CrossEntropyLossOptions {
  PixelReduction reduction = PixelReduction::mean;
  std::vector<double> class_weights = {};  ///< of the background and each class; empty for 1

  template <class V>
  void fields(V& v) {
    v.choice({"reduction", "mean or sum over the pixels"}, reduction,
             {{"mean", PixelReduction::mean}, {"sum", PixelReduction::sum}});
    v.field({"class_weights",
             "weight of a pixel by its true class, the background first, so that a "
             "rare class counts; empty for 1 each",
             0, 1e6},
            class_weights);
  }
};

/// Cross-entropy, averaged over the pixels that are not ignored: binary for K = 1, else over the
/// softmax of all K classes, the background included. With class_weights w the mean is
/// sum(w[t] e) / sum(w[t]) over the pixels with true class t and entropy e, as PyTorch's
/// cross_entropy has it: weights that are all alike change nothing.
///
/// The entropy half of paper 001, eq. 13, which prints a sum over the pixels: reduction = sum. A
/// sum over 65,536 pixels drowns the Dice half beside it, so the mean is the default.
/// Differs: from Keras' binary_crossentropy, which clamps p to [1e-7, 1 - 1e-7]; this one is made
/// from the logits and needs no clamp.
///
/// logits  [N,K,H,W] float.
/// target  [N,H,W] whole numbers, 0..max(K,2)-1 or kIgnoreLabel.
/// returns a scalar >= 0; 0 is perfect; nats per pixel, or nats for the sum; differentiable in
///         `logits`; 0 if every pixel is ignored.
/// throws  Error(usage) if the shapes do not agree; Error(recipe) unless there are as many weights
///         as classes, max(K,2), and none is negative or all are 0.
torch::Tensor cross_entropy_loss(const torch::Tensor& logits, const torch::Tensor& target,
                                 const CrossEntropyLossOptions& options = {});

}  // namespace groundglass
