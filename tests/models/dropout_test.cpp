#include "groundglass/models/blocks/dropout.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "groundglass/core/process.h"
#include "groundglass/models/nn.h"

namespace groundglass {
namespace {

double share(const torch::Tensor& condition) {
  return condition.to(torch::kFloat64).mean().item<double>();
}

torch::Tensor mask_of(int64_t n, double probability, uint64_t seed) {
  torch::manual_seed(seed);
  return dropout(torch::ones({n}), probability) != 0;
}

TEST(Dropout, KeepsTheRightShareAndScalesIt) {
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    torch::manual_seed(1);
    const auto x = torch::full({1'000'000}, 3, type);
    const auto y = dropout(x, 0.2);
    EXPECT_EQ(y.scalar_type(), type);
    const auto kept = y != 0;
    EXPECT_NEAR(share(kept), 0.8, 0.002);  // five standard deviations
    EXPECT_TRUE(torch::allclose(y.masked_select(kept), torch::full({1}, 3.75, type)));
    EXPECT_NEAR(y.mean().item<double>(), 3, 0.01);
  }
}

TEST(Dropout, ReachesBothEndsOfTheProbability) {
  EXPECT_NEAR(share(mask_of(1'000'000, 0.01, 2)), 0.99, 0.0005);
  EXPECT_NEAR(share(mask_of(1'000'000, 0.95, 2)), 0.05, 0.0011);
  EXPECT_NEAR(share(mask_of(1'000'000, 0.5, 2)), 0.5, 0.0025);
}

TEST(Dropout, IsTheIdentityAtZero) {
  const auto x = torch::randn({3, 5});
  EXPECT_TRUE(dropout(x, 0).is_same(x));
}

TEST(Dropout, PassesGradientsThroughTheSameMask) {
  torch::manual_seed(1);
  const auto x = torch::randn({4, 3, 33, 35}).requires_grad_();
  const auto y = dropout(x, 0.4);
  const auto kept = (y.detach() != 0).to(torch::kFloat32);
  const auto seed = torch::randn(y.sizes());
  y.backward(seed);
  EXPECT_TRUE(torch::allclose(x.grad(), seed * kept / 0.6F));
  EXPECT_TRUE(torch::allclose(y.detach(), x.detach() * kept / 0.6F));
}

TEST(Dropout, TakesTensorsAndGradientsInAnyMemoryOrder) {
  torch::manual_seed(1);
  const auto x = torch::randn({2, 3, 8, 10}).transpose(2, 3).requires_grad_();
  const auto y = dropout(x, 0.5);
  const auto kept = (y.detach() != 0).to(torch::kFloat32);
  EXPECT_TRUE(torch::allclose(y.detach(), x.detach() * kept * 2));
  const auto seed = torch::randn({2, 3, 8, 10}).transpose(2, 3);
  y.backward(seed);
  EXPECT_TRUE(torch::allclose(x.grad(), seed * kept * 2));
}

TEST(Dropout, GivesTheSameMaskOnOneAndTwoThreads) {
  constexpr int64_t kMany = 1'000'003;  // several portions, and a last group that is not whole
  const int before = at::get_num_threads();
  set_threads(1);
  const auto one = mask_of(kMany, 0.3, 7);
  set_threads(2);
  const auto two = mask_of(kMany, 0.3, 7);
  set_threads(before);
  EXPECT_TRUE(torch::equal(one, two));
}

// One hash decides four values; a tensor need not be a multiple of four long.
TEST(Dropout, DecidesEveryValueOfShortTensors) {
  torch::manual_seed(1);
  for (const int64_t n : {1, 2, 3, 5, 7}) {
    auto sum = torch::zeros({n});
    for (int draw = 0; draw < 4000; ++draw) sum += dropout(torch::ones({n}), 0.25);
    // The mean of a value is 1, with a standard deviation of sqrt(1 / 3 / 4000) = 0.009.
    EXPECT_LT((sum / 4000 - 1).abs().max().item<double>(), 0.05) << n << " values: " << sum;
  }
}

TEST(Dropout, DrawsAnewAtEachCallAndForEachSeed) {
  constexpr int64_t kMany = 100'000;
  EXPECT_TRUE(torch::equal(mask_of(kMany, 0.5, 7), mask_of(kMany, 0.5, 7)));
  const auto first = mask_of(kMany, 0.5, 7);
  const auto second = dropout(torch::ones({kMany}), 0.5) != 0;
  EXPECT_NEAR(share(first == second), 0.5, 0.01);
  EXPECT_NEAR(share(first == mask_of(kMany, 0.5, 8)), 0.5, 0.01);
}

TEST(Dropout, DecidesNeighboursIndependently) {
  constexpr int64_t kMany = 1'000'000;
  const auto mask = mask_of(kMany, 0.5, 9);
  for (const int64_t apart : {1, 2, 3, 4, 8, 64, 256}) {
    const auto equal = mask.slice(0, apart) == mask.slice(0, 0, kMany - apart);
    EXPECT_NEAR(share(equal), 0.5, 0.0025) << apart;
  }
  for (int64_t lane = 0; lane < 4; ++lane) {  // one hash decides four values
    EXPECT_NEAR(share(mask.slice(0, lane, kMany, 4)), 0.5, 0.005) << lane;
  }
}

}  // namespace
}  // namespace groundglass
