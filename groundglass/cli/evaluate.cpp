#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"
#include "groundglass/evaluate/class_table.h"
#include "groundglass/evaluate/evaluation_text.h"
#include "groundglass/evaluate/pairs.h"

namespace groundglass {
namespace {

struct EvaluateArguments {
  std::string predictions, references, output, spacing;
  DataOptions data{"", MaskLabels::any, 2};
  ShapeOptions shapes;
};

/// "0.7,0.65": mm between rows and between columns.
std::vector<double> spacing_of_words(const std::string& words) {
  if (words.empty()) return {};
  std::vector<double> spacing;
  for (const auto& word : split_text(words, ',')) {
    const auto mm = number_in(word);
    spacing.push_back(mm.value_or(0));
    if (mm && *mm > 0) continue;
    fail(ErrorKind::usage, "--spacing-mm is " + in_quotes(words) +
                               ", expected mm between rows and between columns, like 0.7,0.7");
  }
  return spacing;
}

void run_evaluate(const EvaluateArguments& a, const Context& context) {
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
    write_file(std::filesystem::path(a.output) / "evaluation.json", json_text(document, 1) + "\n");
    write_file(std::filesystem::path(a.output) / "cases.csv",
               cases_csv(items, shapes.tolerance_mm));
  }
  if (context.json) return print_json(document);
  std::cout << evaluation_text(items, shapes) << std::flush;
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
  add_labels_option(verb, a->data,
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
