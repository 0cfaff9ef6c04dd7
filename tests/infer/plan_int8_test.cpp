// A plan in 8 bits says nearly what LibTorch says, and exactly what its ranges and scales promise.
#include <cmath>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/infer/plan/int8_ranges.h"
#include "groundglass/infer/runner.h"
#include "groundglass/recipe/catalog.h"
#include "tests/complaint.h"
#include "tests/infer/planned_function.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

/// Smooth, with edges, as slices are.
torch::Tensor scene(const std::vector<int64_t>& sizes) {
  torch::manual_seed(7);
  const auto small = torch::rand({sizes[0], sizes[1], sizes[2] / 8 + 1, sizes[3] / 8 + 1});
  const auto smooth = torch::upsample_bilinear2d(small, {sizes[2], sizes[3]}, false);
  return torch::where(smooth > 0.6, smooth, smooth * 0.2) + torch::rand(sizes) * 0.05;
}

/// A plan in 8 bits with the ranges of the image itself, nothing cut off unless asked for.
Plan int8_plan(const TracedModel& traced, const torch::Tensor& image, double percentile = 100) {
  const std::array<int64_t, 3> size = {image.size(1), image.size(2), image.size(3)};
  PlanOptions options{.precision = torch::kFloat32, .winograd = false};
  widen_ranges(options.ranges, Plan(traced, size, options), image, percentile);
  options.precision = torch::kQInt8;
  return {traced, size, options};
}

int64_t steps_in_int8(const Plan& plan) {
  return steps_of(plan, "int8 kernel");
}

class PlanInt8 : public testing::Test {
 protected:
  void SetUp() override {
    if (!Plan::available(torch::kQInt8)) GTEST_SKIP() << "this processor has no AVX512_VNNI";
    torch::manual_seed(3);
  }
};

struct ByteShape {
  int64_t in, out, kernel, stride, padding, dilation, height, width;
};

/// Whole numbers whose range is exactly that of bytes: nothing is rounded in 8 bits, and sums are
/// exact in float, so that any slip shows.
TEST_F(PlanInt8, IsExactWhereNothingIsRounded) {
  const torch::NoGradGuard no_grad;
  for (const int64_t low : {0, -100}) {
    for (const auto& s :
         {ByteShape{16, 16, 3, 1, 1, 1, 12, 29}, ByteShape{48, 80, 3, 1, 1, 1, 9, 15},
          ByteShape{32, 64, 3, 2, 1, 1, 13, 11}, ByteShape{16, 128, 1, 1, 0, 1, 8, 8},
          ByteShape{16, 40, 3, 1, 2, 2, 10, 17}, ByteShape{20, 21, 5, 1, 2, 1, 7, 31},
          ByteShape{32, 512, 1, 2, 0, 1, 9, 9}, ByteShape{16, 64, 3, 2, 0, 1, 16, 12},
          ByteShape{16, 80, 3, 2, 1, 1, 8, 61}}) {
      auto w = torch::randint(-3, 4, {s.out, s.in, s.kernel, s.kernel}).to(torch::kFloat32);
      w.select(1, 0).fill_(127);  // the scale of each output is 1, 2 or 3
      w *= torch::arange(s.out).remainder(3).add(1).view({-1, 1, 1, 1});
      const auto b = torch::randint(-50, 50, {s.out}).to(torch::kFloat32);
      auto image = torch::randint(low, low + 256, {2, s.in, s.height, s.width}).to(torch::kFloat32);
      image[0][0][0][0] = low, image[0][0][0][1] = low + 255;
      const auto f = [&](const torch::Tensor& x) {
        return torch::conv2d(x, w, b, s.stride, s.padding, s.dilation) * 0x1p-16;
      };
      const auto traced = traced_function(f, {2, s.in, s.height, s.width});
      const Plan plan = int8_plan(traced, image);
      ASSERT_EQ(steps_in_int8(plan), 1);
      const auto expected = f(image), found = plan.run(image);
      // What is left is the type of the map: 8 bits of a bfloat16.
      EXPECT_TRUE(torch::allclose(found, expected, 0x1p-8, 1e-4))
          << s.in << " to " << s.out << " from " << low << ": "
          << (found - expected).abs().max().item<float>();
    }
  }
}

