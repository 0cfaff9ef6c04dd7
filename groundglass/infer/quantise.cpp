#include "groundglass/infer/quantise.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "groundglass/core/error.h"
#include "groundglass/core/json.h"
#include "groundglass/core/task.h"
#include "groundglass/infer/plan/int8_ranges.h"
#include "groundglass/preprocess/normalise.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

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
             optional_json(mask_either > 0 ? std::optional(dice(mask_both, mask_either))
                                           : std::nullopt)}};
  }
};

class Quantiser {
 public:
  Quantiser(const ModelPtr& model, const PreparedSet& set, const QuantiseOptions& options)
      : options_(options),
        set_(set),
        size_{set.header().channels, set.header().height, set.header().width},
        traced_(trace_model(*model, ExportOutput::logits, size_[1], size_[2])),
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
    return normalised(set_.image(row).unsqueeze(0), options_.normalise);
  }

  void add(Sums& sums, const torch::Tensor& found, const torch::Tensor& reference,
           int64_t row) const {
    const auto number = [](const torch::Tensor& t) { return t.sum().item<double>(); };
    const auto foreground = [&](const torch::Tensor& logits) {
      return labels(probabilities(logits), options_.threshold) > 0;
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

  const QuantiseOptions& options_;
  const PreparedSet& set_;
  std::array<int64_t, 3> size_;
  TracedModel traced_;
  Plan float_;
};

}  // namespace

QuantiseRows quantise_rows(const PreparedSet& set, const std::optional<Split>& split,
                           int64_t images, int64_t seed) {
  QuantiseRows rows;
  if (split) {
    rows.ranges = spread_evenly(rows_of(split->train), images, seed);
    rows.parity = spread_evenly(rows_of(split->validation), images, seed);
    rows.ranges_from = "training images of the split";
    rows.parity_from = "validation images of the split";
    return rows;
  }
  std::vector<int64_t> all(static_cast<size_t>(set.size())), others;
  std::iota(all.begin(), all.end(), 0);
  rows.ranges = spread_evenly(all, images, seed);
  std::set_difference(all.begin(), all.end(), rows.ranges.begin(), rows.ranges.end(),
                      std::back_inserter(others));
  rows.parity = spread_evenly(others, images, seed);
  rows.ranges_from = "images spread over the set";
  rows.parity_from = "other images of the set, perhaps of the same patients";
  return rows;
}

Quantised quantised(const ModelPtr& model, const PreparedSet& set, const QuantiseRows& rows,
                    const QuantiseOptions& options, Observer& observer) {
  const Quantiser quantiser(model, set, options);
  Quantised found{quantiser.ranges(rows.ranges, observer), nullptr};
  if (found.ranges.empty()) {
    fail(ErrorKind::usage,
         "this network has no convolution that gains from 8 bits (dense, with at least 16 channels "
         "on both sides); predict runs it in bf16 or fp32");
  }
  if (!rows.parity.empty()) {
    found.parity = quantiser.parity(rows.parity, found.ranges, observer);
  }
  return found;
}

}  // namespace groundglass
