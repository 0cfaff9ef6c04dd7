#include <algorithm>
#include <iostream>
#include <optional>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/infer/plan/int8_ranges.h"
#include "groundglass/infer/quantise.h"
#include "groundglass/runs/fold_job.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

struct QuantiseArguments {
  std::string model, data;
  int64_t images = 32;
};

/// The split of a run folder; nothing for a weights file. Throws Error(data) for one without
/// training images.
std::optional<Split> split_of(const TrainedModel& trained, const PreparedSet& set) {
  const RunFolder run = trained.path;
  if (!fs::exists(run.split())) return std::nullopt;
  Split split = run.read_split(set, "");
  const auto is_original = [](const Entry& e) { return e.copy == 0; };
  if (std::none_of(split.train.begin(), split.train.end(), is_original)) {
    fail(ErrorKind::data,
         run.split().string() + ": holds no training images to find the ranges on");
  }
  return split;
}

void print(const ordered_json& document, const fs::path& file) {
  std::cout << file.string() << ": ranges of " << document["ranges"].size() << " maps from "
            << document["images"] << " " << document["images_from"].get<std::string>() << "\n";
  if (document["parity"].is_null()) {
    std::cout << "no image is left to compare on\n";
  } else {
    std::cout << document["parity_images"] << " "
              << document["parity_images_from"].get<std::string>() << ":\n";
    for (const auto& [name, p] : document["parity"].items()) {
      std::cout << "  " << name << ": logits differ by "
                << fixed(100 * p["relative_error"].get<double>(), 2)
                << " % of their mean, Dice to fp32 " << fixed(p["dice_to_fp32"].get<double>(), 4);
      if (!p["dice_to_masks"].is_null()) {
        std::cout << ", Dice to the masks " << fixed(p["dice_to_masks"].get<double>(), 4);
      }
      std::cout << "\n";
    }
  }
  std::cout << "predict and detect run in it with --precision int8, and only then" << std::endl;
}

void run_quantise(const QuantiseArguments& a, const Context& context) {
  if (!Plan::available(torch::kQInt8)) {
    fail(ErrorKind::usage,
         "this program cannot run int8 on this processor: that takes oneDNN and AVX512_VNNI");
  }
  const auto console = console_observer(context);
  const TrainedModel trained = load_chosen_model(a.model, context.overrides);
  const PreparedSet set(a.data);
  check_set_fits(trained.recipe, set);
  const int64_t seed = context.seed >= 0 ? context.seed : trained.recipe.train.seed;
  const QuantiseRows rows = quantise_rows(set, split_of(trained, set), a.images, seed);
  const Quantised found = quantised(
      trained.model, set, rows,
      {.normalise = trained.recipe.preprocess.normalise, .threshold = trained.threshold}, *console);
  const fs::path file = int8_file(trained.path);
  ordered_json document = {{"model", trained.name},
                           {"weights_sha256", trained.weights_sha256},
                           {"data", set.header().source},
                           {"set", fs::path(a.data).filename().string()},
                           {"size", {set.header().height, set.header().width}},
                           {"images", rows.ranges.size()},
                           {"images_from", rows.ranges_from},
                           {"seed", seed},
                           {"percentile", kInt8Percentile},
                           {"parity_images", rows.parity.size()},
                           {"parity_images_from", rows.parity_from},
                           {"parity", found.parity},
                           {"ranges", ranges_json(found.ranges)}};
  document["version"] = version();
  document["commit"] = commit();
  document["note"] = kNotAMedicalDevice;
  write_file(file, document.dump(1) + "\n");
  if (context.json) return print_json(document);
  print(document, file);
}

}  // namespace

void add_quantise(CLI::App& app, Context& context) {
  auto a = std::make_shared<QuantiseArguments>();
  auto* verb = add_verb(app, context, "quantise",
                        "find the ranges that predict and detect need for --precision int8",
                        [a, &context] { run_quantise(*a, context); });
  verb->add_option("--model", a->model, "run folder, weights file or name (the bundled CT model)");
  verb->add_option("--data", a->data, "prepared set (.ggset) as the network was trained on")
      ->required();
  verb->add_option("--images", a->images, "for the ranges, and others to see what they are worth")
      ->check(CLI::Range(1, 100000));
}

}  // namespace groundglass
