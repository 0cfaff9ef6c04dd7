// Plans in 8 bits in prediction: used where the masks stay, replaced where they do not.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "groundglass/infer/plan/int8_ranges.h"
#include "groundglass/infer/runner.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

/// Three convolutions, the middle one fit for 8 bits; counts how often it is really run.
class ThreeLayers final : public SegmentationModel {
 public:
  ThreeLayers() {
    const auto layer = [&](const char* name, int64_t in, int64_t out) {
      return register_module(name,
                             torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).padding(1)));
    };
    torch::manual_seed(5);
    layers_ = {layer("first", 1, 16), layer("middle", 16, 16), layer("last", 16, 1)};
  }
  Features encode(torch::Tensor image) override { return {{image}, {}, {}}; }
  Prediction decode(const Features& f) override {
    ++runs;
    auto x = f.maps[0];
    for (size_t i = 0; i < 2; ++i) x = torch::relu(layers_[i](x));
    return {layers_[2](x), {}};
  }
  int64_t stride() const override { return 4; }
  int64_t in_channels() const override { return 1; }
  int64_t out_channels() const override { return 1; }
  std::vector<std::string> layer_names() const override { return {}; }
  int runs = 0;

 private:
  std::vector<torch::nn::Conv2d> layers_;
};

class RunnerInt8 : public testing::Test {
 protected:
  void SetUp() override {
    if (!Plan::available(torch::kQInt8)) GTEST_SKIP() << "this processor has no AVX512_VNNI";
    model->eval();
    image = torch::cos(torch::arange(2 * 32 * 48) * 0.37).view({2, 1, 32, 48}) * 3;
    const auto traced = trace_model(*model, ExportOutput::logits, 32, 48);
    widen_ranges(options.ranges, Plan(traced, {1, 32, 48}, {.winograd = false}), image);
    ASSERT_EQ(options.ranges.size(), 1U);
    model->runs = 0;
  }
  /// The ranges, larger or smaller.
  InputRanges times(float factor) const {
    InputRanges ranges = options.ranges;
    for (auto& [name, range] : ranges) range = {range.low * factor, range.high * factor};
    return ranges;
  }

  std::shared_ptr<ThreeLayers> model = std::make_shared<ThreeLayers>();
  RunnerOptions options;
  torch::Tensor image;
};

TEST_F(RunnerInt8, RunsInBytesWhereTheMaskStays) {
  const torch::NoGradGuard no_grad;
  Runner runner(model, options);
  const auto found = runner.logits(image);
  EXPECT_EQ(runner.engine(), "plan");
  EXPECT_EQ(runner.precision(), "int8");
  EXPECT_EQ(runner.take_warnings(), std::vector<std::string>{});
  const auto error = compare_logits(found, model->forward(image).logits, 0.5).relative_error;
  EXPECT_GT(error, 1e-4);
  EXPECT_LT(error, 0.02);
}

TEST_F(RunnerInt8, NeverDoesSoUnasked) {
  options.ranges.clear();
  Runner runner(model, options);
  runner.logits(image);
  EXPECT_EQ(runner.precision(), "fp32");
}

TEST_F(RunnerInt8, FallsBackWhereTheRangesCutTooMuchOff) {
  options.ranges = times(0.1f);
  Runner runner(model, options);
  runner.logits(image);
  EXPECT_EQ(runner.precision(), "fp32");
  EXPECT_EQ(runner.engine(), "plan");
  const auto warnings = runner.take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(says(warnings[0], {"the int8 plan is not used", "allowed 0.1", "Dice"}));
}

TEST_F(RunnerInt8, FallsBackWhereTheRangesAreOfAnotherNetwork) {
  options.ranges = {{"nobody", {0, 1}}};
  Runner runner(model, options);
  runner.logits(image);
  EXPECT_EQ(runner.precision(), "fp32");
  const auto warnings = runner.take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(says(warnings[0], {"the int8 plan is not used", "none of the 1 ranges"}));
}

TEST_F(RunnerInt8, IsTakenFromTheDiskForTheSameRangesOnly) {
  const ScratchFolder folder;
  options.plans = folder.path();
  options.identity = "these weights";
  const auto expected = Runner(model, options).logits(image);
  model->runs = 0;
  Runner second(model, options);
  EXPECT_TRUE(torch::equal(second.logits(image), expected));
  EXPECT_EQ(second.precision(), "int8");
  EXPECT_EQ(model->runs, 0);
  options.ranges = times(1.01f);
  Runner other(model, options);
  other.logits(image);
  EXPECT_GT(model->runs, 0);
  options.ranges.clear();
  Runner plain(model, options);
  plain.logits(image);
  EXPECT_EQ(plain.precision(), "fp32");
}

TEST_F(RunnerInt8, RefusesToRunInLibTorchOrOnCuda) {
  options.with = RunWith::libtorch;
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { Runner(model, options); }),
                   {"int8 runs in plans on the CPU", "not in LibTorch on cpu"}));
  options.with = RunWith::automatic;
  options.engine.device = torch::kCUDA;
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { Runner(model, options); }),
                   {"int8 runs in plans on the CPU", "on cuda"}));
}

}  // namespace
}  // namespace groundglass
