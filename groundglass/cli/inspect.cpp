#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/data/curation.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/described_input.h"
#include "groundglass/recipe/recipe.h"
#include "groundglass/report/figure.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

struct InspectArguments {
  std::string input, sheet, recipe, curated;
  DataOptions data{"", MaskLabels::any, 2};
};

void print_text(const ordered_json& document) {
  for (const auto& [key, value] : document.items()) {
    if (value.is_array() && !value.empty() && (value[0].is_object() || value[0].is_string())) {
      std::cout << key << ":\n";
      for (const auto& item : value) {
        std::cout << "  " << (item.is_string() ? item.get<std::string>() : json_text(item)) << "\n";
      }
    } else if (value.is_string() && value.get<std::string>().find('\n') != std::string::npos) {
      std::cout << key << ":\n";
      for (const auto& line : split_text(value.get<std::string>(), '\n')) {
        if (!line.empty()) std::cout << "  " << line << "\n";
      }
    } else {
      std::cout << key << ": " << (value.is_string() ? value.get<std::string>() : json_text(value))
                << "\n";
    }
  }
}

/// Adds what a collector would take out, and writes the rest as a table.
void add_curation(const InspectArguments& a, const Context& context, Observer& observer,
                  ordered_json& document) {
  if (document.value("kind", "") != "data set") {
    fail(ErrorKind::usage, a.input +
                               ": --curated needs a data set (a CSV table or a folder of "
                               "images and masks), found " +
                               document.value("kind", "something else"));
  }
  const Dataset dataset = read_dataset(a.input, {a.data.mask});
  const Curation found = find_copies_and_over_exposed(dataset, {}, context.threads, observer);
  document["copies"] = found.copies.size();
  document["over_exposed"] = found.over_exposed.size();
  document["left_out"] = curation_lines(found, dataset);
  document["kept"] = write_curated(a.curated, dataset, found);
  document["curated"] = a.curated;
}

void run_inspect(const InspectArguments& a, const Context& context) {
  const auto observer = console_observer(context);
  ordered_json document = described_input(a.input, a.data, context.threads, *observer);
  if (!a.curated.empty()) add_curation(a, context, *observer, document);
  if (context.json) {
    print_json(document);
  } else {
    print_text(document);
  }
  if (!a.sheet.empty()) {
    if (!is_prepared_set(a.input))
      fail(ErrorKind::usage, "--contact-sheet needs a prepared set (.ggset)");
    const AugmentOptions augment =
        a.recipe.empty() ? AugmentOptions{} : read_recipe(a.recipe, context.overrides).augment;
    const uint64_t seed = context.seed >= 0 ? static_cast<uint64_t>(context.seed) : 1;
    write_png(a.sheet, augmentation_sheet(PreparedSet(a.input), augment, 6, 7, seed));
  }
  const auto problems = document.value("problems", std::vector<std::string>());
  if (!problems.empty()) {
    fail(ErrorKind::data, a.input + ": " + std::to_string(problems.size()) + " problem" +
                              (problems.size() > 1 ? "s" : "") + ", listed above");
  }
}

}  // namespace

void add_inspect(CLI::App& app, Context& context) {
  auto a = std::make_shared<InspectArguments>();
  auto* verb = add_verb(app, context, "inspect",
                        "what a file, folder, series, data set or prepared set is; every problem",
                        [a, &context] { run_inspect(*a, context); });
  verb->add_option("input", a->input, "anything that the other verbs read")->required();
  verb->add_option("--mask", a->data.mask, "mask column of a table");
  add_labels_option(verb, a->data, "mask values: any, binary or classes");
  verb->add_option("--classes", a->data.classes, "for --labels classes: how many");
  verb->add_option("--curated", a->curated,
                   "data sets: write a table without copies and over-exposed pictures, and list "
                   "these");
  verb->add_option("--contact-sheet", a->sheet, "prepared sets: PNG of slices and augmentations");
  verb->add_option("--recipe", a->recipe, "whose [augment] the contact sheet shows");
  add_override_option(verb, context);
}

}  // namespace groundglass
