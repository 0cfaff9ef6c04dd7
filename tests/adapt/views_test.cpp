#include <gtest/gtest.h>

#include "groundglass/adapt/certainty.h"
#include "groundglass/adapt/views.h"
#include "groundglass/models/unet.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace {

/// Marks what is bright and, in the left half only, what is not: a flip changes its mind.
class LeftHanded final : public SegmentationModel {
 public:
  Features encode(torch::Tensor image) override { return {{image}, {}, {}}; }
  Prediction decode(const Features& f) override {
    const auto bright = (f.maps[0] - 0.5) * 20;
    const auto side = torch::linspace(0, 1, bright.size(3));
    return {torch::where(side < 0.5, torch::full_like(bright, 5), bright), {}};
  }
  int64_t stride() const override { return 1; }
  int64_t in_channels() const override { return 1; }
  int64_t out_channels() const override { return 1; }
  std::vector<std::string> layer_names() const override { return {}; }
};

std::vector<ViewedSlice> seen_by(SegmentationModel& model, const PreparedSet& set, int64_t views) {
  AnswerOptions options;
  options.loader.batch_size = 3;
  options.views = views;
  std::vector<ViewedSlice> seen;
  view_slices(model, set, {4, 1, 7, 2}, options, [&](const ViewedSlice& s) { seen.push_back(s); });
  return seen;
}

TEST(Views, OfOneAreTheNetworksOwnWord) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  const ModelPtr model = UNet(UNetOptions{.widths = {4, 8}}).ptr();
  model->eval();
  const auto seen = seen_by(*model, set, 1);
  ASSERT_EQ(seen.size(), 4U);
  const torch::NoGradGuard no_grad;
  const std::vector<int64_t> rows = {4, 1, 7, 2};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(seen[i].row, rows[i]);
    const auto x = set.image(rows[i]).to(torch::kFloat32).unsqueeze(0) / 255;
    EXPECT_TRUE(torch::allclose(seen[i].mean[0], torch::sigmoid(model->forward(x).logits)[0][0],
                                1e-4, 1e-5));
    EXPECT_TRUE(torch::equal(seen[i].views[0], seen[i].mean));
  }
}

TEST(Views, AreTurnedBackBeforeTheyAreCompared) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  LeftHanded model;
  const auto seen = seen_by(model, set, 4);
  for (const auto& slice : seen) {
    EXPECT_EQ(slice.views.sizes(), (std::vector<int64_t>{4, 1, 32, 32}));
    // Upright, the first view marks the whole left half, the mirrored one the whole right half.
    EXPECT_GT(slice.views[0][0].narrow(1, 0, 16).min().item<double>(), 0.9);
    EXPECT_GT(slice.views[1][0].narrow(1, 16, 16).min().item<double>(), 0.9);
    EXPECT_LT(agreement_of(slice.views.select(1, 0) > 0.5), 0.5);
    EXPECT_TRUE(torch::allclose(slice.mean, slice.views.mean(0), 1e-5, 1e-6));
    // Turned upside down and back, a network that looks at single pixels says the same.
    EXPECT_TRUE(torch::allclose(slice.views[0], slice.views[2]));
  }
}

}  // namespace
}  // namespace groundglass
