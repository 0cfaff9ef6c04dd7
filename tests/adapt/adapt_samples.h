#pragma once

#include <csignal>

#include "groundglass/core/process.h"
#include "groundglass/core/rng.h"
#include "groundglass/data/prepared_set.h"
#include "groundglass/recipe/recipe.h"
#include "tests/scratch_folder.h"

namespace groundglass {

/// A recipe that trains in a second or two.
inline Recipe small_adapt_recipe(const std::vector<std::string>& overrides = {}) {
  return parse_recipe(R"([preprocess]
window_hu = [-1000, 400]
contrast = "none"
size = [32, 32]
[augment]
warp_probability = 0.0
[split]
mode = "shares"
folds = 2
test_fraction = 0.3
validation_fraction = 0.2
train_domains = ["near"]
[model]
name = "unet"
widths = [4, 8, 8]
[loss]
terms = [{name = "dice", weight = 1.0, smooth = 1.0}, {name = "cross_entropy", weight = 1.0}]
[train]
epochs = 4
steps_per_epoch = 8
batch_size = 4
learning_rate = 1e-2
monitor = "hard_dice"
[adapt]
limit = 0.5
share = 0.5
)",
                      "small.toml", overrides);
}

/// Noisy slices with a bright disc, the lesion, of two hospitals: "near" (6 patients, 4 slices
/// each), and "far" (5 patients), whose pictures are darker. Rows are near/p0/0 and so on.
inline PreparedSet two_hospitals(const ScratchFolder& folder, const std::string& name = "set.ggset",
                                 bool far_is_labelled = true, bool far_has_lesions = true) {
  PreparedHeader header;
  header.source = "made up";
  header.preprocess = preprocess_text(small_adapt_recipe().preprocess);
  header.fingerprint = name;
  header.height = header.width = 32;
  for (const std::string domain : {"near", "far"}) {
    for (int p = 0; p < (domain == "near" ? 6 : 5); ++p) {
      for (int s = 0; s < 4; ++s) {
        const std::string patient = "p" + std::to_string(p), study = domain + "/" + patient;
        header.rows.push_back({study + "/" + std::to_string(s), study, patient, domain, "",
                               domain == "near" || far_is_labelled});
      }
    }
  }
  PreparedSetWriter writer(folder / name, header);
  for (size_t row = 0; row < header.rows.size(); ++row) {
    Rng rng = rng_for(5, 0, row);
    const bool far = header.rows[row].domain == "far";
    const auto noise = torch::empty({32, 32}, torch::kFloat64);
    for (int64_t i = 0; i < noise.numel(); ++i) noise.data_ptr<double>()[i] = rng.uniform(0, 50);
    const double cx = rng.uniform(10, 22), cy = rng.uniform(10, 22), r = rng.uniform(5, 8);
    const auto x = torch::arange(32, torch::kFloat64).unsqueeze(0), y = x.t();
    const auto disc = (x - cx).square() + (y - cy).square() < r * r;
    const auto gray = (noise + 20 + 140 * disc) * (far ? 0.8 : 1.0);
    const auto mask = far && !(far_is_labelled && far_has_lesions) ? torch::zeros_like(disc) : disc;
    writer.write(static_cast<int64_t>(row), gray.to(torch::kUInt8).unsqueeze(0),
                 mask.to(torch::kUInt8));
  }
  writer.finish();
  return PreparedSet(folder / name);
}

inline std::vector<int64_t> rows_in(const PreparedSet& set, const std::string& domain) {
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < set.size(); ++i) {
    if (set.rows()[static_cast<size_t>(i)].domain == domain) rows.push_back(i);
  }
  return rows;
}

/// Asks for a stop when so many steps have been done in all.
class StopAfterSteps final : public Observer {
 public:
  explicit StopAfterSteps(int64_t steps) : left_(steps) {}
  void on(const Progress& e) override {
    if (e.what == "steps" && --left_ == 0) request_stop(SIGTERM);
  }

 private:
  int64_t left_;
};

/// Collects warnings.
class WarningCollector final : public Observer {
 public:
  void on(const Warning& e) override { all += e.message + "\n"; }
  std::string all;
};

}  // namespace groundglass