TEST_F(PlanInt8, KeepsActivationsAndSumsInTheirOrder) {
  const torch::NoGradGuard no_grad;
  const auto weight = [] { return torch::randn({32, 32, 3, 3}) * 0.1; };
  const auto w0 = torch::randn({32, 3, 3, 3}), w1 = weight(), w2 = weight(), w3 = weight();
  const auto bias = torch::randn({32}) * 0.5;
  const auto conv = [&](const torch::Tensor& x, const torch::Tensor& w) {
    return torch::conv2d(x, w, bias, 1, 1);
  };
  const std::vector<Function> kinds = {
      [&](const torch::Tensor& x) { return torch::relu(conv(x, w1)); },
      [&](const torch::Tensor& x) { return torch::sigmoid(conv(x, w1)); },
      [&](const torch::Tensor& x) { return torch::relu(conv(x, w1) + x); },
      [&](const torch::Tensor& x) { return torch::relu(conv(x, w1)) + x; },
      [&](const torch::Tensor& x) { return conv(torch::relu(conv(x, w1) + x), w2) + x; },
      [&](const torch::Tensor& x) {
        const auto y = conv(x, w1);
        return torch::cat({torch::relu(conv(y, w2) + y), y, conv(y, w3) - x}, 1);
      }};
  const auto image = scene({3, 3, 24, 20});
  for (size_t i = 0; i < kinds.size(); ++i) {
    const auto f = [&](const torch::Tensor& x) { return kinds[i](conv(x, w0)); };
    const auto traced = traced_function(f, {3, 3, 24, 20});
    const Plan plan = int8_plan(traced, image);
    EXPECT_GT(steps_in_int8(plan), 0) << i;
    EXPECT_LT(error_of_mean(plan.run(image), f(image)), 0.02) << i;
  }
}

TEST_F(PlanInt8, RunsInBytesOnlyWhatItHasRangesFor) {
  const torch::NoGradGuard no_grad;
  const auto w = torch::randn({16, 16, 3, 3}) * 0.1, few = torch::randn({2, 16, 1, 1});
  const auto f = [&](const torch::Tensor& x) {
    auto y = x;
    for (int i = 0; i < 3; ++i) y = torch::relu(torch::conv2d(y, w, {}, 1, 1));
    return torch::conv2d(y, few);
  };
  const auto traced = traced_function(f, {2, 16, 8, 8});
  const auto image = scene({2, 16, 8, 8});
  const std::array<int64_t, 3> size = {16, 8, 8};
  PlanOptions options{.winograd = false};
  widen_ranges(options.ranges, Plan(traced, size, options), image);
  ASSERT_EQ(options.ranges.size(), 3U);  // not the one with two outputs
  options.precision = torch::kQInt8;
  EXPECT_EQ(steps_in_int8(Plan(traced, size, options)), 3);
  options.ranges.erase(options.ranges.begin());
  const Plan partly(traced, size, options);
  EXPECT_EQ(steps_in_int8(partly), 2);
  EXPECT_LT(error_of_mean(partly.run(image), f(image)), 0.05);

  const auto refusal = [&](const InputRanges& ranges) {
    return complaint(ErrorKind::usage,
                     [&] { Plan(traced, size, {.precision = torch::kQInt8, .ranges = ranges}); });
  };
  EXPECT_TRUE(says(refusal({}), {"int8 needs the ranges", "groundglass quantise"}));
  EXPECT_TRUE(says(refusal({{"x", {0, 1}}, {"y", {0, 1}}}), {"none of the 2 ranges belongs"}));
}

