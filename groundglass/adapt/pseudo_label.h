#pragma once

#include <vector>

#include <torch/types.h>

#include "groundglass/adapt/adapt_options.h"

namespace groundglass {

/// Confidence from which a pixel keeps its label; 0 keeps every pixel.
struct ClassLimits {
  double background = 0, foreground = 0;
};

/// Confidences of all predicted pixels, P above the cut-off and 1 - P below it, counted in bins for
/// each of the two classes.
class ConfidenceHistogram {
 public:
  /// probability [..] float in [0,1].
  void add(const torch::Tensor& probability, double cutoff);

  /// The limits above which the surest `share` of each class's pixels lies.
  ///
  /// Zou, Yu, Kumar, Wang, "Class-balanced self-training", ECCV 2018,
  /// https://arxiv.org/abs/1810.07911, eq. 6.
  /// Differs: confidence is counted in 1000 bins, and the limit is a bin's lower edge.
  ClassLimits limits(double share) const;

 private:
  std::vector<int64_t> background_ = std::vector<int64_t>(1000, 0);
  std::vector<int64_t> foreground_ = std::vector<int64_t>(1000, 0);
};

/// What a network said about a slice, made into a mask to train on.
///
/// hard      class where P > t, else 0 (paper 003, step 4).
/// band      the same, and kIgnoreLabel for band_low < P < band_high.
/// balanced  the same as hard, and kIgnoreLabel where the confidence is below the class's limit.
/// soft      foreground where a number drawn for the pixel lies below P: over many pixels a loss
///           that is linear in the label, as cross entropy is, is that of the label P itself.
///           Prepared sets hold whole numbers, so P cannot be stored.
///
/// foreground  [F,H,W] foreground probabilities; P is their sum, the class the likeliest.
/// key         seeds the drawing.
/// returns     [H,W] uint8.
torch::Tensor pseudo_mask(const torch::Tensor& foreground, double cutoff,
                          const AdaptOptions& options, const ClassLimits& limits, uint64_t key);

}  // namespace groundglass
