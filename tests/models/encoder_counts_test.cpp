// Table V of Degerli et al. (https://arxiv.org/abs/2009.12698): trainable and non-trainable
// parameters of three networks on four encoders, with the encoder free and with its convolutions
// frozen. The paper rounds; the full numbers come from tools/reference/{encoder,nested}_unet.py.
#include <gtest/gtest.h>

#include "groundglass/models/encoder_unet.h"
#include "groundglass/models/nested_unet.h"

namespace groundglass {
namespace {

enum class DecoderKind { unet, unet_plus_plus, dla };

struct CountRow {
  DecoderKind network;
  EncoderKind encoder;
  ParameterCount free, frozen;
};

const std::vector<CountRow> kCounts = {
    {DecoderKind::unet, EncoderKind::chexnet, {12'059'345, 85'632}, {5'189'137, 6'955'840}},
    {DecoderKind::unet, EncoderKind::densenet121, {12'059'345, 85'632}, {5'189'137, 6'955'840}},
    {DecoderKind::unet, EncoderKind::inception_v3, {29'896'689, 36'416}, {8'145'553, 21'787'552}},
    {DecoderKind::unet,
     EncoderKind::resnet50_preact,
     {32'513'556, 47'558},
     {9'058'644, 23'502'470}},
    {DecoderKind::unet_plus_plus,
     EncoderKind::chexnet,
     {14'398'561, 88'448},
     {7'528'353, 6'958'656}},
    {DecoderKind::unet_plus_plus,
     EncoderKind::densenet121,
     {14'398'561, 88'448},
     {7'528'353, 6'958'656}},
    {DecoderKind::unet_plus_plus,
     EncoderKind::inception_v3,
     {30'429'569, 39'232},
     {8'678'433, 21'790'368}},
    {DecoderKind::unet_plus_plus,
     EncoderKind::resnet50_preact,
     {34'336'676, 50'374},
     {10'881'764, 23'505'286}},
    {DecoderKind::dla, EncoderKind::chexnet, {13'145'185, 88'448}, {6'274'977, 6'958'656}},
    {DecoderKind::dla, EncoderKind::densenet121, {13'145'185, 88'448}, {6'274'977, 6'958'656}},
    {DecoderKind::dla, EncoderKind::inception_v3, {28'955'009, 39'232}, {7'203'873, 21'790'368}},
    {DecoderKind::dla, EncoderKind::resnet50_preact, {32'198'564, 50'374}, {8'743'652, 23'505'286}},
};

ModelPtr make(DecoderKind network, const EncoderOptions& encoder) {
  if (network == DecoderKind::unet)
    return EncoderUNet(EncoderUNetOptions{.encoder = encoder}).ptr();
  const auto nesting = network == DecoderKind::dla ? Nesting::dla : Nesting::unet_plus_plus;
  return NestedUNet(NestedUNetOptions{.encoder = encoder, .nesting = nesting}).ptr();
}

class TableFive : public testing::TestWithParam<CountRow> {};

TEST_P(TableFive, HasThePapersCountsFreeAndFrozen) {
  const auto& row = GetParam();
  const auto model =
      make(row.network, {.encoder = row.encoder, .freeze_encoder = Freeze::convolutions});
  const auto frozen = count_parameters(*model);
  EXPECT_EQ(frozen.trainable, row.frozen.trainable);
  EXPECT_EQ(frozen.non_trainable, row.frozen.non_trainable);
  for (auto& p : model->parameters()) p.set_requires_grad(true);
  const auto free = count_parameters(*model);
  EXPECT_EQ(free.trainable, row.free.trainable);
  EXPECT_EQ(free.non_trainable, row.free.non_trainable);
}

INSTANTIATE_TEST_SUITE_P(All, TableFive, testing::ValuesIn(kCounts));

TEST(EncoderCounts, AreThoseOfTheEncodersAlone) {
  const auto expect = [](EncoderKind kind, int64_t trainable, int64_t moving) {
    const auto count = count_parameters(*make_encoder({.encoder = kind}, 3));
    EXPECT_EQ(count.trainable, trainable);
    EXPECT_EQ(count.non_trainable, moving);
  };
  expect(EncoderKind::densenet121, 6'953'856, 83'648);
  expect(EncoderKind::inception_v3, 21'768'352, 34'432);
  expect(EncoderKind::resnet50_preact, 23'500'483, 45'574);
}

// One step: what is frozen stays, batch norm's parameters learn, its statistics follow the batch.
void expect_frozen_convolutions_only(EncoderKind kind) {
  torch::manual_seed(3);
  EncoderOptions options{.encoder = kind, .freeze_encoder = Freeze::convolutions};
  EncoderUNet model(EncoderUNetOptions{.encoder = options, .widths = {8, 8, 8, 8, 8}});
  model->train();
  std::map<std::string, torch::Tensor> before;
  for (const auto& b : model->named_buffers()) before[b.key()] = b.value().clone();
  model->forward(torch::rand({2, 3, 64, 64})).logits.square().mean().backward();
  int convolutions = 0, norms = 0, statistics = 0;
  for (const auto& p : model->named_parameters()) {
    const bool in_encoder = p.key().starts_with("encoder.");
    const bool convolution = p.value().dim() == 4;
    if (in_encoder && convolution) {
      EXPECT_FALSE(p.value().grad().defined()) << p.key();
      ++convolutions;
    } else {
      ASSERT_TRUE(p.value().grad().defined()) << p.key();
      norms += in_encoder && p.value().grad().abs().sum().item<double>() > 0;
    }
  }
  for (const auto& b : model->named_buffers()) {
    if (!b.key().starts_with("encoder.")) continue;
    EXPECT_FALSE(torch::equal(b.value(), before[b.key()])) << b.key();
    ++statistics;
  }
  EXPECT_GT(convolutions, 50);
  EXPECT_GT(norms, 90);
  EXPECT_GT(statistics, 140);
}

TEST(FrozenEncoder, FixesTheConvolutionsOfDenseNetAndNothingElse) {
  expect_frozen_convolutions_only(EncoderKind::densenet121);
}

TEST(FrozenEncoder, FixesTheConvolutionsOfInceptionAndNothingElse) {
  expect_frozen_convolutions_only(EncoderKind::inception_v3);
}

TEST(FrozenEncoder, FixesTheConvolutionsOfTheResNetAndNothingElse) {
  expect_frozen_convolutions_only(EncoderKind::resnet50_preact);
}

}  // namespace
}  // namespace groundglass