TEST_F(PlanInt8, CutsOffWhatLiesBeyondTheRange) {
  const torch::NoGradGuard no_grad;
  const auto w = torch::eye(16).repeat({8, 1}).view({128, 16, 1, 1});
  const auto f = [&](const torch::Tensor& x) { return torch::conv2d(x, w); };
  const auto traced = traced_function(f, {1, 16, 4, 8});
  auto image = torch::zeros({1, 16, 4, 8});
  image.view(-1).copy_(torch::arange(512) - 200);
  const auto name = [&] {
    InputRanges found;
    widen_ranges(found, Plan(traced, {16, 4, 8}, {.winograd = false}), image);
    return found.begin()->first;
  }();
  const auto with = [&](const InputRange& range) {
    return Plan(traced, {16, 4, 8}, {.precision = torch::kQInt8, .ranges = {{name, range}}})
        .run(image)
        .narrow(1, 96, 16);
  };
  EXPECT_LT((with({-100, 155}) - image.clamp(-100, 155)).abs().max().item<float>(), 0.6);
  EXPECT_LT((with({0, 255}) - image.clamp(0, 255)).abs().max().item<float>(), 0.6);
  // A range of positive numbers begins at 0; no range at all stands for a map of zeros.
  EXPECT_TRUE(torch::equal(with({3, 255}), with({0, 255})));
  EXPECT_LT((with({0, 0}) - image.clamp(0, 255)).abs().max().item<float>(), 1.1);
}

TEST_F(PlanInt8, IsStoredWithItsRangesAndForThemAlone) {
  const torch::NoGradGuard no_grad;
  const ScratchFolder folder;
  const auto w = torch::randn({16, 16, 3, 3});
  const auto f = [&](const torch::Tensor& x) { return torch::conv2d(x, w, {}, 1, 1); };
  const auto traced = traced_function(f, {1, 16, 8, 8});
  const auto image = scene({1, 16, 8, 8});
  const std::array<int64_t, 3> size = {16, 8, 8};
  PlanOptions options{.winograd = false};
  widen_ranges(options.ranges, Plan(traced, size, options), image);
  options.precision = torch::kQInt8;
  ASSERT_TRUE(Plan::store(traced, size, options, folder / "p.plan", "w"));
  const auto again = Plan::stored(folder / "p.plan", size, options, "w");
  ASSERT_TRUE(again);
  EXPECT_EQ(steps_in_int8(*again), 1);
  EXPECT_TRUE(torch::equal(again->run(image), Plan(traced, size, options).run(image)));
  options.ranges.begin()->second.high *= 1.001f;
  EXPECT_FALSE(Plan::stored(folder / "p.plan", size, options, "w"));
  options.precision = torch::kFloat32;
  EXPECT_FALSE(Plan::stored(folder / "p.plan", size, options, "w"));
}

TEST_F(PlanInt8, APercentileLeavesOutTheFewLargest) {
  const auto w = torch::randn({128, 16, 1, 1});
  const auto traced =
      traced_function([&](const torch::Tensor& x) { return torch::conv2d(x, w); }, {1, 16, 50, 50});
  const Plan plan(traced, {16, 50, 50}, {.winograd = false});
  auto image = torch::rand({2, 16, 50, 50});
  image[1].view(-1).narrow(0, 0, 5).copy_(torch::tensor({1000.0, 900.0, 800.0, 700.0, 5.0}));
  image[0].view(-1).narrow(0, 0, 5).copy_(torch::tensor({-9.0, -8.0, -8.0, -8.0, -7.0}));
  const auto found = [&](double percentile) {
    InputRanges ranges;
    widen_ranges(ranges, plan, image, percentile);
    return ranges.begin()->second;
  };
  EXPECT_EQ(found(100), (InputRange{-9, 1000}));
  EXPECT_EQ(found(kInt8Percentile), (InputRange{-7, 5}));  // 4 of 40000 left out, of each image
}

