#include "groundglass/metrics/detection.h"

#include <algorithm>

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

/// Positives and negatives that share one value.
struct Step {
  double value = 0;
  int64_t positives = 0, negatives = 0;
};

/// From the highest value to the lowest.
std::vector<Step> steps_of(std::vector<ImageScore> images) {
  std::sort(images.begin(), images.end(),
            [](const ImageScore& a, const ImageScore& b) { return a.value > b.value; });
  std::vector<Step> steps;
  for (const auto& image : images) {
    if (steps.empty() || steps.back().value != image.value) steps.push_back({image.value, 0, 0});
    (image.positive ? steps.back().positives : steps.back().negatives) += 1;
  }
  return steps;
}

/// Share of ordered pairs, from steps in descending order of their value.
std::optional<double> area(const std::vector<Step>& steps) {
  double won = 0, positives = 0, negatives = 0;
  for (const auto& s : steps) {
    won += static_cast<double>(s.negatives) * (positives + 0.5 * static_cast<double>(s.positives));
    positives += static_cast<double>(s.positives);
    negatives += static_cast<double>(s.negatives);
  }
  if (positives == 0 || negatives == 0) return std::nullopt;
  return won / (positives * negatives);
}

}  // namespace

double highest_probability(const torch::Tensor& foreground) {
  return foreground.sum(0).max().item<double>();
}

bool called_infected(double highest, double cutoff) {
  return static_cast<float>(highest) >= static_cast<float>(cutoff);
}

std::optional<double> f_score(const Counts& c, double beta) {
  const double b = beta * beta, hit = (1 + b) * static_cast<double>(c.tp);
  const double all = hit + b * static_cast<double>(c.fn) + static_cast<double>(c.fp);
  if (all == 0) return std::nullopt;
  return hit / all;
}

Counts count_images(const std::vector<ImageScore>& images, double cutoff) {
  Counts c;
  for (const auto& image : images) {
    const bool called = called_infected(image.value, cutoff);
    if (image.positive) {
      (called ? c.tp : c.fn) += 1;
    } else {
      (called ? c.fp : c.tn) += 1;
    }
  }
  return c;
}

std::optional<double> auc(const std::vector<ImageScore>& images) {
  return area(steps_of(images));
}

std::optional<double> auc_of_bins(const std::vector<int64_t>& truth,
                                  const std::vector<int64_t>& rest) {
  if (truth.size() != rest.size()) {
    fail(ErrorKind::internal, "auc_of_bins: " + std::to_string(truth.size()) + " and " +
                                  std::to_string(rest.size()) + " bins, expected as many");
  }
  std::vector<Step> steps;
  for (size_t i = truth.size(); i-- > 0;) steps.push_back({0, truth[i], rest[i]});
  return area(steps);
}

std::vector<PrPoint> precision_recall_curve(const std::vector<ImageScore>& images) {
  const auto steps = steps_of(images);
  int64_t positives = 0;
  for (const auto& s : steps) positives += s.positives;
  std::vector<PrPoint> curve;
  if (positives == 0) return curve;
  int64_t hit = 0, called = 0;
  for (const auto& s : steps) {
    hit += s.positives;
    called += s.positives + s.negatives;
    curve.push_back({s.value, static_cast<double>(hit) / static_cast<double>(positives),
                     static_cast<double>(hit) / static_cast<double>(called)});
  }
  return curve;
}

std::optional<double> average_precision(const std::vector<PrPoint>& curve) {
  if (curve.empty()) return std::nullopt;
  double sum = 0, before = 0;
  for (const auto& point : curve) {
    sum += (point.recall - before) * point.precision;
    before = point.recall;
  }
  return sum;
}

double best_youden_cutoff(const std::vector<ImageScore>& images, double fallback) {
  const auto steps = steps_of(images);
  if (!area(steps)) return fallback;
  double best = fallback, best_sum = -1;
  for (size_t i = 0; i < steps.size(); ++i) {
    const double below = i + 1 < steps.size() ? steps[i + 1].value : 0;
    const double cutoff = (steps[i].value + below) / 2;
    const Counts c = count_images(images, cutoff);
    const double sum = sensitivity(c).value_or(0) + specificity(c).value_or(0);
    if (sum < best_sum) continue;
    best_sum = sum;
    best = cutoff;
  }
  return best;
}

double best_dice_threshold(const std::vector<int64_t>& truth, const std::vector<int64_t>& rest,
                           double fallback) {
  Counts c;
  for (const int64_t n : truth) c.fn += n;
  double threshold = fallback, best = 0;
  for (size_t i = truth.size(); i-- > 1;) {  // the border below bin i; bin 0 would call everything
    c.tp += truth[i];
    c.fn -= truth[i];
    c.fp += rest.at(i);
    const double value = dice(c).value_or(0);
    if (value == 0 || value < best) continue;
    best = value;
    threshold = static_cast<double>(i) / static_cast<double>(truth.size());
  }
  return threshold;
}

}  // namespace groundglass
