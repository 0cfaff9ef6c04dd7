#include <gtest/gtest.h>

#include "groundglass/data/phantom.h"

namespace groundglass {
namespace {

TEST(Phantom, IsTheSameChestForTheSameSeed) {
  const Phantom a({.seed = 3, .slices = 10, .side = 64}), b({.seed = 3, .slices = 10, .side = 64});
  static_cast<void>(b.slice(9));  // the order of the slices does not matter
  const auto one = a.slice(5), two = b.slice(5);
  EXPECT_TRUE(torch::equal(one.hu, two.hu));
  EXPECT_TRUE(torch::equal(one.lesions, two.lesions));
  EXPECT_FALSE(torch::equal(one.hu, Phantom({.seed = 4, .slices = 10, .side = 64}).slice(5).hu));
}

TEST(Phantom, HasLungsOfHumanSizeAndLesionsInThem) {
  for (uint64_t seed = 1; seed < 6; ++seed) {
    const Phantom phantom({.seed = seed, .slices = 20, .side = 96});
    double lungs = 0, lesions = 0;
    for (int64_t k = 0; k < 20; ++k) {
      const auto s = phantom.slice(k);
      EXPECT_EQ(((s.lesions != 0) & (s.lungs == 0)).sum().item<int64_t>(), 0);
      EXPECT_GE(s.hu.min().item<int>(), -1024);
      lungs += s.lungs.sum().item<double>();
      lesions += (s.lesions != 0).sum().item<double>();
      EXPECT_LE(s.lesions.max().item<int>(), 2);
    }
    const double lung_ml = lungs * voxel_mm3(phantom.geometry()) / 1000;
    EXPECT_GT(lung_ml, 2000);
    EXPECT_LT(lung_ml, 7000);
    EXPECT_GT(lesions, 0);
    EXPECT_LT(lesions, 0.7 * lungs);
  }
}

TEST(Phantom, CanBeHealthy) {
  const Phantom phantom({.seed = 1, .slices = 8, .side = 64, .max_lesions = 0});
  for (int64_t k = 0; k < 8; ++k) EXPECT_EQ(phantom.slice(k).lesions.max().item<int>(), 0);
}

TEST(Phantom, LesionsAreDenserThanLung) {
  const Phantom phantom({.seed = 2, .slices = 16, .side = 96});
  double lung = 0, lung_n = 0, lesion = 0, lesion_n = 0;
  for (int64_t k = 0; k < 16; ++k) {
    const auto s = phantom.slice(k);
    const auto healthy = (s.lungs != 0) & (s.lesions == 0), ill = s.lesions != 0;
    const auto hu = s.hu.to(torch::kFloat64);
    lung += (hu * healthy).sum().item<double>();
    lesion += (hu * ill).sum().item<double>();
    lung_n += healthy.sum().item<double>();
    lesion_n += ill.sum().item<double>();
  }
  EXPECT_LT(lung / lung_n, -700);
  EXPECT_GT(lesion / lesion_n, -600);
}

}  // namespace
}  // namespace groundglass