TEST(PlanInt8Elsewhere, IsRefusedWithTheWayOut) {
  if (Plan::available(torch::kQInt8) || !Plan::available()) GTEST_SKIP() << "can, or plans nothing";
  const auto w = torch::randn({16, 16, 1, 1});
  const auto traced =
      traced_function([&](const torch::Tensor& x) { return torch::conv2d(x, w); }, {1, 16, 8, 8});
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               Plan(traced, {16, 8, 8}, {.precision = torch::kQInt8});
                             }),
                   {"no 8-bit arithmetic (AVX512_VNNI)", "bf16 or fp32"}));
}

class PlanInt8OfNetwork : public PlanInt8, public testing::WithParamInterface<const char*> {};

TEST_P(PlanInt8OfNetwork, SaysNearlyTheSameInTheSameBitsEachTime) {
  const ModelPtr model = make_default_model(GetParam());
  enliven(*model);
  model->eval();
  const torch::NoGradGuard no_grad;
  const int64_t unit = model->stride() * std::max<int64_t>(1, 32 / model->stride());
  const int64_t height = 2 * unit, width = 3 * unit, channels = model->in_channels();
  const auto traced = trace_model(*model, ExportOutput::logits, height, width);
  const auto image = scene({7, channels, height, width});
  const auto first = image.narrow(0, 0, 2);
  const Plan plan = int8_plan(traced, first, kInt8Percentile);
  EXPECT_GT(steps_in_int8(plan), 4);
  const auto found = plan.run(image);
  EXPECT_LT(error_of_mean(found.narrow(0, 0, 2), model->forward(first).logits), 0.1);
  const int threads = at::get_num_threads();
  for (const int count : {1, 2}) {
    at::set_num_threads(count);
    for (int64_t n = 0; n < 7; n += 6) {
      EXPECT_TRUE(torch::equal(plan.run(image.narrow(0, n, 1)), found.narrow(0, n, 1))) << n;
    }
  }
  at::set_num_threads(threads);
}

INSTANTIATE_TEST_SUITE_P(, PlanInt8OfNetwork,
                         testing::Values("unet", "attention_unet", "raiu_net", "linknet_smp",
                                         "unet_densenet121"));

TEST(Int8File, ComesBackAndIsRefusedWhereItIsDamagedOrForOthers) {
  const ScratchFolder folder;
  const InputRanges ranges = {{"a", {0, 0.1f}}, {"b #2", {-3.25f, 1e-3f}}};
  EXPECT_EQ(int8_file(folder.path()), folder / "int8.json");
  EXPECT_EQ(int8_file(folder / "m.safetensors"), folder / "m.int8.json");
  const auto refusal = [&](ErrorKind kind) {
    return complaint(kind, [&] { int8_ranges(folder.path(), "sha"); });
  };
  EXPECT_TRUE(says(refusal(ErrorKind::usage),
                   {"int8.json: is missing", "groundglass quantise --model ", "--data SET.ggset"}));
  const std::string whole =
      R"({"weights_sha256": "sha", "ranges": )" + ranges_json(ranges).dump() + "}";
  write_file(folder / "int8.json", whole);
  EXPECT_EQ(int8_ranges(folder.path(), "sha"), ranges);
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { int8_ranges(folder.path(), "other"); }),
                   {"made for other weights", "groundglass quantise"}));
  for (const std::string& damaged :
       {std::string(), whole.substr(0, whole.size() / 2), std::string("[]"),
        std::string(R"({"weights_sha256": "sha"})"),
        std::string(R"({"weights_sha256": "sha", "ranges": {}})"),
        std::string(R"({"weights_sha256": "sha", "ranges": {"a": [0]}})"),
        std::string(R"({"weights_sha256": "sha", "ranges": {"a": [1, 2]}})"),
        std::string(R"({"weights_sha256": "sha", "ranges": {"a": [null, 2]}})")}) {
    write_file(folder / "int8.json", damaged);
    EXPECT_TRUE(says(refusal(ErrorKind::checkpoint),
                     {"holds no weights_sha256 and ranges", "groundglass quantise"}))
        << damaged;
  }
}

}  // namespace
}  // namespace groundglass
