#pragma once

#include <functional>
#include <string>
#include <vector>

#include "groundglass/metrics/counts.h"
#include "groundglass/train/answers.h"

namespace groundglass {

/// logits [N,K,H,W] float32, target [N,H,W] -> scalar.
using LossFunction =
    std::function<torch::Tensor(const torch::Tensor& logits, const torch::Tensor& target)>;

/// Foreground probabilities of true and of false pixels, counted in 100 bins of [0,1]. One pass
/// over the data then answers for every threshold.
struct ProbabilityHistogram {
  static constexpr int64_t kBins = 100;
  std::vector<int64_t> truth = std::vector<int64_t>(kBins, 0);
  std::vector<int64_t> rest = std::vector<int64_t>(kBins, 0);

  /// The counts at the threshold bin / kBins.
  Counts at(int64_t bin) const;
  ProbabilityHistogram& operator+=(const ProbabilityHistogram& other);
};

/// How a network did on one slice, on its own grid. Foreground classes count as one, and, where
/// there are several, each by itself as well.
struct RowScore {
  int64_t row = 0;
  Counts counts;  ///< at the threshold
  SoftCounts soft;
  ProbabilityHistogram histogram;
  std::vector<Counts> classes = {};  ///< of classes 1, 2, ..; empty for a network of one
};

struct Scores {
  std::vector<RowScore> rows;
  double loss = 0;  ///< mean over batches; 0 without a loss function

  Counts pooled() const;
  SoftCounts soft_pooled() const;
  std::vector<Counts> class_pooled() const;  ///< classes 1, 2, ..; empty for a network of one
};

/// How a network is shown slices and from which probability a pixel counts; Recipe::scoring() fills
/// it from a recipe.
struct ScoreOptions : AnswerOptions {
  double threshold = 0.5;
};

/// Runs the network over entries in evaluation mode. `loss` may be empty. In a team of several
/// ranks all of them call it: each takes every size-th batch, and all return the scores that one
/// process would have, to the bit. Throws Stopped if a stop signal came.
Scores score_entries(SegmentationModel& model, const PreparedSet& set,
                     const std::vector<Entry>& entries, const ScoreOptions& options,
                     const LossFunction& loss = {});

/// Mean over the domains with foreground of their pooled hard Dice, -1 if there is none. The false
/// positives of domains without any (normal images of another source) are shared out evenly among
/// those, so that they count and yet do not decide alone.
double domain_mean_dice(const Scores& scores, const std::vector<PreparedRow>& rows);

/// Mean over the foreground classes of their pooled hard Dice; classes that are neither there nor
/// predicted are left out, -1 if there is none. For a network of one class its pooled Dice.
double class_mean_dice(const Scores& scores);

/// The threshold (0.05 to 0.95 in steps of 0.01) with the best domain mean of pooled Dice on these
/// scores, which should be those of validation patients; of those at most 0.005 worse the one
/// nearest to one half, since the best of a flat curve over few patients is chance.
double best_threshold(const Scores& scores, const std::vector<PreparedRow>& rows);

}  // namespace groundglass
