#include <algorithm>
#include <iostream>
#include <numeric>
#include <optional>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/infer/plan/int8_ranges.h"
#include "groundglass/preprocess/normalise.h"
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

/// Rows of the set: those that the ranges come from, and others to see what they are worth.
struct ChosenImages {
  std::vector<int64_t> ranges, parity;
  std::string ranges_from, parity_from;
};

/// `count` of the numbers at equal distances, the first chosen by the seed, in order.
std::vector<int64_t> spread_evenly(const std::vector<int64_t>& rows, int64_t count, int64_t seed) {
  const auto all = static_cast<int64_t>(rows.size());
  if (count >= all) return rows;
  std::vector<int64_t> chosen;
  const int64_t begin = seed % all;
  for (int64_t i = 0; i < count; ++i) {
    chosen.push_back(rows[static_cast<size_t>((begin + i * all / count) % all)]);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

std::vector<int64_t> rows_of(const std::vector<Entry>& entries) {
  std::vector<int64_t> rows;
  for (const Entry& e : entries) {
    if (e.copy == 0) rows.push_back(e.row);
  }
  return rows;
}

ChosenImages choose(const TrainedModel& trained, const PreparedSet& set, int64_t images,
                    int64_t seed) {
  ChosenImages choice;
  const RunFolder run = trained.path;
  if (fs::exists(run.split())) {
    const Split split = run.read_split(set, "");
    choice.ranges = spread_evenly(rows_of(split.train), images, seed);
    choice.parity = spread_evenly(rows_of(split.validation), images, seed);
    choice.ranges_from = "training images of the split";
    choice.parity_from = "validation images of the split";
    if (choice.ranges.empty()) {
      fail(ErrorKind::data,
           run.split().string() + ": holds no training images to find the ranges on");
    }
    return choice;
  }
  std::vector<int64_t> all(static_cast<size_t>(set.size())), others;
  std::iota(all.begin(), all.end(), 0);
  choice.ranges = spread_evenly(all, images, seed);
  std::set_difference(all.begin(), all.end(), choice.ranges.begin(), choice.ranges.end(),
                      std::back_inserter(others));
  choice.parity = spread_evenly(others, images, seed);
  choice.ranges_from = "images spread over the set";
  choice.parity_from = "other images of the set, perhaps of the same patients";
  return choice;
}

/// What one plan says of many images beside the float plan and beside their masks.
struct Sums {
  double difference = 0, reference = 0;
  double both = 0, either = 0;            ///< of the two plans' foregrounds
  double mask_both = 0, mask_either = 0;  ///< of the plan and the masks

  ordered_json json() const {
    const auto dice = [](double a, double b) { return b > 0 ? 2 * a / b : 1.0; };
    return {{"relative_error", reference > 0 ? difference / reference : 0},
            {"dice_to_fp32", dice(both, either)},
            {"dice_to_masks",
             mask_either > 0 ? ordered_json(dice(mask_both, mask_either)) : ordered_json(nullptr)}};
  }
};

class Quantiser {
 public:
  Quantiser(const TrainedModel& trained, const PreparedSet& set)
      : trained_(trained),
        set_(set),
        size_{set.header().channels, set.header().height, set.header().width},
        traced_(trace_model(*trained.model, ExportOutput::logits, size_[1], size_[2])),
        float_(traced_, size_, {.winograd = false}) {}

  InputRanges ranges(const std::vector<int64_t>& rows, Observer& observer) const {
    InputRanges ranges;
    for (size_t i = 0; i < rows.size(); ++i) {
      widen_ranges(ranges, float_, image(rows[i]));
      observer.on(Progress{"images for the ranges", static_cast<int64_t>(i) + 1,
                           static_cast<int64_t>(rows.size()), ""});
    }
    return ranges;
  }

  /// Of the plans in float, bfloat16 (where there is one) and 8 bits, pooled over the rows.
  ordered_json parity(const std::vector<int64_t>& rows, const InputRanges& ranges,
                      Observer& observer) const {
    std::vector<std::pair<std::string, const Plan*>> plans = {{"fp32", &float_}};
    std::optional<Plan> half;
    if (Plan::available(torch::kBFloat16)) {
      plans.emplace_back("bf16",
                         &half.emplace(traced_, size_, PlanOptions{.precision = torch::kBFloat16}));
    }
    const Plan bytes(traced_, size_, {.precision = torch::kQInt8, .ranges = ranges});
    plans.emplace_back("int8", &bytes);
    std::vector<Sums> sums(plans.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto x = image(rows[i]);
      const auto reference = float_.run(x);
      for (size_t k = 0; k < plans.size(); ++k) {
        add(sums[k], k == 0 ? reference : plans[k].second->run(x), reference, rows[i]);
      }
      observer.on(Progress{"images for the parity", static_cast<int64_t>(i) + 1,
                           static_cast<int64_t>(rows.size()), ""});
    }
    ordered_json parity = ordered_json::object();
    for (size_t k = 0; k < plans.size(); ++k) parity[plans[k].first] = sums[k].json();
    return parity;
  }

 private:
  torch::Tensor image(int64_t row) const {
    return normalised(set_.image(row).unsqueeze(0), trained_.recipe.preprocess.normalise);
  }

  void add(Sums& sums, const torch::Tensor& found, const torch::Tensor& reference,
           int64_t row) const {
    const auto number = [](const torch::Tensor& t) { return t.sum().item<double>(); };
    const auto foreground = [&](const torch::Tensor& logits) {
      return labels(probabilities(logits), trained_.threshold) > 0;
    };
    sums.difference += number((found - reference).abs().to(torch::kFloat64));
    sums.reference += number(reference.abs().to(torch::kFloat64));
    const auto ours = foreground(found), theirs = foreground(reference);
    sums.both += number(ours & theirs);
    sums.either += number(ours) + number(theirs);
    if (!set_.rows()[static_cast<size_t>(row)].has_mask) return;
    const auto mask = set_.mask(row).unsqueeze(0), known = mask != 255, lesion = mask > 0;
    sums.mask_both += number(ours & lesion & known);
    sums.mask_either += number(ours & known) + number(lesion & known);
  }

  const TrainedModel& trained_;
  const PreparedSet& set_;
  std::array<int64_t, 3> size_;
  TracedModel traced_;
  Plan float_;
};

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
  const ChosenImages choice = choose(trained, set, a.images, seed);
  const Quantiser quantiser(trained, set);
  const InputRanges ranges = quantiser.ranges(choice.ranges, *console);
  const fs::path file = int8_file(trained.path);
  ordered_json document = {{"model", trained.name},
                           {"weights_sha256", trained.weights_sha256},
                           {"data", set.header().source},
                           {"set", fs::path(a.data).filename().string()},
                           {"size", {set.header().height, set.header().width}},
                           {"images", choice.ranges.size()},
                           {"images_from", choice.ranges_from},
                           {"seed", seed},
                           {"percentile", kInt8Percentile},
                           {"parity_images", choice.parity.size()},
                           {"parity_images_from", choice.parity_from},
                           {"parity", nullptr}};
  if (!choice.parity.empty()) {
    document["parity"] = quantiser.parity(choice.parity, ranges, *console);
  }
  document["ranges"] = ordered_json::parse(ranges_json(ranges));
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
