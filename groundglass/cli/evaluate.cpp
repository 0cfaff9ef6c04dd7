#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/evaluate/class_table.h"
#include "groundglass/evaluate/pairs.h"
#include "groundglass/evaluate/shape_table.h"
#include "groundglass/evaluate/table_cells.h"

namespace groundglass {
namespace {

struct EvaluateArguments {
  std::string predictions, references, output, spacing;
  DataOptions data{"", "any", 2};
  ShapeOptions shapes;
};

std::string cell(const std::optional<double>& value, int digits = 4) {
  return value ? fixed(*value, digits) : "-";
}

std::string interval_cell(const std::optional<Interval>& interval, int digits = 3) {
  return interval ? fixed(interval->low, digits) + " to " + fixed(interval->high, digits) : "-";
}

void print_pixels(const std::vector<ScoredItem>& items) {
  std::printf("%-18s %6s %6s %9s %9s %8s %8s %8s %8s  %-16s %s\n", "domain", "masks", "cases",
              "patients", "soft Dice", "Dice", "IoU", "prec.", "sens.", "Dice 95 %",
              "mean Dice of cases (95 %)");
  for (const auto& d : domain_scores(items)) {
    const auto mean = d.means.scores.find("dice");
    std::printf("%-18s %6lld %6lld %9lld %9s %8s %8s %8s %8s  %-16s %s (%s)\n", d.name.c_str(),
                static_cast<long long>(d.items), static_cast<long long>(d.means.cases),
                static_cast<long long>(d.intervals.patients), cell(d.pooled.soft_dice).c_str(),
                cell(d.pooled.dice).c_str(), cell(d.pooled.iou).c_str(),
                cell(d.pooled.precision).c_str(), cell(d.pooled.sensitivity).c_str(),
                interval_cell(d.intervals.pooled).c_str(),
                mean == d.means.scores.end() ? "-" : fixed(mean->second.mean, 4).c_str(),
                interval_cell(d.intervals.case_mean).c_str());
  }
  const auto means = case_means(by_case(items));
  std::cout << "cases:";
  for (const auto& [status, n] : means.status) std::cout << " " << n << " " << status;
  std::cout << std::endl;
}

/// Lesions of all cases together, then means of the cases' own scores.
void print_shapes(const std::vector<ScoredItem>& items, const ShapeOptions& shapes) {
  std::printf("\n%-18s %8s %8s %8s  %-16s %9s %s  %9s %9s %12s\n", "domain", "lesions", "found",
              "sens.", "sens. 95 %", "false pos", "per case (95 %)       ", "HD95 mm", "ASSD mm",
              "surface Dice");
  bool no_spacing = false;
  for (const auto& d : domain_shapes(items, shapes.tolerance_mm)) {
    const auto false_positives = value_named(d.intervals, "false_positives");
    const std::string per_case = cell(value_named(d.means, "false_positives"), 1) + " (" +
                                 interval_cell(false_positives, 1) + ")";
    std::printf("%-18s %8lld %8lld %8s  %-16s %9lld %-22s  %9s %9s %12s\n", d.name.c_str(),
                static_cast<long long>(d.sum.lesions.reference),
                static_cast<long long>(d.sum.lesions.found),
                cell(d.pooled.lesion_sensitivity, 3).c_str(),
                interval_cell(d.pooled_sensitivity).c_str(),
                static_cast<long long>(d.sum.lesions.false_positives), per_case.c_str(),
                cell(value_named(d.means, "hd95_mm"), 2).c_str(),
                cell(value_named(d.means, "assd_mm"), 2).c_str(),
                cell(value_named(d.means, "surface_dice")).c_str());
    no_spacing = no_spacing || d.sum.with_spacing < d.sum.masks;
  }
  std::cout << "lesions of pictures are counted in each slice; distances and surface Dice ("
            << shortest(shapes.tolerance_mm) << " mm) are means of cases";
  if (no_spacing) std::cout << "; pictures have no mm: --spacing-mm ROW,COLUMN gives them";
  std::cout << std::endl;
}

void print_classes(const std::vector<ScoredItem>& items) {
  for (int64_t label = 1; label <= counted_classes(items); ++label) {
    std::cout << "\nclass " << label << " alone" << std::endl;
    print_pixels(items_of_class(items, label));
  }
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

/// "0.7,0.65": mm between rows and between columns.
std::vector<double> spacing_of_words(const std::string& words) {
  if (words.empty()) return {};
  std::vector<double> spacing;
  for (const auto& word : split_text(words, ',')) {
    char* end = nullptr;
    spacing.push_back(std::strtod(word.c_str(), &end));
    if (!word.empty() && *end == 0) continue;
    fail(ErrorKind::usage, "--spacing-mm is " + in_quotes(words) +
                               ", expected mm between rows and between columns, like 0.7,0.7");
  }
  return spacing;
}

void run_evaluate(const EvaluateArguments& a, const Context& context) {
  a.data.check();
  ShapeOptions shapes = a.shapes;
  shapes.picture_spacing_mm = spacing_of_words(a.spacing);
  shapes.check();
  const auto observer = console_observer(context);
  const auto pairs = pair_masks(a.predictions, a.references, {a.data.mask});
  const auto items = score_pairs(pairs, a.data, context.threads, *observer, shapes);
  auto document = evaluation_json(items);
  add_shapes(document, items, shapes);
  add_classes(document, items);
  if (!a.output.empty()) {
    write_file(std::filesystem::path(a.output) / "evaluation.json", document.dump(1) + "\n");
    write_file(std::filesystem::path(a.output) / "cases.csv",
               cases_csv(items, shapes.tolerance_mm));
  }
  if (context.json) return print_json(document);
  print_pixels(items);
  print_shapes(items, shapes);
  print_classes(items);
}

}  // namespace

void add_evaluate(CLI::App& app, Context& context) {
  auto a = std::make_shared<EvaluateArguments>();
  auto* verb = add_verb(app, context, "evaluate", "hold predicted masks against reference masks",
                        [a, &context] { run_evaluate(*a, context); });
  verb->add_option("predictions", a->predictions, "what `predict` wrote")->required();
  verb->add_option("references", a->references, "data set table or folder, or folder of masks")
      ->required();
  verb->add_option("-o,--output", a->output, "folder for evaluation.json and cases.csv");
  verb->add_option("--mask", a->data.mask, "mask column of the table");
  verb->add_option("--labels", a->data.labels,
                   "reference values: any (above 0 is infected), binary or classes");
  verb->add_option("--classes", a->data.classes,
                   "for --labels classes: how many, with the background; each is scored alone too");
  verb->add_option("--spacing-mm", a->spacing,
                   "mm between rows and columns of pictures, like 0.7,0.7; volumes know theirs");
  verb->add_option("--tolerance-mm", a->shapes.tolerance_mm, "of the surface Dice")
      ->capture_default_str();
  verb->add_option("--smallest-lesion", a->shapes.smallest_lesion,
                   "pixels or voxels; smaller pieces are no lesions")
      ->capture_default_str();
  verb->add_option("--smallest-lesion-mm3", a->shapes.smallest_lesion_mm3, "the same for volumes")
      ->capture_default_str();
  verb->add_option("--lesion-overlap", a->shapes.lesion_overlap,
                   "share of a lesion to be covered before it is found; 0: one pixel")
      ->capture_default_str();
}

}  // namespace groundglass
