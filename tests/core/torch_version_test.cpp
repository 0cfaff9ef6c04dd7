#include "groundglass/core/torch_version.h"

#include <gtest/gtest.h>

namespace groundglass {
namespace {

torch::ScalarType type_of_product() {
  return torch::matmul(torch::ones({2, 2}), torch::ones({2, 2})).scalar_type();
}

TEST(Autocast, ChangesTheTypeOfProductsWhileItLives) {
  EXPECT_EQ(type_of_product(), torch::kFloat32);
  EXPECT_EQ(cpu_compute_type(torch::kFloat32), torch::kFloat32);
  {
    const Autocast autocast(torch::kCPU, torch::kBFloat16);
    EXPECT_EQ(type_of_product(), torch::kBFloat16);
    EXPECT_EQ(cpu_compute_type(torch::kFloat32), torch::kBFloat16);
  }
  EXPECT_EQ(type_of_product(), torch::kFloat32);
  EXPECT_EQ(cpu_compute_type(torch::kFloat32), torch::kFloat32);
}

TEST(Autocast, DoesNothingInSinglePrecision) {
  const Autocast autocast(torch::kCPU, torch::kFloat32);
  EXPECT_EQ(type_of_product(), torch::kFloat32);
  EXPECT_EQ(cpu_compute_type(torch::kFloat32), torch::kFloat32);
}

TEST(Autocast, GoesOnAfterAnInnerOneHasEnded) {
  const Autocast outer(torch::kCPU, torch::kBFloat16);
  {
    const Autocast inner(torch::kCPU, torch::kBFloat16);
    EXPECT_EQ(type_of_product(), torch::kBFloat16);
  }
  EXPECT_EQ(type_of_product(), torch::kBFloat16);
}

// LibTorch's autocast leaves float64 as it is.
TEST(Autocast, LeavesDoublePrecisionAlone) {
  const Autocast autocast(torch::kCPU, torch::kBFloat16);
  const auto one = torch::ones({2, 2}, torch::kFloat64);
  EXPECT_EQ(torch::matmul(one, one).scalar_type(), torch::kFloat64);
  EXPECT_EQ(cpu_compute_type(torch::kFloat64), torch::kFloat64);
}

}  // namespace
}  // namespace groundglass
