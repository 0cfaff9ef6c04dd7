// Spectral pooling: numbers of SPEC-SHARED and of tools/reference/raiu_net.py, what the definition
// implies, and the two forms beside each other.
#include <gtest/gtest.h>

#include "groundglass/core/torch_version.h"
#include "groundglass/models/blocks/spectral_pool.h"
#include "tests/complaint.h"
#include "tests/models/known_tensors.h"
#include "tests/reference/closed_form.h"

namespace groundglass {
namespace {

constexpr auto kUnitary = SpectralScale::unitary;

using Form = torch::Tensor (*)(const torch::Tensor&, int64_t, int64_t, SpectralScale);

class SpectralPool : public testing::TestWithParam<Form> {
 protected:
  static torch::Tensor pool(const torch::Tensor& x, int64_t h, int64_t w,
                            SpectralScale scale = SpectralScale::preserve_mean) {
    return GetParam()(x, h, w, scale);
  }
};

TEST_P(SpectralPool, GivesTheGoldenNumbers) {
  const auto x = torch::arange(16, kDouble).view({1, 1, 4, 4});
  expect_near(pool(x, 2, 2), {5, 6, 9, 10});
  expect_near(pool(x, 2, 2, kUnitary), {10, 12, 18, 20});
  expect_near(pool(x, 1, 1), {7.5});
  expect_near(pool(x, 1, 1, kUnitary), {30});
}

TEST_P(SpectralPool, HalvesADiagonalCosineAtItsHighestFrequency) {
  const auto i = torch::arange(8, kDouble);
  const auto x = torch::cos((i.view({8, 1}) + 2 * i) * (2 * M_PI / 8)).view({1, 1, 8, 8});
  expect_near(pool(x, 4, 4), {.5, -.5, .5, -.5, 0, 0, 0, 0, -.5, .5, -.5, .5, 0, 0, 0, 0});
}

// tools/reference/raiu_net.py, "wave"
TEST_P(SpectralPool, AgreesWithTheReferenceAtUnequalSides) {
  const auto x = wave({1, 1, 6, 10}, 0.3).requires_grad_();
  const auto y = pool(x, 4, 2);
  expect_near(y, {0.13929971554651138, 0.041216369034952002, -0.069615758311359466,
                  0.021383795289660463, 0.039201274633491205, -0.051615554165211859,
                  -0.0067697419912532905, 0.086802088602858263});
  (y * wave(y.sizes(), 0.11)).sum().backward();
  expect_near(x.grad()[0][0][0],
              {0, 0.0013977193230863133, 0.0050569960176588165, 0.0095801107606311546,
               0.013239387455203642, 0.014637106778289964, 0.013239387455203646,
               0.0095801107606311511, 0.0050569960176588095, 0.0013977193230863168});
}

// tools/reference/raiu_net.py, "wave"
TEST_P(SpectralPool, AgreesWithTheReferenceAtOddSides) {
  expect_near(
      pool(wave({1, 1, 9, 7}, 0.3), 5, 3),
      {-0.0041796128684730262, -0.0051815885131081514, 0.013316223365738714, 0.0035301489946395885,
       0.0049089850144688248, -0.0031786250094888941, -0.003458670215163346, -0.0049630619177272635,
       0.00078907127310948427, 0.0039709484653157566, 0.0058080681618836684, 0.00075917363601748643,
       -0.0056214300470048941, -0.0083585664616768612, -0.0031417980065467249});
}

TEST_P(SpectralPool, DownToOnePixelIsTheMean) {
  const auto x = wave({2, 3, 8, 6}, 0.7);
  const auto mean = x.mean({2, 3}, true);
  EXPECT_TRUE(torch::allclose(pool(x, 1, 1), mean, 0, 1e-13));
  EXPECT_TRUE(torch::allclose(pool(x, 1, 1, kUnitary), mean * std::sqrt(48.0), 0, 1e-12));
}

TEST_P(SpectralPool, AtTheSameSizeIsTheImage) {
  for (const int64_t w : {5, 6}) {
    const auto x = wave({2, 3, 8, w}, 0.7);
    EXPECT_LT((pool(x, 8, w) - x).abs().max().item<double>(), 1e-12);
    EXPECT_LT((pool(x, 8, w, kUnitary) - x).abs().max().item<double>(), 1e-12);
  }
}

TEST_P(SpectralPool, KeepsTheMeanIfAskedTo) {
  const auto x = wave({1, 2, 12, 20}, 0.7);
  EXPECT_TRUE(torch::allclose(pool(x, 6, 10).mean({2, 3}), x.mean({2, 3}), 0, 1e-13));
}

TEST_P(SpectralPool, ComputesInSinglePrecisionWhateverTheAutocast) {
  const auto x = wave({1, 2, 16, 12}, 0.7).to(torch::kFloat32);
  const auto exact = pool(x, 8, 6);
  EXPECT_EQ(exact.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(
      torch::allclose(exact.to(torch::kFloat64), pool(x.to(torch::kFloat64), 8, 6), 0, 1e-6));
  const Autocast autocast(torch::kCPU, torch::kBFloat16);
  EXPECT_TRUE(torch::equal(pool(x, 8, 6), exact));
  const auto rough = x.to(torch::kBFloat16).requires_grad_();
  const auto y = pool(rough, 8, 6);
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(torch::equal(y, pool(rough.to(torch::kFloat32), 8, 6).to(torch::kBFloat16)));
  y.sum().backward();
  EXPECT_EQ(rough.grad().scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(torch::isfinite(rough.grad()).all().item<bool>());
}

TEST_P(SpectralPool, RefusesToGrowAMap) {
  const auto text = complaint(ErrorKind::usage, [] { pool(torch::zeros({1, 2, 4, 6}), 4, 7); });
  EXPECT_EQ(text,
            "spectral pooling: map is [1, 2, 4, 6], expected [N,C,H,W] with H at least 4 and W at "
            "least 7, both at least 1");
  complaint(ErrorKind::usage, [] { pool(torch::zeros({1, 2, 4, 6}), 0, 3); });
  complaint(ErrorKind::usage, [] { pool(torch::zeros({2, 4, 6}), 2, 3); });
}

INSTANTIATE_TEST_SUITE_P(Forms, SpectralPool,
                         testing::Values<Form>(spectral_pool2d, spectral_pool2d_fft),
                         [](const auto& test) {
                           return std::string(test.index == 0 ? "Matrices" : "Fourier");
                         });

TEST(SpectralPoolForms, AreTheSameInValueAndGradient) {
  const std::vector<std::array<int64_t, 4>> sizes = {
      {16, 12, 8, 6}, {16, 12, 8, 12},  {16, 12, 7, 5},  {16, 12, 4, 5},    {15, 12, 8, 12},
      {2, 4, 1, 2},   {32, 32, 16, 16}, {16, 16, 2, 14}, {128, 64, 64, 32}, {6, 10, 3, 5}};
  for (const auto& [height, width, h, w] : sizes) {
    for (const auto scale : {kUnitary, SpectralScale::preserve_mean}) {
      const auto x = wave({2, 3, height, width}, 0.7).requires_grad_();
      const auto z = x.detach().clone().requires_grad_();
      const auto a = spectral_pool2d(x, h, w, scale), b = spectral_pool2d_fft(z, h, w, scale);
      EXPECT_LT((a - b).abs().max().item<double>(), 1e-12) << height << " " << width;
      const auto seed = wave(a.sizes(), 0.3);
      a.backward(seed);
      b.backward(seed);
      EXPECT_LT((x.grad() - z.grad()).abs().max().item<double>(), 1e-12) << height << " " << width;
    }
  }
}

}  // namespace
}  // namespace groundglass
