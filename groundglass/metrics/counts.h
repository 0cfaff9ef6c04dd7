#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <torch/types.h>

namespace groundglass {

/// Pixels of one class against the rest. Counts first, formulas second: counts may be added.
struct Counts {
  int64_t tp = 0, fp = 0, fn = 0, tn = 0;

  Counts& operator+=(const Counts& other);
  bool operator==(const Counts&) const = default;
};

/// Compares two label maps of equal shape; pixels whose truth is kIgnoreLabel count nowhere.
/// Throws Error(usage) naming both shapes if they differ.
Counts count(const torch::Tensor& prediction, const torch::Tensor& truth, int64_t label = 1);

/// All foreground labels as one class.
Counts count_foreground(const torch::Tensor& prediction, const torch::Tensor& truth);

// Each formula is empty where its denominator is zero: an undefined score is said to be undefined.
// All lie in [0,1], and more is better.
std::optional<double> dice(const Counts& c);         ///< 2 TP / (2 TP + FP + FN)
std::optional<double> iou(const Counts& c);          ///< TP / (TP + FP + FN), Jaccard
std::optional<double> sensitivity(const Counts& c);  ///< TP / (TP + FN), recall
std::optional<double> specificity(const Counts& c);  ///< TN / (TN + FP)
std::optional<double> precision(const Counts& c);    ///< TP / (TP + FP)
std::optional<double> accuracy(const Counts& c);     ///< (TP + TN) / all

/// Sums for the Dice of unthresholded probabilities, in double so that they may be added.
struct SoftCounts {
  double overlap = 0;      ///< sum p t
  double probability = 0;  ///< sum p
  double truth = 0;        ///< sum t

  SoftCounts& operator+=(const SoftCounts& other);
};

/// foreground_probability [..] in [0,1], truth of the same shape; ignored pixels count nowhere.
SoftCounts soft_count(const torch::Tensor& foreground_probability, const torch::Tensor& truth,
                      int64_t label = 1);

std::optional<double> soft_dice(const SoftCounts& c);  ///< 2 overlap / (probability + truth)
std::optional<double> soft_iou(const SoftCounts& c);  ///< overlap / (probability + truth - overlap)

/// What kind of comparison a case is; a score of an empty mask needs this beside it.
enum class CaseStatus { ok, both_empty, reference_empty, prediction_empty };

CaseStatus case_status(const Counts& c);
std::string to_string(CaseStatus status);  ///< "ok", "both_empty", ...

}  // namespace groundglass
