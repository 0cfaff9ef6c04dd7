// Unpooling, the multiplicative gate, SegNet's counts. Numbers by hand or, where a comment says so,
// from tools/reference/segnet.py.
#include "groundglass/models/segnet.h"

#include <gtest/gtest.h>

#include "groundglass/core/torch_version.h"
#include "groundglass/models/blocks/he_init.h"
#include "groundglass/models/blocks/unpool.h"
#include "tests/complaint.h"
#include "tests/models/known_tensors.h"
#include "tests/reference/closed_form.h"

namespace groundglass {
namespace {

TEST(Unpool, PutsEachMaximumBackToItsPlace) {
  const auto x = torch::tensor({1., 9., 0., 2., 4., 3., 7., 5., 6., 0., 1., 1., 8., 2., 0., 3.});
  const auto [pooled, indices] = max_pool_with_indices(x.view({1, 1, 4, 4}));
  EXPECT_TRUE(torch::equal(pooled.flatten(), torch::tensor({9., 7., 8., 3.})));
  EXPECT_TRUE(torch::equal(indices.flatten(), torch::tensor({1, 6, 12, 15}, torch::kInt64)));
  const auto back = max_unpool(10 * pooled, indices, x.view({1, 1, 4, 4}));
  EXPECT_TRUE(torch::equal(back.flatten(), torch::tensor({0., 90., 0., 0., 0., 0., 70., 0., 0., 0.,
                                                          0., 0., 80., 0., 0., 30.})));
}

TEST(Unpool, TakesTheFirstOfEqualValuesInReadingOrder) {
  const auto [pooled, indices] = max_pool_with_indices(torch::zeros({1, 1, 2, 4}));
  EXPECT_TRUE(torch::equal(indices.flatten(), torch::tensor({0, 2}, torch::kInt64)));
  const auto x = torch::tensor({0., 5., 5., 5.}).view({1, 1, 2, 2});
  EXPECT_EQ(max_pool_with_indices(x).second.item<int64_t>(), 1);
}

TEST(Unpool, PoolsBackToWhatItWasGiven) {
  torch::manual_seed(2);
  const auto x = torch::rand({2, 3, 8, 12});
  const auto [pooled, indices] = max_pool_with_indices(x);
  const auto back = max_unpool(pooled, indices, x);
  EXPECT_TRUE(torch::equal(back, torch::where(back > 0, x, torch::zeros_like(x))));
  EXPECT_EQ((back > 0).sum().item<int64_t>(), pooled.numel());
  const auto [again, same] = max_pool_with_indices(back);
  EXPECT_TRUE(torch::equal(again, pooled));
  EXPECT_TRUE(torch::equal(same, indices));
}

TEST(Unpool, KeepsItsTypeAndSendsGradientsToThePlaces) {
  torch::manual_seed(2);
  const auto x = torch::rand({1, 2, 4, 4});
  const auto [pooled, indices] = max_pool_with_indices(x);
  for (const auto type : {torch::kBFloat16, torch::kFloat32, torch::kFloat64}) {
    const auto given = pooled.to(type).clone().requires_grad_();
    const auto y = max_unpool(given, indices, x);
    EXPECT_EQ(y.scalar_type(), type);
    const auto weights = torch::arange(32, torch::dtype(type)).view({1, 2, 4, 4});
    (y * weights).sum().backward();
    EXPECT_TRUE(torch::equal(
        given.grad(), weights.flatten(2).gather(2, indices.flatten(2)).view(pooled.sizes())));
  }
}

MultiplicativeAttentionGate closed_multiplicative_gate(GateForm form) {
  MultiplicativeAttentionGate gate(2, 2, form);
  gate->to(torch::kFloat64);
  std::vector<std::string> names = {"w_g.weight", "w_g.bias", "psi.weight", "psi.bias"};
  if (form == GateForm::oktay_mult) names.push_back("w_x.weight");
  fill_closed_form(*gate, names);
  return gate;
}

const auto kSkip = wave({1, 2, 4, 4}, 0.3), kSignal = wave({1, 2, 2, 2}, 0.2);

// tools/reference/segnet.py, print_gate
TEST(MultiplicativeGate, AgreesWithTheReferenceInEachForm) {
  const std::vector<std::pair<GateForm, std::vector<double>>> expected = {
      {GateForm::multiplicative,
       {0.31934088128815674, 0.32879469640695658, 0.33882071199096331, 0.34742781978684067,
        0.35056381716073759, 0.35313693680920899, 0.34011939931071972, 0.32325538549518362,
        0.30607689767559659, 0.28931025158879442, 0.27332858293238238, 0.26808497920307023,
        0.27648498966992952, 0.28470227253685026, 0.29616806980497518, 0.31202792232651799}},
      {GateForm::gated_g_only,
       {0.313481686735121, 0.31259800079625227, 0.31083471316981426, 0.30995512003652798,
        0.31166038932289691, 0.31076123783193815, 0.30896721832574214, 0.30807235924631138,
        0.30803524910131691, 0.30710557629349516, 0.30525092849362767, 0.30432596320618188,
        0.30623148001311506, 0.30528675300492203, 0.30340221193001715, 0.30246240795361312}},
      {GateForm::oktay_mult,
       {0.33133893839360512, 0.32444554165567957, 0.31934088128815674, 0.31934088128815674,
        0.31934088128815674, 0.31550252116009436, 0.30830592800709511, 0.30181308901955978,
        0.29733774777740241, 0.29394680954469127, 0.29177478524748807, 0.29295191269194637,
        0.29863631061374507, 0.31227748372287806, 0.32909819207579133, 0.34567657866350282}}};
  for (const auto& [form, numbers] : expected) {
    auto gate = closed_multiplicative_gate(form);
    const auto a = gate->coefficients(kSkip, kSignal);
    EXPECT_TRUE(torch::allclose(a.flatten(), torch::tensor(numbers, kDouble), 0, 1e-12)) << a;
    EXPECT_TRUE(torch::equal(gate->forward(kSkip, kSignal), kSkip * a));
  }
}

TEST(MultiplicativeGate, ReturnsTheSkipConnectionWhenOpenAndNothingWhenShut) {
  for (const auto form : {GateForm::multiplicative, GateForm::gated_g_only, GateForm::oktay_mult}) {
    auto gate = closed_multiplicative_gate(form);
    const torch::NoGradGuard no_grad;
    gate->named_parameters()["psi.bias"].fill_(100);
    EXPECT_TRUE(torch::equal(gate->forward(kSkip, kSignal), kSkip));
    gate->named_parameters()["psi.bias"].fill_(-100);
    EXPECT_LT(gate->forward(kSkip, kSignal).abs().max().item<double>(), 1e-40);
  }
}

TEST(HeInit, DrawsNormallyWithTheVarianceOfItsFan) {
  torch::manual_seed(3);
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(64, 128, 3));
  for (const auto& [fan, ends] : {std::pair{Fan::in, 64}, std::pair{Fan::out, 128}}) {
    start_he_normal(*conv, fan);
    const double variance = 2.0 / (9 * ends);
    EXPECT_NEAR(conv->weight.var().item<double>(), variance, 0.03 * variance);
    EXPECT_GT(conv->weight.abs().max().item<double>(), 3.5 * std::sqrt(variance));  // not uniform
    EXPECT_EQ(conv->bias.abs().max().item<double>(), 0);
  }
}

int64_t learnable_of(const SegNetOptions& options) {
  return count_parameters(*SegNet(options)).trainable;
}

// SPEC-002 sections 1 and 2; those of the catalog's networks stand in tests/contract/counts.h.
TEST(SegNet, HasTheCountsOfTheSpecification) {
  SegNetOptions three;
  three.in_channels = 3;
  EXPECT_EQ(learnable_of(three), 29'436'228);
  EXPECT_EQ(learnable_of(with_gates(three)), 35'542'217);
  EXPECT_EQ(learnable_of(segnet_of_depth(4)), 519'748);
  EXPECT_EQ(learnable_of(segnet_of_depth(5)), 667'716);
  EXPECT_EQ(learnable_of(with_gates(segnet_of_depth(5))), 873'161);
  EXPECT_EQ(learnable_of(with_gates(segnet_of_depth(5), SegNetFuse::add)), 688'841);
}

TEST(SegNet, StagesOfOneConvolutionWork) {
  SegNetOptions options = with_gates(SegNetOptions{});
  options.widths = {4, 6};
  options.convolutions = {1, 1};
  EXPECT_EQ(SegNet(options)->forward(torch::randn({2, 1, 8, 4})).logits.sizes(),
            (std::vector<int64_t>{2, 2, 8, 4}));
}

TEST(SegNet, RefusesListsOfDifferentLengths) {
  SegNetOptions options;
  options.widths = {4, 6};
  const auto text = complaint(ErrorKind::recipe, [&] { SegNet{options}; });
  EXPECT_TRUE(says(text, {"widths has 2 numbers", "convolutions 5"}));
}

TEST(SegNet, TrainsUnderAutocastWithGradientsNearThoseOfSinglePrecision) {
  torch::manual_seed(4);
  SegNetOptions options = with_gates(segnet_of_depth(3, 8));
  options.head = SegNetHead::plain;
  SegNet model(options);
  const auto x = torch::randn({2, 1, 32, 32});
  const auto gradient = [&](torch::ScalarType type) {
    model->zero_grad();
    torch::Tensor logits;
    {
      const Autocast autocast(torch::kCPU, type);
      logits = model->forward(x).logits;
    }
    logits.to(torch::kFloat32).square().mean().backward();
    return model->named_parameters()["head.conv.weight"].grad().clone();
  };
  const auto exact = gradient(torch::kFloat32), rough = gradient(torch::kBFloat16);
  EXPECT_LT((rough - exact).norm().item<double>(), 0.2 * exact.norm().item<double>());
}

TEST(SegNet, RefusesASigmoidBehindAReLU) {
  const auto text = complaint(ErrorKind::recipe, [] { SegNet(SegNetOptions{.out_channels = 1}); });
  EXPECT_TRUE(says(text, {"head = \"matlab\"", "head = \"plain\""}));
  SegNet(SegNetOptions{
      .out_channels = 1, .widths = {4}, .convolutions = {1}, .head = SegNetHead::plain});
}

}  // namespace
}  // namespace groundglass
