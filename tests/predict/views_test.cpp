#include <gtest/gtest.h>

#include "tests/predict/bright_is_lesion.h"

namespace groundglass {
namespace {

/// Calls the left half infected, surely, and the right half clean, less surely, whatever it sees.
class LeftIsLesion final : public SegmentationModel {
 public:
  Features encode(torch::Tensor image) override { return {{image}, {}, {}}; }
  Prediction decode(const Features& f) override {
    auto logits = torch::zeros_like(f.maps[0]);
    const int64_t half = logits.size(3) / 2;
    logits.narrow(3, 0, half).fill_(6);
    logits.narrow(3, half, logits.size(3) - half).fill_(-2);
    return {logits, {}};
  }
  int64_t stride() const override { return 1; }
  int64_t in_channels() const override { return 1; }
  int64_t out_channels() const override { return 1; }
  std::vector<std::string> layer_names() const override { return {}; }
};

SliceResult seen_with(int64_t views) {
  SegmenterOptions options = bright_segmenter(32).options();
  options.model = std::make_shared<LeftIsLesion>();
  options.with = RunWith::libtorch;
  options.views = views;
  Image image;
  image.pixels = torch::full({1, 32, 32}, 100, torch::kUInt8);
  return Segmenter(options).segment({image}).front();
}

TEST(SegmenterViews, AveragesThePictureAndItsMirrorImage) {
  EXPECT_EQ(seen_with(1).labels.sum().item<int64_t>(), 16 * 32);
  const auto both = seen_with(2);
  EXPECT_EQ(both.labels.sum().item<int64_t>(), 32 * 32);
  EXPECT_TRUE(torch::allclose(both.probability, torch::sigmoid(torch::tensor(2.F))));
}

}  // namespace
}  // namespace groundglass
