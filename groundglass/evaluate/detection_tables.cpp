#include "groundglass/evaluate/detection_tables.h"

#include <cstdio>

#include "groundglass/core/csv.h"
#include "groundglass/core/json.h"
#include "groundglass/core/text.h"
#include "groundglass/evaluate/study_table.h"
#include "groundglass/evaluate/table_cells.h"
#include "groundglass/metrics/proportion_interval.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

using Numbers = std::vector<std::optional<double>>;

std::string percent(const std::optional<double>& share) {
  return share ? fixed(100 * *share, 2) : "n/a";
}

/// "84.00 (1.5e-04)", as the paper prints a score with half its interval.
std::string with_half_width(const std::optional<double>& share, const std::optional<double>& half) {
  if (!share || !half) return percent(share);
  char text[32];
  std::snprintf(text, sizeof text, "%.1e", *half);
  return percent(share) + " (" + text + ")";
}

std::string range(const std::optional<Interval>& interval) {
  if (!interval) return "n/a";
  return fixed(100 * interval->low, 2) + " to " + fixed(100 * interval->high, 2);
}

Numbers half_widths(const Counts& c, const std::optional<double>& area) {
  const auto r = printed_half_widths(c);
  const int64_t all = c.tp + c.fp + c.fn + c.tn;
  return {r.sensitivity,
          r.specificity,
          r.precision,
          r.f1,
          r.f2,
          r.accuracy,
          area ? normal_half_width(*area, all) : std::nullopt};
}

Counts all_pixels(const std::vector<DetectionFold>& folds) {
  Counts total;
  for (const auto& fold : folds) {
    for (const auto& image : fold.images) total += image.pixels;
  }
  return total;
}

std::vector<std::string> row_head(const DetectionRow& row, const std::string& whose) {
  return {row.network, row.encoder, row.layers, whose};
}

std::vector<std::string> score_head(const std::string& fourth) {
  std::vector<std::string> head = {"network", "encoder", "encoder layers", fourth};
  for (const auto& name : detection_score_names()) head.push_back(name);
  return head;
}

void add_numbers(TextTable& table, const DetectionRow& row, const std::string& whose,
                 const Numbers& scores, const Numbers& halves = {}) {
  auto cells = row_head(row, whose);
  for (size_t i = 0; i < scores.size(); ++i) {
    cells.push_back(halves.empty() ? percent(scores[i]) : with_half_width(scores[i], halves[i]));
  }
  table.rows.push_back(cells);
}

void add_printed(TextTable& table, const DetectionRow& row,
                 const std::map<std::string, std::vector<double>>& printed) {
  const auto found = printed.find(row.recipe);
  if (found == printed.end()) return;
  Numbers numbers(found->second.begin(), found->second.end());
  numbers.resize(detection_score_names().size());
  add_numbers(table, row, "paper", numbers);
}

void add_ranges(TextTable& table, const DetectionRow& row, const std::string& how,
                const std::vector<std::optional<Interval>>& intervals) {
  auto cells = row_head(row, how);
  for (const auto& interval : intervals) cells.push_back(range(interval));
  table.rows.push_back(cells);
}

std::vector<std::optional<Interval>> wilson(const Counts& c) {
  const auto s = share_intervals(c);
  return {s.sensitivity, s.specificity, s.precision, {}, {}, s.accuracy, {}};
}

void add_confusion(TextTable& table, const DetectionRow& row, const std::string& whose,
                   const std::vector<double>& counts) {
  auto cells = row_head(row, whose);
  for (const double count : counts) cells.push_back(fixed(count, 0));
  table.rows.push_back(cells);
}

std::vector<double> confusion(const Counts& c) {
  return {static_cast<double>(c.tn), static_cast<double>(c.fp), static_cast<double>(c.fn),
          static_cast<double>(c.tp)};
}

double mean_ms(const DetectionRow& row) {
  double sum = 0;
  for (const auto& fold : row.folds) sum += fold.ms_per_image;
  return row.folds.empty() ? 0 : sum / static_cast<double>(row.folds.size());
}

std::string csv_cell(const std::optional<double>& value) {
  return value ? shortest(*value) : "";
}

/// One table of one row as JSON by score, and as lines of the CSV.
ordered_json scores_json(DetectionTables& out, const std::string& table, const DetectionRow& row,
                         const Numbers& scores, const Numbers& halves,
                         const std::vector<std::optional<Interval>>& patients,
                         const std::map<std::string, std::vector<double>>& printed) {
  const auto found = printed.find(row.recipe);
  ordered_json document;
  const auto& names = detection_score_names();
  for (size_t i = 0; i < names.size(); ++i) {
    std::optional<double> paper;
    if (found != printed.end() && i < found->second.size()) paper.emplace(found->second[i]);
    document[names[i]] = {{"ours", optional_json(scores[i])},
                          {"printed", optional_json(paper)},
                          {"half_width_as_printed", optional_json(halves[i])},
                          {"interval95_patients", interval_json(patients[i])}};
    const auto& p = patients[i];
    out.csv +=
        csv_line({table, row.recipe, names[i], csv_cell(scores[i]), csv_cell(paper),
                  csv_cell(halves[i]), p ? shortest(p->low) : "", p ? shortest(p->high) : ""});
  }
  return document;
}

}  // namespace

std::string to_markdown(const TextTable& table) {
  return "## " + table.title + "\n\n" + table.note + "\n\n" +
         TableCells{table.head, table.rows}.markdown();
}

