// Convolutions on AMX tiles say what LibTorch says, in float and in bfloat16, for each shape that a
// tile does not fill.
#include <cmath>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "tests/infer/planned_function.h"

namespace groundglass {
namespace {

constexpr const char* kEngine = "amx kernel";

struct TileShape {
  int64_t in, out;
  std::array<int64_t, 2> kernel, stride, padding, dilation, size;
};

/// Three layers: the first fills memory of the plan, the second is looked at, and the sum behind it
/// reads what lives on. Numbers of few bits, so that bfloat16 rounds none of them.
struct Layers {
  explicit Layers(const TileShape& s) : shape(s) {
    const auto whole = [](std::vector<int64_t> sizes, int64_t most) {
      return torch::randint(-most, most + 1, sizes, torch::kFloat32);
    };
    in = whole({s.in, 1, 1, 1}, 2);
    w = whole({s.out, s.in, s.kernel[0], s.kernel[1]}, 2) * 0.25;
    b = whole({s.out}, 8);
    out = torch::zeros({s.out, s.out, 1, 1});
    for (int64_t i = 0; i < s.out; ++i) out[i][s.out - 1 - i] = 1;
  }
  torch::Tensor operator()(const torch::Tensor& image) const {
    const auto x = torch::conv2d(image, in);
    const auto y = torch::conv2d(x, w, b, shape.stride, shape.padding, shape.dilation);
    return torch::conv2d(torch::relu(y), out) + y;
  }
  TileShape shape;
  torch::Tensor in, w, b, out;
};

torch::Tensor whole_image(const std::array<int64_t, 2>& size) {
  torch::manual_seed(5);
  return torch::randint(-2, 3, {2, 1, size[0], size[1]}, torch::kFloat32);
}

class PlanAmx : public testing::TestWithParam<TileShape> {
 protected:
  void SetUp() override {
    if (!Plan::available(torch::kBFloat16)) GTEST_SKIP() << "this processor has no AMX";
    torch::manual_seed(3);
    const Layers layers(GetParam());
    const auto size = GetParam().size;
    const Plan plan = plan_of(layers, {1, 1, size[0], size[1]}, {}, 1);
    if (steps_of(plan, kEngine) == 0) GTEST_SKIP() << "this processor has no AMX";
  }
};

TEST_P(PlanAmx, IsExactWhereNothingIsRounded) {
  const torch::NoGradGuard no_grad;
  const Layers layers(GetParam());
  const auto size = GetParam().size;
  const auto image = whole_image(size);
  const Plan plan = plan_of(layers, {1, 1, size[0], size[1]}, {}, 1);
  EXPECT_EQ(steps_of(plan, kEngine), 2);
  const auto expected = layers(image);
  EXPECT_TRUE(torch::equal(plan.run(image), expected));
  const Plan half = plan_of(layers, {1, 1, size[0], size[1]}, {torch::kBFloat16}, 1);
  EXPECT_EQ(steps_of(half, kEngine), 3);
  // Results are rounded to eight bits when they are stored
  const auto error = (half.run(image) - expected).abs();
  EXPECT_LE(error.max().item<float>(), expected.abs().max().item<float>() * 0.02f);
  EXPECT_LT(error_of_mean(half.run(image), expected), 4e-3);
}

TEST_P(PlanAmx, HasThePrecisionOfFloats) {
  const torch::NoGradGuard no_grad;
  Layers layers(GetParam());
  layers.in = torch::randn_like(layers.in);
  layers.w = torch::randn_like(layers.w);
  layers.b = torch::randn_like(layers.b);
  const auto size = GetParam().size;
  const auto image = torch::rand({1, 1, size[0], size[1]});
  const Plan plan = plan_of(layers, {1, 1, size[0], size[1]}, {}, 1);
  EXPECT_LT(error_of_mean(plan.run(image), layers(image)), 1e-6);
}

TEST_P(PlanAmx, ThreadsAndWhatWasThereBeforeChangeNoBit) {
  const torch::NoGradGuard no_grad;
  const Layers layers(GetParam());
  const auto size = GetParam().size;
  const auto image = torch::rand({1, 1, size[0], size[1]});
  for (const auto precision : {torch::kFloat32, torch::kBFloat16}) {
    const Plan plan = plan_of(layers, {1, 1, size[0], size[1]}, {precision}, 1);
    const auto found = plan.run(image);
    plan.run(torch::full_like(image, std::nan("")));  // stays in the plan's memory
    EXPECT_TRUE(torch::equal(plan.run(image), found));
    const int threads = at::get_num_threads();
    for (const int count : {1, 2, 3}) {
      at::set_num_threads(count);
      EXPECT_TRUE(torch::equal(plan.run(image), found))
          << count << " threads, plan for " << threads;
      const Plan other = plan_of(layers, {1, 1, size[0], size[1]}, {precision}, 1);
      EXPECT_TRUE(torch::equal(other.run(image), found)) << "a plan for " << count << " threads";
    }
    at::set_num_threads(threads);
  }
}

constexpr std::array<int64_t, 2> kOne = {1, 1}, kNone = {0, 0};

INSTANTIATE_TEST_SUITE_P(
    , PlanAmx,
    testing::Values(
        TileShape{32, 32, {3, 3}, kOne, kOne, kOne, {16, 32}},
        TileShape{16, 48, {3, 3}, kOne, kOne, kOne, {7, 19}},   // one block, pairs of taps
        TileShape{48, 16, {3, 3}, kOne, kOne, kOne, {20, 5}},   // short rows
        TileShape{20, 36, {1, 1}, kOne, kNone, kOne, {9, 33}},  // blocks not full
        TileShape{96, 80, {1, 1}, kOne, kNone, kOne, {4, 4}},
        TileShape{80, 64, {3, 3}, {2, 2}, kOne, kOne, {18, 34}},
        TileShape{32, 32, {1, 1}, {2, 2}, kNone, kOne, {15, 17}},
        TileShape{16, 32, {7, 7}, {2, 2}, {3, 3}, kOne, {40, 24}},
        TileShape{48, 32, {3, 3}, kOne, {3, 3}, {3, 3}, {13, 21}},  // dilated, odd blocks
        TileShape{32, 16, {1, 7}, kOne, {0, 3}, kOne, {6, 40}},
        TileShape{32, 16, {7, 1}, kOne, {3, 0}, kOne, {40, 6}},
        TileShape{64, 32, {5, 5}, {1, 2}, {2, 2}, kOne, {12, 30}},
        TileShape{32, 32, {3, 3}, kOne, kNone, kOne, {9, 9}},     // no border
        TileShape{512, 96, {3, 3}, kOne, kOne, kOne, {8, 8}},     // outputs shared, sums go on
        TileShape{64, 64, {3, 3}, kOne, kOne, kOne, {200, 96}}),  // several strips
    [](const auto& test) {
      const TileShape& s = test.param;
      return std::to_string(s.in) + "to" + std::to_string(s.out) + "by" +
             std::to_string(s.kernel[0]) + "x" + std::to_string(s.kernel[1]) + "stride" +
             std::to_string(s.stride[0]) + "of" + std::to_string(s.size[0]) + "x" +
             std::to_string(s.size[1]);
    });

}  // namespace
}  // namespace groundglass
