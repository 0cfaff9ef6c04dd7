#include "groundglass/evaluate/detection.h"

#include <algorithm>
#include <map>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"

namespace groundglass {
using nlohmann::json;
namespace {

bool among(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Counts pooled_pixels(const DetectionFold& fold) {
  Counts total;
  for (const auto& image : fold.images) total += image.pixels;
  return total;
}

/// Mean of the defined values, empty if there is none.
std::optional<double> mean_of(const std::vector<std::optional<double>>& values) {
  double sum = 0;
  int64_t defined = 0;
  for (const auto& v : values) {
    sum += v.value_or(0);
    defined += v.has_value();
  }
  if (defined == 0) return std::nullopt;
  return sum / static_cast<double>(defined);
}

std::vector<ImageScore> highest_of(const DetectionFold& fold) {
  std::vector<ImageScore> scores;
  for (const auto& image : fold.images) scores.push_back({image.highest, image.positive});
  return scores;
}

/// Counts of each patient, for the bootstrap.
template <class AddTo>
std::vector<Counts> by_patient(const std::vector<DetectionFold>& folds, const AddTo& add_to) {
  std::map<std::pair<std::string, std::string>, Counts> patients;
  for (const auto& fold : folds) {
    for (const auto& image : fold.images) {
      add_to(patients[{image.domain, image.patient}], image, fold);
    }
  }
  std::vector<Counts> out;
  for (const auto& [key, counts] : patients) out.push_back(counts);
  return out;
}

std::vector<std::optional<Interval>> intervals(const std::vector<Counts>& patients,
                                               const BootstrapOptions& options) {
  std::vector<std::optional<Interval>> out;
  for (size_t i = 0; i < detection_score_names().size(); ++i) {
    out.push_back(bootstrap_interval(
        static_cast<int64_t>(patients.size()),
        [&](const std::vector<int64_t>& drawn) {
          Counts c;
          for (const int64_t p : drawn) c += patients[static_cast<size_t>(p)];
          return seven_scores(c, std::nullopt)[i];
        },
        options));
  }
  return out;
}

}  // namespace

void check_labels(const std::vector<std::string>& labels,
                  const std::vector<std::string>& positive) {
  const std::set<std::string> known(labels.begin(), labels.end());
  if (known.empty() || (known.size() == 1 && known.begin()->empty())) {
    fail(ErrorKind::data, "no image has a label; detection needs a table with a column 'label'");
  }
  for (const auto& word : positive) {
    if (known.count(word) == 0) {
      fail(ErrorKind::data, "no image has the label " + in_quotes(word) + "; the data has " +
                                listed({known.begin(), known.end()}));
    }
  }
  const auto infected = std::count_if(labels.begin(), labels.end(),
                                      [&](const auto& label) { return among(positive, label); });
  const auto others = static_cast<std::ptrdiff_t>(labels.size()) - infected;
  if (infected == 0 || others == 0) {
    fail(ErrorKind::data, "the images are of one class only (" + std::to_string(infected) + " " +
                              listed(positive) + ", " + std::to_string(others) +
                              " others), expected both");
  }
}

DetectionFold name_outcomes(const ImageOutcomes& outcomes, const std::vector<PreparedRow>& rows,
                            const std::vector<std::string>& positive) {
  std::vector<std::string> labels;
  for (const auto& row : rows) labels.push_back(row.label);
  check_labels(labels, positive);
  DetectionFold fold;
  for (const auto& image : outcomes.images) {
    const auto& row = rows[static_cast<size_t>(image.row)];
    fold.images.push_back({row.id, row.patient, row.domain, row.label, among(positive, row.label),
                           image.highest, image.pixels});
  }
  fold.truth_bins = outcomes.truth;
  fold.rest_bins = outcomes.rest;
  fold.ms_per_image = outcomes.images.empty()
                          ? 0
                          : 1000 * outcomes.network_s / static_cast<double>(fold.images.size());
  return fold;
}

void write_detection_fold(const std::filesystem::path& path, const DetectionFold& fold) {
  json images = json::array();
  for (const auto& i : fold.images) {
    images.push_back({i.id, i.patient, i.domain, i.label, i.positive, i.highest, i.pixels.tp,
                      i.pixels.fp, i.pixels.fn, i.pixels.tn});
  }
  const json document = {
      {"fold", fold.fold},
      {"best_epoch", fold.best_epoch},
      {"threshold", fold.threshold},
      {"cutoff", fold.cutoff},
      {"ms_per_image", fold.ms_per_image},
      {"warning", kSourceWarning},
      {"columns",
       {"id", "patient", "domain", "label", "positive", "highest", "tp", "fp", "fn", "tn"}},
      {"images", images},
      {"truth_bins", fold.truth_bins},
      {"rest_bins", fold.rest_bins}};
  write_file(path, document.dump() + "\n");
}

DetectionFold read_detection_fold(const std::filesystem::path& path) {
  try {
    const json d = json::parse(read_file(path));
    DetectionFold fold;
    fold.fold = d.at("fold");
    fold.best_epoch = d.at("best_epoch");
    fold.threshold = d.at("threshold");
    fold.cutoff = d.at("cutoff");
    fold.ms_per_image = d.at("ms_per_image");
    for (const auto& i : d.at("images")) {
      fold.images.push_back({i.at(0),
                             i.at(1),
                             i.at(2),
                             i.at(3),
                             i.at(4),
                             i.at(5),
                             {i.at(6), i.at(7), i.at(8), i.at(9)}});
    }
    fold.truth_bins = d.at("truth_bins").get<std::vector<int64_t>>();
    fold.rest_bins = d.at("rest_bins").get<std::vector<int64_t>>();
    return fold;
  } catch (const json::exception& e) {
    fail(ErrorKind::checkpoint, path.string() + ": is damaged (" + e.what() + ")");
  }
}

Counts images_at_threshold(const std::vector<DetectionFold>& folds) {
  Counts c;
  for (const auto& fold : folds) c += count_images(highest_of(fold), fold.threshold);
  return c;
}

Counts images_at_cutoff(const std::vector<DetectionFold>& folds) {
  Counts c;
  for (const auto& fold : folds) c += count_images(highest_of(fold), fold.cutoff);
  return c;
}

const std::vector<std::string>& detection_score_names() {
  static const std::vector<std::string> names = {"sensitivity", "specificity", "precision", "F1",
                                                 "F2",          "accuracy",    "AUC"};
  return names;
}

std::vector<std::optional<double>> seven_scores(const Counts& c, std::optional<double> auc) {
  return {sensitivity(c), specificity(c), precision(c), f_score(c, 1),
          f_score(c, 2),  accuracy(c),    auc};
}

std::vector<std::optional<double>> mean_pixel_scores(const std::vector<DetectionFold>& folds) {
  std::vector<std::vector<std::optional<double>>> columns(detection_score_names().size());
  for (const auto& fold : folds) {
    const auto scores =
        seven_scores(pooled_pixels(fold), auc_of_bins(fold.truth_bins, fold.rest_bins));
    for (size_t i = 0; i < scores.size(); ++i) columns[i].push_back(scores[i]);
  }
  std::vector<std::optional<double>> out;
  for (const auto& column : columns) out.push_back(mean_of(column));
  return out;
}

std::vector<std::optional<double>> image_scores(const std::vector<DetectionFold>& folds) {
  std::vector<std::optional<double>> areas;
  for (const auto& fold : folds) areas.push_back(auc(highest_of(fold)));
  return seven_scores(images_at_threshold(folds), mean_of(areas));
}

std::vector<std::optional<Interval>> pixel_intervals(const std::vector<DetectionFold>& folds,
                                                     const BootstrapOptions& options) {
  const auto add = [](Counts& c, const DetectedImage& image, const DetectionFold&) {
    c += image.pixels;
  };
  return intervals(by_patient(folds, add), options);
}

std::vector<std::optional<Interval>> image_intervals(const std::vector<DetectionFold>& folds,
                                                     const BootstrapOptions& options) {
  const auto add = [](Counts& c, const DetectedImage& image, const DetectionFold& fold) {
    c += count_images({{image.highest, image.positive}}, fold.threshold);
  };
  return intervals(by_patient(folds, add), options);
}

}  // namespace groundglass
