#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/metrics/bootstrap.h"
#include "groundglass/metrics/detection.h"
#include "groundglass/train/image_score.h"

namespace groundglass {

/// Stands beside every score that tells infected from other images.
constexpr const char* kSourceWarning =
    "infected and other X-rays come from different sources, so a detector can learn the source "
    "instead of the disease, and this score cannot tell the two apart";

/// One test image of a detector by segmentation.
struct DetectedImage {
  std::string id, patient, domain, label;
  bool positive = false;  ///< by its label
  double highest = 0;     ///< largest probability of any pixel
  Counts pixels;          ///< at the threshold
};

/// What one fold's network did on its test images.
struct DetectionFold {
  int64_t fold = 0;
  int64_t best_epoch = 0;
  double threshold = 0.5;  ///< from which a pixel is infected, and an image with it
  double cutoff = 0.5;     ///< of `highest`, chosen on validation images; the threshold without any
  double ms_per_image = 0;
  std::vector<DetectedImage> images;
  std::vector<int64_t> truth_bins, rest_bins;  ///< of the pixels, see ImageOutcomes
};

/// Names the outcomes. `positive` are the labels of infected images.
/// Throws Error(data) if no image has a label, if a positive label occurs nowhere in the set, or if
/// the set has one class only.
DetectionFold name_outcomes(const ImageOutcomes& outcomes, const std::vector<PreparedRow>& rows,
                            const std::vector<std::string>& positive);

/// The same complaints before anything is trained.
void check_labels(const std::vector<std::string>& labels, const std::vector<std::string>& positive);

/// detection.json in a fold's folder. Reading throws Error(checkpoint) if it is damaged.
void write_detection_fold(const std::filesystem::path& path, const DetectionFold& fold);
DetectionFold read_detection_fold(const std::filesystem::path& path);

/// A row of the paper's Tables I, III and IV: one network, all its folds.
struct DetectionRow {
  std::string recipe, network, encoder, layers;
  double seconds = 0;  ///< of all folds together, training included
  std::vector<DetectionFold> folds;
};

/// Test images of all folds, infected if any pixel reaches the fold's threshold (Table III) or if
/// the highest pixel reaches the cut-off chosen on validation images.
Counts images_at_threshold(const std::vector<DetectionFold>& folds);
Counts images_at_cutoff(const std::vector<DetectionFold>& folds);

/// The seven scores of Table I: sensitivity, specificity, precision, F1, F2, accuracy, AUC.
const std::vector<std::string>& detection_score_names();
std::vector<std::optional<double>> seven_scores(const Counts& c, std::optional<double> auc);

/// Table I's row as the paper makes it: the scores of each fold's pooled pixels, averaged.
std::vector<std::optional<double>> mean_pixel_scores(const std::vector<DetectionFold>& folds);
/// Table III's row: the images of all folds counted together; AUC of `highest`, mean of the folds.
std::vector<std::optional<double>> image_scores(const std::vector<DetectionFold>& folds);

/// Intervals of the seven scores, patients drawn with replacement; AUC has none of the pixels.
std::vector<std::optional<Interval>> pixel_intervals(const std::vector<DetectionFold>& folds,
                                                     const BootstrapOptions& options = {});
std::vector<std::optional<Interval>> image_intervals(const std::vector<DetectionFold>& folds,
                                                     const BootstrapOptions& options = {});

}  // namespace groundglass
