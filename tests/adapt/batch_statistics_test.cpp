#include <gtest/gtest.h>

#include "groundglass/adapt/batch_statistics.h"
#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/batch_norm_no_scale.h"
#include "groundglass/models/unet.h"
#include "groundglass/train/weights.h"
#include "tests/complaint.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace {

/// Both kinds of batch norm, one after the other, and one that no image reaches.
class TwoNorms final : public SegmentationModel {
 public:
  TwoNorms() {
    plain = register_module("plain", BatchNorm2d(torch::nn::BatchNorm2dOptions(1).momentum(0.03)));
    no_scale = register_module("no_scale", BatchNormNoScale(1, 1e-3, 0.01));
    idle = register_module("idle", BatchNorm2d(1));
    const torch::NoGradGuard no_grad;
    plain->weight.fill_(2);
    plain->bias.fill_(3);
    idle->running_mean.fill_(5);
  }
  Features encode(torch::Tensor image) override { return {{plain->forward(image)}, {}, {}}; }
  Prediction decode(const Features& f) override { return {no_scale->forward(f.maps[0]), {}}; }
  int64_t stride() const override { return 1; }
  int64_t in_channels() const override { return 1; }
  int64_t out_channels() const override { return 1; }
  std::vector<std::string> layer_names() const override { return {}; }

  BatchNorm2d plain{nullptr}, idle{nullptr};
  BatchNormNoScale no_scale{nullptr};
};

std::vector<int64_t> all_rows(const PreparedSet& set) {
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < set.size(); ++i) rows.push_back(i);
  return rows;
}

torch::Tensor all_images(const PreparedSet& set) {
  std::vector<torch::Tensor> images;
  for (int64_t i = 0; i < set.size(); ++i) images.push_back(set.image(i).to(torch::kFloat64) / 255);
  return torch::stack(images);
}

TEST(BatchStatistics, AreThoseOfAllPixelsOfTheRows) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TwoNorms model;
  LoaderOptions loader;
  loader.batch_size = set.size();  // one batch: the second layer sees what the first one made of it
  EXPECT_EQ(reestimate_batch_norm(model, set, all_rows(set), loader, {}), 3);
  const auto images = all_images(set);
  EXPECT_NEAR(model.plain->running_mean.item<double>(), images.mean().item<double>(), 1e-6);
  EXPECT_NEAR(model.plain->running_var.item<double>(), images.var().item<double>(), 1e-5);
  EXPECT_NEAR(model.no_scale->running_mean.item<double>(), 3, 1e-4);  // after weight 2 and bias 3
  EXPECT_NEAR(model.no_scale->running_var.item<double>(), 4, 1e-2);
  EXPECT_EQ(model.idle->running_mean.item<double>(), 5);  // nothing reached it
  EXPECT_NEAR(*model.plain->options.momentum(), 0.03, 1e-12);
  EXPECT_FALSE(model.plain->is_training());
}

TEST(BatchStatistics, OfUnequalBatchesAreWeighedByTheirImages) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder, {.domains = 1, .patients = 5, .slices = 1});
  TwoNorms model;
  LoaderOptions loader;
  loader.batch_size = 2;  // 2, 2 and 1
  reestimate_batch_norm(model, set, all_rows(set), loader, {});
  EXPECT_NEAR(model.plain->running_mean.item<double>(), all_images(set).mean().item<double>(),
              1e-6);
}

TEST(BatchStatistics, CanBeMixedWithTheOldOnes) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TwoNorms model;
  model.plain->running_mean.fill_(10);
  reestimate_batch_norm(model, set, all_rows(set), {}, {}, 0.25);
  EXPECT_NEAR(model.plain->running_mean.item<double>(),
              0.25 * all_images(set).mean().item<double>() + 7.5, 1e-5);
}

TEST(BatchStatistics, ChangeNoWeight) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  const ModelPtr model = UNet(UNetOptions{.widths = {4, 8}}).ptr();
  std::vector<torch::Tensor> before;
  for (const auto& p : model->parameters()) before.push_back(p.clone());
  EXPECT_GT(reestimate_batch_norm(*model, set, all_rows(set), {}, {}), 0);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(torch::equal(before[i], model->parameters()[i]));
  }
}

/// A network without any batch norm.
class NoNorm final : public SegmentationModel {
 public:
  Features encode(torch::Tensor image) override { return {{image}, {}, {}}; }
  Prediction decode(const Features& f) override { return {f.maps[0], {}}; }
  int64_t stride() const override { return 1; }
  int64_t in_channels() const override { return 1; }
  int64_t out_channels() const override { return 1; }
  std::vector<std::string> layer_names() const override { return {}; }
};

TEST(BatchStatistics, NeedASliceAndABatchNorm) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  NoNorm none;
  EXPECT_TRUE(
      says(complaint(ErrorKind::recipe, [&] { reestimate_batch_norm(none, set, {0}, {}, {}); }),
           {"no batch norm"}));
  TwoNorms model;
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { reestimate_batch_norm(model, set, {}, {}, {}); }),
           {"no slice"}));
}

}  // namespace
}  // namespace groundglass
