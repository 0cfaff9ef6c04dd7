#pragma once

#include <torch/types.h>

namespace groundglass {

/// Over which set the sums of an overlap loss run before they are divided.
enum class Reduction {
  batch,      ///< one ratio per class over all pixels of the batch (Keras' flatten)
  per_image,  ///< one ratio per image and class, then the mean
};

/// Throws Error(usage) naming both shapes unless they are [N,K,H,W] and [N,H,W] of one size.
void check_shapes(const torch::Tensor& logits, const torch::Tensor& target);

/// Probabilities and one-hot truth of the foreground, pixels in one row; ignored pixels are zero in
/// both.
struct Foreground {
  torch::Tensor p;  ///< [N,F,H*W] float, in [0,1]
  torch::Tensor t;  ///< [N,F,H*W] of p's type, 0 or 1
};

/// The beginning of every overlap loss.
///
/// logits [N,K,H,W] float. K = 1: sigmoid. K >= 2: softmax, and class 0 (background) is left out.
/// target [N,H,W] whole numbers 0..max(K,2)-1, or kIgnoreLabel.
/// throws Error(usage) if the shapes do not agree.
Foreground foreground(const torch::Tensor& logits, const torch::Tensor& target);

/// Soft confusion sums over the reduction set: [F] for batch, [N,F] for per_image.
struct SoftConfusion {
  torch::Tensor tp;  ///< sum p t
  torch::Tensor fp;  ///< sum p (1 - t)
  torch::Tensor fn;  ///< sum (1 - p) t
};

SoftConfusion soft_confusion(const torch::Tensor& logits, const torch::Tensor& target,
                             Reduction reduction);

}  // namespace groundglass