DetectionTables detection_tables(const std::vector<DetectionRow>& rows,
                                 const PrintedDetection& printed, Protocol protocol) {
  TextTable pixels{"Segmentation (Table I)",
                   "Percent. Pixels of the test images of a fold counted together, mean of the "
                   "folds; in brackets half the interval as the paper computes it, as a share.",
                   score_head("whose"),
                   {}};
  TextTable pixel_ranges{"Segmentation, intervals that hold",
                         "95 %, all folds together, whole patients drawn with replacement. The "
                         "pixels of an image are not independent, so the paper's are too narrow.",
                         score_head("interval"),
                         {}};
  TextTable images{"Detection (Table III)",
                   "Percent. Infected if any pixel reaches the threshold; images of all folds "
                   "counted together; AUC of the highest probability, mean of the folds (the paper "
                   "prints none). Warning: " +
                       std::string(kSourceWarning) + ".",
                   score_head("whose"),
                   {}};
  TextTable image_ranges{"Detection, intervals that hold",
                         "95 %: Wilson's over images, with the right number below each share (F1 "
                         "and F2 are none), and whole patients drawn with replacement.",
                         score_head("interval"),
                         {}};
  TextTable matrices{"Confusion matrices (Table IV)",
                     "Images, all folds.",
                     {"network", "encoder", "encoder layers", "whose", "TN", "FP", "FN", "TP"},
                     {}};
  TextTable chosen{"Detection at a cut-off chosen on validation patients",
                   "Percent. Infected if the highest probability reaches the cut-off with the best "
                   "sensitivity + specificity on the fold's validation images. Warning: " +
                       std::string(kSourceWarning) + ".",
                   score_head("whose"),
                   {}};
  TextTable timing{"Milliseconds for each image (Table V)",
                   "The network alone, batches of the recipe's size; the paper's on an RTX 2080 "
                   "Ti.",
                   {"network", "encoder", "encoder layers", "ours", "paper", "hours of all folds"},
                   {}};
  DetectionTables out;
  out.csv = csv_line({"table", "recipe", "score", "ours", "printed", "half_width_as_printed",
                      "interval95_low", "interval95_high"});
  out.json["warning"] = kSourceWarning;
  out.json["mode"] = word_of(protocol);
  out.json["rows"] = ordered_json::array();
  for (const auto& row : rows) {
    const auto pixel_scores = mean_pixel_scores(row.folds), image = image_scores(row.folds);
    const Counts pixel_counts = all_pixels(row.folds), counts = images_at_threshold(row.folds);
    const auto pixel_halves = half_widths(pixel_counts, pixel_scores.back());
    const auto image_halves = half_widths(counts, image.back());
    const auto pixel_intervals95 = pixel_intervals(row.folds);
    const auto image_intervals95 = image_intervals(row.folds);
    add_numbers(pixels, row, "ours", pixel_scores, pixel_halves);
    add_printed(pixels, row, printed.segmentation);
    add_ranges(pixel_ranges, row, "patients", pixel_intervals95);
    add_numbers(images, row, "ours", image, image_halves);
    add_printed(images, row, printed.detection);
    add_ranges(image_ranges, row, "Wilson, images", wilson(counts));
    add_ranges(image_ranges, row, "patients", image_intervals95);
    add_confusion(matrices, row, "ours", confusion(counts));
    const auto matrix = printed.confusion.find(row.recipe);
    if (matrix != printed.confusion.end()) add_confusion(matrices, row, "paper", matrix->second);
    add_numbers(chosen, row, "ours", seven_scores(images_at_cutoff(row.folds), image.back()));
    const auto ms = printed.ms.find(row.recipe);
    timing.rows.push_back({row.network, row.encoder, row.layers, fixed(mean_ms(row), 2),
                           ms == printed.ms.end() ? "n/a" : fixed(ms->second.front(), 2),
                           fixed(row.seconds / 3600, 2)});

    ordered_json document = {{"recipe", row.recipe},
                             {"network", row.network},
                             {"encoder", row.encoder},
                             {"encoder_layers", row.layers},
                             {"folds", row.folds.size()}};
    document["segmentation"] = scores_json(out, "segmentation", row, pixel_scores, pixel_halves,
                                           pixel_intervals95, printed.segmentation);
    document["detection"] = scores_json(out, "detection", row, image, image_halves,
                                        image_intervals95, printed.detection);
    document["confusion"] = {
        {"tn", counts.tn}, {"fp", counts.fp}, {"fn", counts.fn}, {"tp", counts.tp}};
    const Counts at_cutoff = images_at_cutoff(row.folds);
    document["confusion_at_validation_cutoff"] = protocol == Protocol::strict
                                                     ? ordered_json{{"tn", at_cutoff.tn},
                                                                    {"fp", at_cutoff.fp},
                                                                    {"fn", at_cutoff.fn},
                                                                    {"tp", at_cutoff.tp}}
                                                     : ordered_json(nullptr);
    document["ms_per_image"] = mean_ms(row);
    document["seconds"] = row.seconds;
    out.json["rows"].push_back(document);
  }
  out.tables = {pixels, pixel_ranges, images, image_ranges, matrices};
  if (protocol == Protocol::strict) out.tables.push_back(chosen);
  out.tables.push_back(timing);
  return out;
}

}  // namespace groundglass
