#pragma once

#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "groundglass/metrics/counts.h"

namespace groundglass {

/// F_beta = (1 + beta^2) P S / (beta^2 P + S) of precision P and sensitivity S, from the counts:
/// (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP). Empty where that has no denominator; F_1 is Dice.
std::optional<double> f_score(const Counts& c, double beta);

/// One image: how infected it looks, and whether it is. For a detector by segmentation the value is
/// the highest probability of any pixel.
struct ImageScore {
  double value = 0;
  bool positive = false;
};

/// How infected an image looks to a network that segments: the largest foreground probability of
/// any pixel, all classes taken as one. The probabilities are the network's own, on its own grid:
/// what lies before a change of grid or of temperature.
///
/// foreground [F,h,w] in [0,1], not empty. returns a number in [0,1].
double highest_probability(const torch::Tensor& foreground);

/// The rule by which an image is called infected: its highest probability reaches the cut-off. At
/// the threshold of the pixels this is "any pixel is infected" (Degerli et al.,
/// https://arxiv.org/abs/2009.12698, with .5). Compared as floats, as labels() does.
bool called_infected(double highest, double cutoff);

/// Images are called positive as called_infected() says.
Counts count_images(const std::vector<ImageScore>& images, double cutoff);

/// Area under the ROC curve: the share of pairs (positive, negative) in which the positive has the
/// higher value, ties counted half (Mann, Whitney 1947). Empty without both kinds.
std::optional<double> auc(const std::vector<ImageScore>& images);

/// The same for pixels that were counted in bins of ascending probability; pixels of one bin tie.
/// `truth` and `rest` are equally long.
std::optional<double> auc_of_bins(const std::vector<int64_t>& truth,
                                  const std::vector<int64_t>& rest);

/// A point of a precision-recall curve.
struct PrPoint {
  double cutoff = 0, recall = 0, precision = 0;
};

/// One point for each value that occurs, from the highest cut-off (small recall) to the lowest.
/// Empty without a positive.
std::vector<PrPoint> precision_recall_curve(const std::vector<ImageScore>& images);

/// Sum over the curve of precision times the step in recall. Empty without a positive.
std::optional<double> average_precision(const std::vector<PrPoint>& curve);

/// The cut-off with the highest sensitivity + specificity (Youden, Cancer 3 (1950) 32), halfway
/// between two values that occur; the lowest of equals. `fallback` without both kinds.
double best_youden_cutoff(const std::vector<ImageScore>& images, double fallback);

/// The threshold, a border between two bins of [0,1], at which the pixels counted in them have the
/// best Dice; the lowest of equals. `fallback` where no pixel is infected.
double best_dice_threshold(const std::vector<int64_t>& truth, const std::vector<int64_t>& rest,
                           double fallback);

}  // namespace groundglass
