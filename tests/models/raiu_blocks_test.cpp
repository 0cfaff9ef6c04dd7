// Blocks of RAIU-Net: numbers by hand or, where a comment says so, from
// tools/reference/raiu_net.py. Whole networks stand in tests/golden/raiu_net_*.json.
#include <gtest/gtest.h>

#include "groundglass/models/blocks/keras_layers.h"
#include "groundglass/models/raiu_net.h"
#include "tests/complaint.h"
#include "tests/models/known_tensors.h"
#include "tests/reference/closed_form.h"

namespace groundglass {
namespace {

/// Every eighth part of a map.
torch::Tensor eighths(const torch::Tensor& y) {
  return y.flatten().slice(0, 0, y.numel(), y.numel() / 8).slice(0, 0, 8);
}

int64_t learnable(const torch::nn::Module& module) {
  return count_parameters(module).trainable;
}

TEST(SeparableConv, TakesOtherKernels) {
  for (const int64_t kernel : {1, 3, 5}) {
    SeparableConv conv(2, 3, kernel);
    EXPECT_EQ(learnable(*conv), kernel * kernel * 2 + 2 * 3 + 3);
    EXPECT_EQ(conv->forward(torch::ones({1, 2, 4, 6})).sizes(), (std::vector<int64_t>{1, 3, 4, 6}));
  }
  // Ones under a 5x5 kernel of ones: as many as the window holds inside the map.
  SeparableConv conv(1, 1, 5);
  put(*conv, "depthwise.weight", torch::ones({25}));
  put(*conv, "pointwise.weight", torch::ones({1}));
  const auto y = conv->forward(torch::ones({1, 1, 5, 5}));
  EXPECT_EQ(y[0][0][0][0].item<float>(), 9);
  EXPECT_EQ(y[0][0][2][2].item<float>(), 25);
  EXPECT_EQ(complaint(ErrorKind::usage, [] { SeparableConv(1, 1, 2); }),
            "separable convolution: kernel is 2, expected an odd number, so that the padding is "
            "symmetric");
}

TEST(MaxPool, LooksRightAndBelowAtStrideOne) {
  const auto x = torch::tensor({-1., -5., -3., -9., -2., -8.}, kDouble).view({1, 1, 2, 3});
  expect_near(max_pool_2x2(x, PoolPadding::same), {-1, -2, -3, -2, -2, -8});
  const auto y = torch::arange(16, kDouble).view({1, 1, 4, 4});
  expect_near(max_pool_2x2(y, PoolPadding::valid), {5, 7, 13, 15});
}

TEST(HybridPool, MixesLargestValuesWithLowFrequencies) {
  const auto x = torch::arange(16, kDouble).view({1, 1, 4, 4}) - 7;
  HybridPool pool(1, 1);
  pool->to(torch::kFloat64);
  put(*pool, "mix.weight", torch::tensor({100., 1.}, kDouble));
  put(*pool, "mix.bias", torch::tensor({0.5}, kDouble));
  // Largest -2, 0, 6, 8; spectral -2, -1, 2, 3, its negative half cut off.
  expect_near(pool->forward(x), {-199.5, 0.5, 602.5, 803.5});
  HybridPool open(
      1, 1,
      HybridPoolOptions{PoolPadding::valid, SpectralActivation::none, SpectralScale::unitary});
  open->to(torch::kFloat64);
  put(*open, "mix.weight", torch::tensor({100., 1.}, kDouble));
  expect_near(open->forward(x), {-204, -2, 604, 806});
}

TEST(HybridPool, OfTheSameSizeSeesTheMapItself) {
  const auto x = torch::tensor({1., -5., 3., -2.}, kDouble).view({1, 1, 2, 2});
  HybridPool pool(1, 1, HybridPoolOptions{.padding = PoolPadding::same});
  pool->to(torch::kFloat64);
  put(*pool, "mix.weight", torch::tensor({10., 1.}, kDouble));
  expect_near(pool->forward(x), {31, -20, 33, -20});
}

TEST(KerasLayers, TakeKerasNumbers) {
  const auto norm = keras_batch_norm(3);
  EXPECT_EQ(norm->options.eps(), 1e-3);
  EXPECT_EQ(norm->options.momentum(), 0.01);
  EXPECT_EQ(keras_conv(2, 3, 3, 2, 1)->forward(torch::ones({1, 2, 4, 6})).sizes(),
            (std::vector<int64_t>{1, 3, 2, 3}));
  EXPECT_EQ(keras_conv_transpose(2, 3)->forward(torch::ones({1, 2, 4, 6})).sizes(),
            (std::vector<int64_t>{1, 3, 8, 12}));
  RAIUNet net(RAIUNetOptions{.widths = {3, 4}, .batch_norm_momentum = 0.2});
  int64_t norms = 0;
  for (const auto& part : net->modules()) {
    const auto* inside = part->as<BatchNorm2d>();
    if (!inside) continue;
    EXPECT_EQ(inside->options.momentum(), 0.2);
    ++norms;
  }
  EXPECT_EQ(norms, 3 * (2 * 5 + 1) + 3);
}

// By hand from Fig. 9: three separable convolutions, the pool, norms, the merging convolution.
TEST(InceptionConv, HasTheStatedSize) {
  const int64_t d = 7, r = 6;
  const int64_t convs = (1 + 9 + 25) * d + 3 * (d * r + r);
  const int64_t pool = 2 * d * d + d, norms = 2 * (3 * r + d + r), merge = (3 * r + d) * r + r;
  EXPECT_EQ(learnable(*InceptionConv(d, r)), convs + pool + norms + merge);
  EXPECT_EQ(learnable(*InceptionConv(d, r, InceptionOptions{.pool = PoolKind::max})),
            convs + norms + merge);
  EXPECT_EQ(learnable(*InceptionConv(d, r, InceptionOptions{.merge = BranchMerge::sep})),
            convs + pool + 2 * (3 * r + d) + (3 * r + d) + merge);
  const int64_t b = r / 3;
  EXPECT_EQ(learnable(*InceptionConv(d, r, InceptionOptions{.branch = BranchWidth::third})),
            35 * d + 3 * (d * b + b) + 2 * d * b + b + 2 * (4 * b + r) + 4 * b * r + r);
  EXPECT_EQ(complaint(ErrorKind::recipe,
                      [] { InceptionConv(4, 2, InceptionOptions{.branch = BranchWidth::third}); }),
            "inception convolution: a third of 2 channels is nothing, expected widths of at least "
            "3");
}

std::vector<std::string> inception_names(const std::string& prefix) {
  std::vector<std::string> names;
  for (const std::string k : {"1", "3", "5"}) {
    for (const char* name : {"depthwise.weight", "pointwise.weight", "pointwise.bias"}) {
      names.push_back(prefix + "conv" + k + "." + name);
    }
    names.push_back(prefix + "norm" + k + ".weight");
    names.push_back(prefix + "norm" + k + ".bias");
  }
  for (const char* name : {"pool.mix.weight", "pool.mix.bias", "norm_pool.weight", "norm_pool.bias",
                           "merge.weight", "merge.bias", "norm_merge.weight", "norm_merge.bias"}) {
    names.push_back(prefix + name);
  }
  return names;
}

// tools/reference/raiu_net.py, "inception"
TEST(InceptionConv, AgreesWithTheReference) {
  InceptionConv block(3, 4);
  block->to(torch::kFloat64);
  block->eval();
  fill_closed_form(*block, inception_names(""));
  const auto y = block->forward(wave({1, 3, 4, 6}, 0.3));
  expect_near(eighths(y), {0.034599728988189082, 0.037201455132981565, 0, 0, 0, 0, 0, 0});
}

// tools/reference/raiu_net.py, "residual"
TEST(ResidualInceptionBlock, AgreesWithTheReference) {
  ResidualInceptionBlock block(3, 4);
  block->to(torch::kFloat64);
  block->eval();
  auto names = inception_names("inception1."), more = inception_names("inception2.");
  names.insert(names.end(), more.begin(), more.end());
  for (const char* name :
       {"shortcut.depthwise.weight", "shortcut.pointwise.weight", "shortcut.pointwise.bias",
        "norm_shortcut.weight", "norm_shortcut.bias"}) {
    names.emplace_back(name);
  }
  fill_closed_form(*block, names);
  const auto y = block->forward(wave({1, 3, 4, 6}, 0.3));
  expect_near(eighths(y),
              {0.56745364236153584, 0.67518678511490893, 1.1676659751306313, 1.9494414356960998,
               1.9575471931332591, 1.0053582659454818, 0.84709032040030607, 0.99313169516920929});
}

TEST(ResidualInceptionBlock, IsLinearAfterTheSum) {
  torch::manual_seed(3);
  ResidualInceptionBlock block(2, 6);
  const auto y = block->forward(torch::randn({2, 2, 8, 8}));
  EXPECT_LT(y.min().item<double>(), -0.1);
}

SpectralAttention closed_attention(const SpectralAttentionOptions& options) {
  SpectralAttention attention(4, 6, options);
  attention->to(torch::kFloat64);
  attention->eval();
  std::vector<std::string> names;
  const bool fused = options.depth_fusion == DepthFusion::conv;
  for (const std::string part : {"squeeze", "excite", "fuse_depth", "norm_depth", "from_fine",
                                 "from_coarse", "norm_map", "map", "fuse", "norm_fuse"}) {
    if (part == "fuse_depth" && !fused) continue;
    names.push_back(part + ".weight");
    names.push_back(part + ".bias");
  }
  fill_closed_form(*attention, names);
  return attention;
}

// tools/reference/raiu_net.py, "attention"
TEST(SpectralAttention, AgreesWithTheReference) {
  const auto fine = wave({1, 4, 4, 8}, 0.3), coarse = wave({1, 6, 2, 4}, 0.2);
  const auto found = [&](const SpectralAttentionOptions& options) {
    return eighths(closed_attention(options)->forward(fine, coarse));
  };
  expect_near(found({}), {0, 0, 1.2513916851351565, 1.2754789131179185, 0.54758884331133673,
                          0.5291350244485562, 1.2566909711408594, 1.2665672334764428});
  expect_near(found({.activation = MapActivation::relu}),
              {0.18650534945983821, 0.18650534945983821, 0.77782698604168377, 0.77782698604168377,
               1.0503860666765494, 1.0503860666765494, 0.80157995754037459, 0.80157995754037459});
  expect_near(found({.upsampling = MapUpsampling::bilinear}),
              {0, 0, 1.2513916851351565, 1.2748602813307779, 0.54758884331133673,
               0.52978299232782655, 1.2566909711408594, 1.2659892071615444});
  expect_near(found({.depth_fusion = DepthFusion::none}),
              {0, 0, 0, 0, 0, 0, 0.046937722634490586, 0.163930440631473});
}

TEST(SpectralAttention, StretchesItsMapByWholePixels) {
  auto attention = closed_attention({});
  const auto a = attention->coefficients(wave({1, 4, 4, 8}, 0.3), wave({1, 6, 2, 4}, 0.2));
  EXPECT_EQ(a.sizes(), (std::vector<int64_t>{1, 1, 4, 8}));
  EXPECT_GT(a.min().item<double>(), 0);
  EXPECT_LT(a.max().item<double>(), 1);
  EXPECT_GT(a.std().item<double>(), 1e-3);
  for (const int64_t row : {0, 1}) {
    for (const int64_t column : {0, 1}) {
      EXPECT_TRUE(torch::equal(a.slice(2, row, 4, 2).slice(3, column, 8, 2),
                               a.slice(2, 0, 4, 2).slice(3, 0, 8, 2)));
    }
  }
}

// What the paper calls global spectral pooling is the mean, up to a constant.
TEST(SpectralAttention, PoolsGloballyByTheMean) {
  const auto fine = wave({2, 4, 6, 8}, 0.3);
  EXPECT_TRUE(torch::allclose(spectral_pool2d_fft(fine, 1, 1), fine.mean({2, 3}, true), 0, 1e-14));
}

TEST(RAIUNet, HasTheStatedCounts) {
  const auto total = [](const RAIUNetOptions& options) {
    return count_parameters(*RAIUNet(options)).total();
  };
  const auto widths = [](std::vector<int64_t> w) { return RAIUNetOptions{.widths = std::move(w)}; };
  EXPECT_EQ(total({}), 4'045'526);
  EXPECT_EQ(total(raiu_net_16_options()), 2'610'064);
  EXPECT_EQ(total({.widths = {16, 32, 64, 128, 256}, .skip = RAIUSkip::plain}), 2'277'540);
  EXPECT_EQ(total(widths({24, 48, 96, 192, 384})), 5'794'172);
  EXPECT_EQ(total(widths({32, 64, 128, 256, 512})), 10'231'016);
  EXPECT_EQ(total(widths({40, 80, 160, 320})), 4'007'155);
  EXPECT_EQ(total(raiu_net_64_third_options()), 4'203'777);
  EXPECT_EQ(total(raiu_net_x1_5_options()), 4'157'609);
}

TEST(RAIUNet, HasTheStatedParts) {
  std::map<std::string, int64_t> parts;
  for (const auto& p : RAIUNet()->named_parameters()) {
    const auto& key = p.key();
    parts[key.starts_with("head") ? "head" : key.substr(0, key.find('.', key.find('.') + 1))] +=
        p.value().numel();
  }
  const std::map<std::string, int64_t> wanted = {
      {"enc.0", 6'249},     {"enc.1", 27'540},   {"enc.2", 103'080}, {"enc.3", 398'160},
      {"enc.4", 1'564'320}, {"pool.0", 820},     {"pool.1", 3'240},  {"pool.2", 12'880},
      {"pool.3", 51'360},   {"up.0", 204'960},   {"up.1", 51'280},   {"up.2", 12'840},
      {"up.3", 3'220},      {"skip.0", 386'801}, {"skip.1", 97'401}, {"skip.2", 24'701},
      {"skip.3", 6'351},    {"dec.0", 793'440},  {"dec.1", 204'720}, {"dec.2", 54'360},
      {"dec.3", 15'180},    {"head", 21}};
  EXPECT_EQ(parts, wanted);
}

TEST(RAIUNet, HalvesOncePerScale) {
  EXPECT_EQ(RAIUNet()->stride(), 16);
  RAIUNet net(RAIUNetOptions{.widths = {3, 4, 6}});
  EXPECT_EQ(net->stride(), 4);
  const auto f = net->encode(torch::randn({1, 1, 8, 12}));
  ASSERT_EQ(f.maps.size(), 3u);
  EXPECT_EQ(f.maps[0].sizes(), (std::vector<int64_t>{1, 3, 8, 12}));
  EXPECT_EQ(f.maps[2].sizes(), (std::vector<int64_t>{1, 6, 2, 3}));
  EXPECT_EQ(net->layer_names(),
            (std::vector<std::string>{"enc1", "enc2", "enc3", "ssd2", "dec2", "ssd1", "dec1"}));
}

TEST(RAIUNet, DropsOutWhileTrainingOnly) {
  torch::manual_seed(3);
  RAIUNet net(RAIUNetOptions{.widths = {3, 4}, .dropout = 0.5});
  const auto x = torch::randn({2, 1, 4, 4});
  EXPECT_FALSE(torch::equal(net->forward(x).logits, net->forward(x).logits));
  net->eval();
  EXPECT_TRUE(torch::equal(net->forward(x).logits, net->forward(x).logits));
}

}  // namespace
}  // namespace groundglass
