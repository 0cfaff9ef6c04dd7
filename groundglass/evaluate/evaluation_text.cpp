#include "groundglass/evaluate/evaluation_text.h"

#include <cstdio>

#include "groundglass/core/csv.h"
#include "groundglass/core/text.h"
#include "groundglass/evaluate/class_table.h"
#include "groundglass/evaluate/table_cells.h"

namespace groundglass {
namespace {

/// What std::printf would write.
template <class... Values>
std::string formatted(const char* format, const Values&... values) {
  std::string text(static_cast<size_t>(std::snprintf(nullptr, 0, format, values...)), '\0');
  std::snprintf(text.data(), text.size() + 1, format, values...);
  return text;
}

std::string dash_cell(const std::optional<double>& value, int digits = 4) {
  return value ? fixed(*value, digits) : "-";
}

std::string interval_cell(const std::optional<Interval>& interval, int digits = 3) {
  return interval ? fixed(interval->low, digits) + " to " + fixed(interval->high, digits) : "-";
}

std::string pixel_lines(const std::vector<ScoredItem>& items) {
  std::string text = formatted("%-18s %6s %6s %9s %9s %8s %8s %8s %8s  %-16s %s\n", "domain",
                               "masks", "cases", "patients", "soft Dice", "Dice", "IoU", "prec.",
                               "sens.", "Dice 95 %", "mean Dice of cases (95 %)");
  for (const auto& d : domain_scores(items)) {
    const auto mean = d.means.scores.find("dice");
    text += formatted(
        "%-18s %6lld %6lld %9lld %9s %8s %8s %8s %8s  %-16s %s (%s)\n", d.name.c_str(),
        static_cast<long long>(d.items), static_cast<long long>(d.means.cases),
        static_cast<long long>(d.intervals.patients), dash_cell(d.pooled.soft_dice).c_str(),
        dash_cell(d.pooled.dice).c_str(), dash_cell(d.pooled.iou).c_str(),
        dash_cell(d.pooled.precision).c_str(), dash_cell(d.pooled.sensitivity).c_str(),
        interval_cell(d.intervals.pooled).c_str(),
        mean == d.means.scores.end() ? "-" : fixed(mean->second.mean, 4).c_str(),
        interval_cell(d.intervals.case_mean).c_str());
  }
  const auto means = case_means(by_case(items));
  text += "cases:";
  for (const auto& [status, n] : means.status) text += " " + std::to_string(n) + " " + status;
  return text + "\n";
}

/// Lesions of all cases together, then means of the cases' own scores.
std::string shape_lines(const std::vector<ScoredItem>& items, const ShapeOptions& shapes) {
  std::string text = formatted("\n%-18s %8s %8s %8s  %-16s %9s %s  %9s %9s %12s\n", "domain",
                               "lesions", "found", "sens.", "sens. 95 %", "false pos",
                               "per case (95 %)       ", "HD95 mm", "ASSD mm", "surface Dice");
  bool no_spacing = false;
  for (const auto& d : domain_shapes(items, shapes.tolerance_mm)) {
    const auto false_positives = value_named(d.intervals, "false_positives");
    const std::string per_case = dash_cell(value_named(d.means, "false_positives"), 1) + " (" +
                                 interval_cell(false_positives, 1) + ")";
    text += formatted("%-18s %8lld %8lld %8s  %-16s %9lld %-22s  %9s %9s %12s\n", d.name.c_str(),
                      static_cast<long long>(d.sum.lesions.reference),
                      static_cast<long long>(d.sum.lesions.found),
                      dash_cell(d.pooled.lesion_sensitivity, 3).c_str(),
                      interval_cell(d.pooled_sensitivity).c_str(),
                      static_cast<long long>(d.sum.lesions.false_positives), per_case.c_str(),
                      dash_cell(value_named(d.means, "hd95_mm"), 2).c_str(),
                      dash_cell(value_named(d.means, "assd_mm"), 2).c_str(),
                      dash_cell(value_named(d.means, "surface_dice")).c_str());
    no_spacing = no_spacing || d.sum.with_spacing < d.sum.masks;
  }
  text += "lesions of pictures are counted in each slice; distances and surface Dice (" +
          shortest(shapes.tolerance_mm) + " mm) are means of cases";
  if (no_spacing) text += "; pictures have no mm: --spacing-mm ROW,COLUMN gives them";
  return text + "\n";
}

std::string class_lines(const std::vector<ScoredItem>& items) {
  std::string text;
  for (int64_t label = 1; label <= counted_classes(items); ++label) {
    text += "\nclass " + std::to_string(label) + " alone\n";
    text += pixel_lines(items_of_class(items, label));
  }
  return text;
}

/// Scores of single classes that stand in the table beside those of the foreground.
bool is_class_score(const std::string& name) {
  return name.rfind("soft", 0) != 0;
}

std::vector<std::string> csv_head(int64_t classes) {
  std::vector<std::string> head = {"case", "domain", "patient", "status"};
  head.insert(head.end(), score_names().begin(), score_names().end());
  for (const char* name : {"lesions", "lesions_found", "lesions_predicted"}) head.push_back(name);
  head.insert(head.end(), shape_names().begin(), shape_names().end());
  head.push_back("distance_status");
  for (int64_t label = 1; label <= classes; ++label) {
    for (const auto& name : score_names()) {
      if (is_class_score(name)) head.push_back(name + "_class_" + std::to_string(label));
    }
  }
  return head;
}

}  // namespace

std::string evaluation_text(const std::vector<ScoredItem>& items, const ShapeOptions& shapes) {
  return pixel_lines(items) + shape_lines(items, shapes) + class_lines(items);
}

std::string cases_csv(const std::vector<ScoredItem>& items, double tolerance_mm) {
  const int64_t classes = counted_classes(items);
  std::string text = csv_line(csv_head(classes));
  for (const auto& item : by_case(items)) {
    std::vector<std::string> cells = {item.case_id, item.domain, item.patient,
                                      to_string(case_status(item.counts))};
    const auto add = [&](const std::optional<double>& value) {
      cells.push_back(value ? shortest(*value) : "");
    };
    const ScoreRow row = pooled_scores({item});
    for (const auto& name : score_names()) add(score(row, name));
    const LesionCounts& lesions = item.shapes->lesions;
    for (const int64_t n : {lesions.reference, lesions.found, lesions.predicted}) {
      cells.push_back(std::to_string(n));
    }
    const ShapeRow shapes = shape_row(*item.shapes, tolerance_mm);
    for (const auto& name : shape_names()) add(shape_score(shapes, name));
    cells.push_back(distance_status(item));
    for (int64_t label = 1; label <= classes; ++label) {
      const ScoreRow one = pooled_scores(items_of_class({item}, label));
      for (const auto& name : score_names()) {
        if (is_class_score(name)) add(score(one, name));
      }
    }
    text += csv_line(cells);
  }
  return text;
}

}  // namespace groundglass
