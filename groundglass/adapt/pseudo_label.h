#pragma once

#include <vector>

#include <torch/types.h>

#include "groundglass/adapt/adapt_options.h"
#include "groundglass/adapt/certainty.h"

namespace groundglass {

/// Confidence from which a pixel keeps its label, for each class, the background first; classes
/// beyond the list keep every pixel.
using ClassLimits = std::vector<double>;

/// Confidences of all predicted pixels (marked_pixels()), counted in bins for each class.
class ConfidenceHistogram {
 public:
  void add(const MarkedPixels& marked);

  /// The limits above which the surest `share` of each class's pixels lies.
  ///
  /// Zou, Yu, Kumar, Wang, "Class-balanced self-training", ECCV 2018,
  /// https://arxiv.org/abs/1810.07911, eq. 6.
  /// Differs: confidence is counted in 1000 bins, and the limit is a bin's lower edge.
  ClassLimits limits(double share) const;

 private:
  std::vector<std::vector<int64_t>> bins_;  ///< of each class
};

/// What a network said about a slice, made into a mask to train on.
///
/// With one class P is its probability; with several a pixel has the likeliest class, and P is the
/// probability of that class where it is marked and of any foreground where it is not.
///
/// hard      class where P > t, else 0 (paper 003, step 4).
/// band      the same, and kIgnoreLabel for band_low < P < band_high.
/// balanced  the same as hard, and kIgnoreLabel where the confidence is below the class's limit.
/// soft      foreground where a number drawn for the pixel lies below P: over many pixels a loss
///           that is linear in the label, as cross entropy is, is that of the label P itself. With
///           several classes the number falls into the stretch of one of them.
///           Prepared sets hold whole numbers, so P cannot be stored.
///
/// foreground  [F,H,W] foreground probabilities.
/// key         seeds the drawing.
/// returns     [H,W] uint8.
torch::Tensor pseudo_mask(const torch::Tensor& foreground, double cutoff,
                          const AdaptOptions& options, const ClassLimits& limits, uint64_t key);

}  // namespace groundglass
