// TensorFlow's padding "same". Goldens from SPEC-SHARED section 1, closed forms from
// tools/reference/blocks.py, gradients from LibTorch's own transposed convolution.
#include "groundglass/models/blocks/tf_same.h"

#include <gtest/gtest.h>

#include "tests/models/known_tensors.h"
#include "tests/reference/closed_form.h"

namespace groundglass {
namespace {

torch::Tensor counting(torch::IntArrayRef shape) {
  return torch::arange(1, c10::multiply_integers(shape) + 1, kDouble).view(shape);
}

template <class Net>
void set_weight(Net& net, const torch::Tensor& weight) {
  const torch::NoGradGuard no_grad;
  net->to(weight.scalar_type());
  net->weight.copy_(weight);
  net->bias.zero_();
}

TEST(PadTfSame, PutsTheOddPixelRightAndBelow) {
  const auto padded = pad_tf_same(torch::ones({1, 1, 4, 6}), 3, 2);
  EXPECT_EQ(padded.sizes(), (std::vector<int64_t>{1, 1, 5, 7}));
  EXPECT_EQ(padded.select(2, 4).abs().sum().item<float>(), 0);
  EXPECT_EQ(padded.select(3, 6).abs().sum().item<float>(), 0);
  EXPECT_EQ(padded.sum().item<float>(), 24);
}

TEST(PadTfSame, IsSymmetricOnOddSidesAndAtStrideOne) {
  EXPECT_EQ(pad_tf_same(torch::ones({1, 1, 5, 4}), 3, 2).sizes(),
            (std::vector<int64_t>{1, 1, 7, 5}));
  const auto padded = pad_tf_same(torch::ones({1, 1, 4, 4}), 3, 1);
  EXPECT_EQ(padded.sizes(), (std::vector<int64_t>{1, 1, 6, 6}));
  EXPECT_EQ(padded[0][0][0].sum().item<float>(), 0);
  EXPECT_EQ(padded[0][0][5].sum().item<float>(), 0);
}

TEST(PadTfSame, LeavesAlone2x2AtStride2) {
  const auto image = torch::ones({1, 1, 4, 4});
  EXPECT_TRUE(pad_tf_same(image, 2, 2).is_same(image));
}

TEST(TfSameConv2d, GivesTheGoldenNumbers) {
  TfSameConv2d conv(1, 1, 3, 2);
  set_weight(conv, counting({1, 1, 3, 3}));
  EXPECT_TRUE(torch::equal(conv->forward(counting({1, 1, 4, 4})).flatten(),
                           torch::tensor({348., 252., 274., 175.}, kDouble)));
  EXPECT_TRUE(
      torch::equal(conv->forward(counting({1, 1, 5, 5})).flatten(),
                   torch::tensor({128., 241., 184., 441., 681., 453., 320., 457., 280.}, kDouble)));
  EXPECT_TRUE(torch::equal(conv->forward(counting({1, 1, 3, 5})).flatten(),
                           torch::tensor({128., 241., 184., 160., 247., 160.}, kDouble)));
}

TEST(TfSameConv2d, AddsItsBias) {
  TfSameConv2d conv(1, 2, 3, 2);
  const torch::NoGradGuard no_grad;
  conv->bias.copy_(torch::tensor({3.0F, -4.0F}));
  const auto y = conv->forward(torch::zeros({1, 1, 2, 2}));
  EXPECT_TRUE(torch::equal(y.flatten(), torch::tensor({3.0F, -4.0F})));
}

TEST(TfSameConvTranspose2d, GivesTheGoldenNumbers) {
  TfSameConvTranspose2d conv(1, 1);
  set_weight(conv, counting({1, 1, 3, 3}));
  const auto y = conv->forward(counting({1, 1, 2, 2}));
  EXPECT_EQ(y.sizes(), (std::vector<int64_t>{1, 1, 4, 4}));
  EXPECT_TRUE(torch::equal(y.flatten(), torch::tensor({1., 2., 5., 4., 4., 5., 14., 10., 10., 14.,
                                                       36., 24., 12., 15., 34., 20.},
                                                      kDouble)));
}

// tools/reference/blocks.py, "transposed": out, and the gradients of sum(out * sin(0.11 j)).
TEST(TfSameConvTranspose2d, AgreesWithTheReferenceInValueAndGradients) {
  TfSameConvTranspose2d conv(2, 3);
  set_weight(conv, closed_form({2, 3, 3, 3}, 1));
  {
    const torch::NoGradGuard no_grad;
    conv->bias.copy_(closed_form({3}, 2));
  }
  const auto x = wave({2, 2, 3, 2}, 0.3).requires_grad_();
  const auto out = conv->forward(x);
  (out * wave(out.sizes(), 0.11)).sum().backward();
  const auto values = torch::tensor(
      {0.59153494057760669, 0.61119164855210995, 0.73827109756692633, 0.64657656323443036,
       0.4225701399228054,  0.30300356611973145, 0.23907885782637042, 0.28158431255447469,
       0.47435265843315483, 0.60415131809879508, 0.66006630064753813, 0.58520600854613902,
       0.42673606604831227, 0.27318854283418847, 0.19378375498960548, 0.27856622606327475,
       0.39808979242123332, 0.55216256099720229, 0.58232961347194767, 0.50797264820984367,
       0.43112689499147083, 0.29723698981497082, 0.230090499303369,   0.32753303036956238},
      kDouble);
  EXPECT_TRUE(torch::allclose(out[0][1].flatten(), values, 0, 1e-12)) << out[0][1];
  const auto of_x = torch::tensor(
      {-0.21134991155932104,   -0.1866846205901381,   -0.14648692813009101,   -0.093620964426335496,
       0.13396013991661179,    0.18598448674378287,   -0.20267496585781633,   -0.1835349771542894,
       -0.14249998664684477,   -0.093008403161298686, 0.11698358254855809,    0.17657476849532389,
       -0.0013662724666544876, 0.045102624354194022,  0.16245032282077418,    0.17063811725961134,
       0.12856508552477108,    0.031375169826310237,  -0.0039326937507564719, 0.043089819331696533,
       0.15424518672266388,    0.16702537026159972,   0.13257765988571532,    0.037109798272908792},
      kDouble);
  EXPECT_TRUE(torch::allclose(x.grad().flatten(), of_x, 0, 1e-12)) << x.grad();
  const auto of_weight =
      torch::tensor({-2.1373218832049328, -2.067991457765034, -1.206029962530381,
                     -1.7148645784959708, -1.5535218126419024, -0.78887166770330364,
                     -0.71473911574440063, -0.40399135770497935, -0.2494002434363799},
                    kDouble);
  EXPECT_TRUE(torch::allclose(conv->weight.grad()[1][2].flatten(), of_weight, 0, 1e-11));
  const auto of_bias =
      torch::tensor({20.989329484047204, -24.083594624226563, 21.244523779003572}, kDouble);
  EXPECT_TRUE(torch::allclose(conv->bias.grad(), of_bias, 0, 1e-11)) << conv->bias.grad();
}

/// Value and gradients beside those of LibTorch's own transposed convolution.
void expect_like_libtorch(const torch::Tensor& image, torch::ScalarType type, double tolerance) {
  torch::manual_seed(5);
  TfSameConvTranspose2d conv(image.size(1), 4);
  conv->to(type);
  const auto x = image.to(type).detach().requires_grad_();
  const auto y = image.to(type).detach().requires_grad_();
  const auto weight = conv->weight.detach().clone().requires_grad_();
  const auto bias = conv->bias.detach().clone().requires_grad_();
  const auto ours = conv->forward(x);
  const auto theirs = at::conv_transpose2d(y, weight, bias, 2)
                          .slice(2, 0, 2 * image.size(2))
                          .slice(3, 0, 2 * image.size(3));
  const auto seed = torch::randn(ours.sizes(), torch::dtype(type));
  ours.backward(seed);
  theirs.backward(seed);
  EXPECT_TRUE(torch::allclose(ours, theirs, tolerance, tolerance));
  EXPECT_TRUE(torch::allclose(x.grad(), y.grad(), tolerance, tolerance));
  EXPECT_TRUE(torch::allclose(conv->weight.grad(), weight.grad(), tolerance, tolerance));
  EXPECT_TRUE(torch::allclose(conv->bias.grad(), bias.grad(), tolerance, tolerance));
}

TEST(TfSameConvTranspose2d, HasTheGradientsOfATransposedConvolution) {
  torch::manual_seed(4);
  for (const auto& shape : std::vector<std::vector<int64_t>>{
           {1, 1, 1, 1}, {2, 3, 5, 7}, {1, 6, 8, 3}, {3, 5, 1, 4}, {2, 16, 16, 16}}) {
    const auto image = torch::randn(shape);
    expect_like_libtorch(image, torch::kFloat64, 1e-11);
    expect_like_libtorch(image, torch::kFloat32, 2e-5);
  }
}

TEST(TfSameConvTranspose2d, TakesImagesInAnyMemoryOrder) {
  torch::manual_seed(4);
  const auto image = torch::randn({2, 3, 6, 5});
  expect_like_libtorch(image.contiguous(at::MemoryFormat::ChannelsLast), torch::kFloat32, 2e-5);
  expect_like_libtorch(image.transpose(2, 3), torch::kFloat32, 2e-5);
}

TEST(TfSameConvTranspose2d, GivesOnlyTheGradientsThatAreWanted) {
  torch::manual_seed(4);
  TfSameConvTranspose2d conv(2, 2);
  conv->forward(torch::randn({1, 2, 3, 3})).sum().backward();
  EXPECT_TRUE(conv->weight.grad().defined());
  TfSameConvTranspose2d frozen(2, 2);
  frozen->weight.set_requires_grad(false);
  const auto x = torch::randn({1, 2, 3, 3}).requires_grad_();
  frozen->forward(x).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  EXPECT_FALSE(frozen->weight.grad().defined());
}

}  // namespace
}  // namespace groundglass
