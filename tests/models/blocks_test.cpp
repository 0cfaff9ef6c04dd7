// Separable convolution, additive gate, Keras' start. Numbers by hand or, where a comment says so,
// from tools/reference/blocks.py.
#include <gtest/gtest.h>

#include "groundglass/core/torch_version.h"
#include "groundglass/models/blocks/attention_gate.h"
#include "groundglass/models/blocks/keras_init.h"
#include "groundglass/models/blocks/separable_conv.h"
#include "tests/models/known_tensors.h"
#include "tests/reference/closed_form.h"

namespace groundglass {
namespace {

TEST(SeparableConv, FiltersEachChannelAndThenMixesThem) {
  SeparableConv conv(2, 2);
  conv->to(torch::kFloat64);
  put(*conv, "depthwise.weight", torch::arange(1, 19, kDouble));
  put(*conv, "pointwise.weight", torch::tensor({1., 10., -1., 2.}, kDouble));
  put(*conv, "pointwise.bias", torch::tensor({0.5, -3.}, kDouble));
  const auto y = conv->forward(torch::arange(1, 9, kDouble).view({1, 2, 2, 2}));
  // Channel 0 at the upper left is 1*5 + 2*6 + 3*8 + 4*9 = 77, channel 1 is 5*14 + 6*15 + 7*17 +
  // 8*18 = 423: 77 + 4230 + 0.5 and -77 + 846 - 3.
  const auto expected =
      torch::tensor({4307.5, 4037.5, 3497.5, 3227.5, 766., 724., 640., 598.}, kDouble);
  EXPECT_TRUE(torch::equal(y.flatten(), expected)) << y;
}

TEST(SeparableConv, HasNineInPlusInOutPlusOutParameters) {
  int64_t count = 0;
  for (const auto& p : SeparableConv(5, 7)->parameters()) count += p.numel();
  EXPECT_EQ(count, 9 * 5 + 5 * 7 + 7);
}

AdditiveAttentionGate closed_additive_gate(GateAlign align) {
  AdditiveAttentionGate gate(2, 3, align);
  gate->to(torch::kFloat64);
  fill_closed_form(*gate,
                   {"w_x.weight", "w_x.bias", "w_g.weight", "w_g.bias", "psi.weight", "psi.bias"});
  return gate;
}

const auto kAdditiveSkip = wave({1, 2, 4, 4}, 0.3), kAdditiveSignal = wave({1, 3, 2, 2}, 0.2);

// Ended in a corrupted heap where oneDNN has its kernels for AVX512_BF16 and not those for AMX.
TEST(AttentionGate, LearnsInBfloat16WithFewChannels) {
  torch::manual_seed(3);
  for (const int64_t images : {1, 3}) {
    AdditiveAttentionGate gate(8, 8, GateAlign::stride_x);
    const auto x = torch::randn({images, 8, 64, 64}).contiguous(at::MemoryFormat::ChannelsLast);
    const auto g = torch::randn({images, 8, 32, 32}).contiguous(at::MemoryFormat::ChannelsLast);
    const auto gradient = [&](torch::ScalarType precision) {
      gate->zero_grad();
      torch::Tensor out;
      {
        const Autocast autocast(torch::kCPU, precision);
        out = gate->forward(x, g);
      }
      out.to(torch::kFloat32).square().mean().backward();
      return gate->named_parameters()["w_x.weight"].grad().clone();
    };
    const auto exact = gradient(torch::kFloat32);
    for (int repeat = 0; repeat < 20; ++repeat) {
      const auto found = gradient(torch::kBFloat16);
      EXPECT_LT((found - exact).norm().item<double>(), 0.05 * exact.norm().item<double>());
    }
  }
}

// tools/reference/blocks.py, "gate stride_x"
TEST(AttentionGate, MeetsAtTheCoarseScale) {
  const auto expected = torch::tensor({0.,
                                       0.12725013815379621,
                                       0.24313340044919202,
                                       0.33729828019480601,
                                       0.38776142091016819,
                                       0.41620036463096938,
                                       0.40869030439958937,
                                       0.36330371184405758,
                                       0.26134519975053533,
                                       0.16691002848073899,
                                       0.056137891718991209,
                                       -0.063324243895423613,
                                       -0.1647729630788643,
                                       -0.25941923329927341,
                                       -0.33718736495898677,
                                       -0.38290923683723177,
                                       -0.42894557204864842,
                                       -0.39865309909594421,
                                       -0.33275013209007492,
                                       -0.23712358679808312,
                                       -0.11624678861348511,
                                       0.007015525497806787,
                                       0.13074317855302217,
                                       0.24345115055490016,
                                       0.3070800783604371,
                                       0.36632890334646878,
                                       0.39722303711588636,
                                       0.38934526401631925,
                                       0.3182108227163708,
                                       0.25006605380670377,
                                       0.15943667835642392,
                                       0.048750158654890553},
                                      kDouble);
  const auto y = closed_additive_gate(GateAlign::stride_x)->forward(kAdditiveSkip, kAdditiveSignal);
  EXPECT_TRUE(torch::allclose(y.flatten(), expected, 0, 1e-12)) << y;
}

// tools/reference/blocks.py, "gate up_g"
TEST(AttentionGate, MeetsAtTheFineScaleIfAskedTo) {
  const auto expected = torch::tensor({0.,
                                       0.12725013815379621,
                                       0.24313340044919202,
                                       0.33729828019480601,
                                       0.40133330912962989,
                                       0.42951842883131824,
                                       0.38866767834737259,
                                       0.3273694957988495,
                                       0.25192850048870258,
                                       0.16190809090338235,
                                       0.055933383654258824,
                                       -0.067402421632027892,
                                       -0.19054801084949208,
                                       -0.29615010006392145,
                                       -0.37529798284903521,
                                       -0.42092161455791671,
                                       -0.42894557204864842,
                                       -0.39865309909594421,
                                       -0.33275013209007492,
                                       -0.23712358679808312,
                                       -0.12031549771102865,
                                       0.007240016456775117,
                                       0.12433778614497071,
                                       0.21937150051199253,
                                       0.29601547587307359,
                                       0.35535080739861508,
                                       0.39577596968780537,
                                       0.4144196919113583,
                                       0.3679877946381514,
                                       0.2854726147926393,
                                       0.17745701647686118,
                                       0.053589711390780143},
                                      kDouble);
  const auto y = closed_additive_gate(GateAlign::up_g)->forward(kAdditiveSkip, kAdditiveSignal);
  EXPECT_TRUE(torch::allclose(y.flatten(), expected, 0, 1e-12)) << y;
}

TEST(AttentionGate, ReturnsTheSkipConnectionWhenOpenAndNothingWhenShut) {
  for (const auto align : {GateAlign::stride_x, GateAlign::up_g}) {
    auto gate = closed_additive_gate(align);
    put(*gate, "psi.bias", torch::tensor({100.}, kDouble));
    EXPECT_TRUE(torch::equal(gate->forward(kAdditiveSkip, kAdditiveSignal), kAdditiveSkip));
    put(*gate, "psi.bias", torch::tensor({-100.}, kDouble));
    EXPECT_LT(gate->forward(kAdditiveSkip, kAdditiveSignal).abs().max().item<double>(), 1e-40);
  }
}

// The coefficients of a 2x2 signal with x silenced: sigmoid of 1, 2, 3, 4, stretched by the
// half-pixel rule whose golden numbers stand in SPEC-SHARED section 1.
TEST(AttentionGate, StretchesItsCoefficientsBetweenPixelCentres) {
  AdditiveAttentionGate gate(1, 1, GateAlign::stride_x);
  gate->to(torch::kFloat64);
  put(*gate, "w_x.weight", torch::zeros({1}, kDouble));
  put(*gate, "w_g.weight", torch::ones({1}, kDouble));
  put(*gate, "psi.weight", torch::ones({1}, kDouble));
  const auto wanted = torch::tensor({0.1, 0.2, 0.3, 0.4}, kDouble);
  const auto g = torch::logit(wanted) + 10;  // positive, so that the ReLU lets it pass
  put(*gate, "psi.bias", torch::tensor({-10.}, kDouble));
  const auto a = gate->coefficients(torch::ones({1, 1, 4, 4}, kDouble), g.view({1, 1, 2, 2}));
  const auto expected = torch::tensor({1., 1.25, 1.75, 2., 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25,
                                       3.5, 3., 3.25, 3.75, 4.},
                                      kDouble) /
                        10;
  EXPECT_TRUE(torch::allclose(a.flatten(), expected, 0, 1e-12)) << a;
}

void expect_uniform(const torch::Tensor& t, double r) {
  EXPECT_LE(t.abs().max().item<double>(), r);
  EXPECT_GT(t.abs().max().item<double>(), 0.99 * r);
  EXPECT_NEAR(t.mean().item<double>(), 0, 0.02 * r);
  EXPECT_NEAR(t.square().mean().item<double>(), r * r / 3, 0.02 * r * r);  // of a uniform one
}

TEST(KerasInit, DrawsUniformlyWithinGlorotsBounds) {
  torch::manual_seed(3);
  // 32 and 64 channels of 3x3: fans 576 and 288.
  expect_uniform(glorot_uniform({32, 64, 3, 3}), std::sqrt(6.0 / (576 + 288)));
  expect_uniform(glorot_uniform({256, 64, 1, 1}), std::sqrt(6.0 / (64 + 256)));
}

TEST(KerasInit, CountsADepthwiseKernelsFansAsKerasDoes) {
  torch::manual_seed(3);
  expect_uniform(glorot_uniform_depthwise({1024, 1, 3, 3}), std::sqrt(6.0 / (1024 * 9 + 9)));
}

}  // namespace
}  // namespace groundglass
