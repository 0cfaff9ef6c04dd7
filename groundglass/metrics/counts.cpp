#include "groundglass/metrics/counts.h"

#include <sstream>

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"

namespace groundglass {
namespace {

std::optional<double> ratio(double above, double below) {
  if (below == 0) return std::nullopt;
  return above / below;
}

void check_same_shape(const torch::Tensor& prediction, const torch::Tensor& truth) {
  if (prediction.sizes() == truth.sizes()) return;
  std::ostringstream text;
  text << "prediction is " << prediction.sizes() << " and truth is " << truth.sizes()
       << ", expected equal shapes";
  fail(ErrorKind::usage, text.str());
}

Counts count_masks(const torch::Tensor& positive, const torch::Tensor& true_positive,
                   const torch::Tensor& truth) {
  const auto valid = truth != kIgnoreLabel;
  const auto sum = [](const torch::Tensor& x) { return x.sum().item<int64_t>(); };
  Counts c;
  c.tp = sum(positive & true_positive & valid);
  c.fp = sum(positive & valid) - c.tp;
  c.fn = sum(true_positive & valid) - c.tp;
  c.tn = sum(valid) - c.tp - c.fp - c.fn;
  return c;
}

}  // namespace

Counts& Counts::operator+=(const Counts& other) {
  tp += other.tp;
  fp += other.fp;
  fn += other.fn;
  tn += other.tn;
  return *this;
}

Counts count(const torch::Tensor& prediction, const torch::Tensor& truth, int64_t label) {
  check_same_shape(prediction, truth);
  return count_masks(prediction == label, truth == label, truth);
}

Counts count_foreground(const torch::Tensor& prediction, const torch::Tensor& truth) {
  check_same_shape(prediction, truth);
  return count_masks(prediction != 0, truth != 0, truth);
}

std::optional<double> dice(const Counts& c) {
  return ratio(2.0 * c.tp, 2.0 * c.tp + c.fp + c.fn);
}
std::optional<double> iou(const Counts& c) {
  return ratio(c.tp, c.tp + c.fp + c.fn);
}
std::optional<double> sensitivity(const Counts& c) {
  return ratio(c.tp, c.tp + c.fn);
}
std::optional<double> specificity(const Counts& c) {
  return ratio(c.tn, c.tn + c.fp);
}
std::optional<double> precision(const Counts& c) {
  return ratio(c.tp, c.tp + c.fp);
}
std::optional<double> accuracy(const Counts& c) {
  return ratio(c.tp + c.tn, c.tp + c.fp + c.fn + c.tn);
}

SoftCounts& SoftCounts::operator+=(const SoftCounts& other) {
  overlap += other.overlap;
  probability += other.probability;
  truth += other.truth;
  return *this;
}

SoftCounts soft_count(const torch::Tensor& foreground_probability, const torch::Tensor& truth,
                      int64_t label) {
  check_same_shape(foreground_probability, truth);
  const auto p = foreground_probability.to(torch::kFloat64) * (truth != kIgnoreLabel);
  const auto t = (truth == label).to(torch::kFloat64);
  return {(p * t).sum().item<double>(), p.sum().item<double>(), t.sum().item<double>()};
}

std::optional<double> soft_dice(const SoftCounts& c) {
  return ratio(2 * c.overlap, c.probability + c.truth);
}
std::optional<double> soft_iou(const SoftCounts& c) {
  return ratio(c.overlap, c.probability + c.truth - c.overlap);
}

CaseStatus case_status(const Counts& c) {
  const bool reference = c.tp + c.fn > 0, prediction = c.tp + c.fp > 0;
  if (reference && prediction) return CaseStatus::ok;
  if (reference) return CaseStatus::prediction_empty;
  return prediction ? CaseStatus::reference_empty : CaseStatus::both_empty;
}

std::string to_string(CaseStatus status) {
  switch (status) {
    case CaseStatus::ok:
      return "ok";
    case CaseStatus::both_empty:
      return "both_empty";
    case CaseStatus::reference_empty:
      return "reference_empty";
    case CaseStatus::prediction_empty:
      return "prediction_empty";
  }
  return "unknown";
}

}  // namespace groundglass
