#pragma once

#include <torch/types.h>

namespace groundglass {

/// Over which set the sums of an overlap loss run before they are divided.
enum class Reduction {
  batch,      ///< one ratio per class over all pixels of the batch (Keras' flatten)
  per_image,  ///< one ratio per image and class, then the mean
};

/// Whose ratios an overlap loss adds up.
enum class Classes {
  foreground,  ///< the mean over all classes but the background
  all,         ///< the sum over all classes, the background being one; a sigmoid counts as two
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

/// The same for every class: the background (1 - p of a sigmoid, class 0 of a softmax) stands
/// before the others, so both tensors are [N,max(K,2),H*W].
Foreground every_class(const torch::Tensor& logits, const torch::Tensor& target);

/// [N,F,pixels] summed over the reduction set: [F] for batch, [N,F] for per_image.
torch::Tensor summed(const torch::Tensor& each, Reduction reduction);

/// Soft confusion sums over the reduction set: [F] for batch, [N,F] for per_image; F counts the
/// classes asked for.
struct SoftConfusion {
  torch::Tensor tp;  ///< sum p t
  torch::Tensor fp;  ///< sum p (1 - t)
  torch::Tensor fn;  ///< sum (1 - p) t
};

SoftConfusion soft_confusion(const torch::Tensor& logits, const torch::Tensor& target,
                             Reduction reduction, Classes classes = Classes::foreground);

/// The mean over all images of the batch, those of other ranks included. each  [N,...].
torch::Tensor mean_over_images(const torch::Tensor& each);

/// One number per class ([F], or [N,F] with images apart) -> the loss: for the foreground the mean,
/// for all classes their sum, averaged over the images.
torch::Tensor over_classes(const torch::Tensor& each, Classes classes);

}  // namespace groundglass
