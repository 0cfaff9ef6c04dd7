// What runs a network in prediction: a plan where it says what the network says, else LibTorch.
#include "groundglass/infer/runner.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/frontend/tracer.h>

#include "groundglass/core/files.h"
#include "groundglass/infer/plan/verdict.h"
#include "tests/complaint.h"
#include "tests/infer/planned_function.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

/// One convolution, which a caller may bend.
class OneLayer : public SegmentationModel {
 public:
  explicit OneLayer(int64_t classes = 1)
      : layer_(register_module(
            "layer", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, classes, 3).padding(1)))) {
    const torch::NoGradGuard no_grad;
    for (auto& p : parameters()) p.copy_(torch::sin(torch::arange(p.numel()) * 1.7).view_as(p));
  }
  Features encode(torch::Tensor image) override { return {{image}, {}, {}}; }
  Prediction decode(const Features& f) override { return {layer_(f.maps[0]), {}}; }
  int64_t stride() const override { return 4; }
  int64_t in_channels() const override { return 1; }
  int64_t out_channels() const override { return 1; }
  std::vector<std::string> layer_names() const override { return {}; }

 protected:
  torch::nn::Conv2d layer_;
};

/// Goes another way for bright images, which a trace cannot know.
class Fickle final : public OneLayer {
 public:
  Prediction decode(const Features& f) override {
    const auto logits = layer_(f.maps[0]);
    if (torch::jit::tracer::isTracing()) ++traces;
    return {f.maps[0].mean().item<float>() > 10 ? -logits : logits, {}};
  }
  int traces = 0;
};

/// Says something else while it is traced.
class Actor final : public OneLayer {
 public:
  Prediction decode(const Features& f) override {
    const auto logits = layer_(f.maps[0]);
    return {torch::jit::tracer::isTracing() ? logits + 1 : logits, {}};
  }
};

/// Counts how often it is really run.
class Counting final : public OneLayer {
 public:
  Prediction decode(const Features& f) override {
    ++runs;
    return OneLayer::decode(f);
  }
  int runs = 0;
};

torch::Tensor waves_of(int64_t n, int64_t height, int64_t width) {
  return torch::cos(torch::arange(n * height * width) * 0.37).view({n, 1, height, width});
}

class RunnerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!Plan::available()) GTEST_SKIP() << "this program cannot plan on this processor";
    at::set_num_threads(2);
  }
};

TEST_F(RunnerTest, PlansWhereThePlanSaysTheSame) {
  const auto model = std::make_shared<OneLayer>();
  Runner runner(model, {});
  EXPECT_EQ(runner.engine(), "none");
  const torch::NoGradGuard no_grad;
  for (const auto& [h, w] : std::vector<std::pair<int64_t, int64_t>>{{8, 12}, {16, 4}, {8, 12}}) {
    const auto image = waves_of(3, h, w);
    EXPECT_TRUE(torch::allclose(runner.logits(image), model->forward(image).logits, 1e-4, 1e-5));
  }
  EXPECT_EQ(runner.engine(), "plan");
  EXPECT_EQ(runner.precision(), "fp32");
  EXPECT_TRUE(runner.take_warnings().empty());
}

TEST_F(RunnerTest, LibTorchGivesTheNetworksOwnBits) {
  const auto model = std::make_shared<OneLayer>();
  Runner runner(model, {.with = RunWith::libtorch});
  const torch::NoGradGuard no_grad;
  const auto image = waves_of(2, 8, 8);
  EXPECT_TRUE(torch::equal(runner.logits(image), model->forward(image).logits));
  EXPECT_EQ(runner.engine(), "libtorch");
}

TEST_F(RunnerTest, FallsBackWhereTheMaskWouldChange) {
  const auto model = std::make_shared<Fickle>();
  Runner runner(model, {});
  const torch::NoGradGuard no_grad;
  const auto bright = waves_of(1, 8, 8) + 20, dark = waves_of(1, 8, 12);
  EXPECT_TRUE(torch::equal(runner.logits(bright), model->forward(bright).logits));
  EXPECT_EQ(runner.engine(), "libtorch");
  const auto warnings = runner.take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(says(warnings[0], {"the fp32 plan is not used", "sure pixels change", "Dice"}));
  EXPECT_TRUE(runner.take_warnings().empty());  // each is told once
  runner.logits(dark);
  EXPECT_EQ(runner.engine(), "plan and libtorch");
}

TEST_F(RunnerTest, FallsBackWhereTheTraceIsWrong) {
  const auto model = std::make_shared<Actor>();
  Runner runner(model, {});
  const torch::NoGradGuard no_grad;
  const auto image = waves_of(1, 8, 8);
  EXPECT_TRUE(torch::equal(runner.logits(image), model->forward(image).logits));
  const auto warnings = runner.take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(says(warnings[0], {"the fp32 plan is not used", "traced graph"}));
  Runner stubborn(model, {.with = RunWith::plan});
  EXPECT_TRUE(
      says(complaint(ErrorKind::internal, [&] { stubborn.logits(image); }), {"traced graph"}));
}

TEST_F(RunnerTest, TracesOnceForAllPrecisions) {
  if (!Plan::available(torch::kBFloat16)) GTEST_SKIP() << "no bfloat16 on this processor";
  const auto model = std::make_shared<Actor>();  // whose trace is refused
  Runner runner(model, {{torch::kCPU, torch::kBFloat16}});
  runner.logits(waves_of(1, 8, 8));
  const auto warnings = runner.take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(says(warnings[0], {"the bf16 plan is not used", "traced graph"}));

  const auto bright = std::make_shared<Fickle>();  // whose plans differ in both
  Runner other(bright, {{torch::kCPU, torch::kBFloat16}});
  const int before = bright->traces;
  other.logits(waves_of(1, 8, 8) + 20);
  EXPECT_EQ(other.take_warnings().size(), 2U);
  const int both = bright->traces - before;
  Runner single(bright, {{torch::kCPU, torch::kFloat32}});
  single.logits(waves_of(1, 8, 8) + 20);
  EXPECT_EQ(both, bright->traces - before - both);
}

TEST_F(RunnerTest, KeepsTheLastSizes) {
  const auto model = std::make_shared<Fickle>();
  Runner runner(model, {.keep = 2});
  for (const int64_t width : {8, 12, 16}) runner.logits(waves_of(1, 8, width) + 20);
  EXPECT_EQ(runner.take_warnings().size(), 3U);  // one for each size that was judged
  runner.logits(waves_of(5, 8, 16) + 20);        // another batch is no other size
  runner.logits(waves_of(1, 8, 12) + 20);
  EXPECT_TRUE(runner.take_warnings().empty());
  runner.logits(waves_of(1, 8, 8) + 20);  // forgotten, judged again
  EXPECT_EQ(runner.take_warnings().size(), 1U);
}

TEST_F(RunnerTest, RefusesWhatItCannotRun) {
  const auto model = std::make_shared<OneLayer>();
  Runner runner(model, {});
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               runner.logits(torch::zeros({6, 12}));
                             }),
                   {"image has 2 axes, expected [N,C,H,W]"}));
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               Runner(model, {{torch::kCUDA, torch::kFloat32}, RunWith::plan});
                             }),
                   {"plans run on the CPU, not on cuda", "--engine libtorch"}));
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               Runner(model, {{torch::kCPU, torch::kFloat64}, RunWith::plan});
                             }),
                   {"no plan can be made", "--engine libtorch"}));
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::exists(folder)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry);
  return files;
}

TEST_F(RunnerTest, AStoredPlanNeedsNoNetworkAndGivesTheSameBits) {
  const ScratchFolder folder;
  const auto image = waves_of(2, 8, 12);
  RunnerOptions options;
  options.plans = folder / "plans";
  options.identity = "these weights";
  Runner first(std::make_shared<OneLayer>(), options);
  const auto expected = first.logits(image);
  ASSERT_EQ(files_in(options.plans).size(), 1U);

  const auto model = std::make_shared<Counting>();
  Runner second(model, options);
  EXPECT_TRUE(torch::equal(second.logits(image), expected));
  EXPECT_EQ(model->runs, 0);
  EXPECT_EQ(second.engine(), "plan");

  options.threshold = 0.25;  // the plan was judged at another
  Runner stricter(model, options);
  stricter.logits(image);
  EXPECT_GT(model->runs, 0);

  model->runs = 0;
  options.identity = "other weights";
  Runner other(model, options);
  other.logits(image);
  EXPECT_GT(model->runs, 0);
  EXPECT_EQ(files_in(options.plans).size(), 3U);
}

TEST_F(RunnerTest, ADamagedPlanIsMadeAnew) {
  const ScratchFolder folder;
  const auto image = waves_of(1, 8, 8);
  RunnerOptions options;
  options.plans = folder.path();
  options.identity = "these weights";
  Runner(std::make_shared<OneLayer>(), options).logits(image);
  const auto file = files_in(folder.path()).at(0);
  const std::string whole = read_file(file);
  std::vector<std::string> damaged = {"", whole.substr(0, whole.size() / 2)};
  for (size_t at = 0; at < whole.size(); at += 97) {  // one bit, anywhere
    damaged.push_back(whole);
    damaged.back()[at] = static_cast<char>(damaged.back()[at] ^ 4);
  }
  for (const auto& bytes : damaged) {
    write_file(file, bytes);
    const auto model = std::make_shared<Counting>();
    Runner runner(model, options);
    const auto logits = runner.logits(image);
    EXPECT_GT(model->runs, 0);
    EXPECT_TRUE(torch::allclose(logits, model->forward(image).logits, 1e-4, 1e-5));
    EXPECT_EQ(read_file(file), whole);  // and stored again
  }
}

TEST_F(RunnerTest, TheFolderKeepsTheEightNewestPlans) {
  const ScratchFolder folder;
  RunnerOptions options;
  options.plans = folder.path();
  options.identity = "w";
  Runner runner(std::make_shared<OneLayer>(), options);
  for (int64_t i = 1; i <= 10; ++i) runner.logits(waves_of(1, 8, 4 * i));
  EXPECT_EQ(files_in(folder.path()).size(), 8U);
}

TEST_F(RunnerTest, AFolderThatCannotBeWrittenIsNoMatter) {
  const ScratchFolder folder;
  write_file(folder / "file", "in the way");
  RunnerOptions options;
  options.plans = folder / "file";
  Runner runner(std::make_shared<OneLayer>(), options);
  runner.logits(waves_of(1, 8, 8));
  EXPECT_EQ(runner.engine(), "plan");
  const auto warnings = runner.take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(says(warnings[0], {"the plan is not kept", (folder / "file").string(), "--plans"}));
}

TEST_F(RunnerTest, AnUnfaithfulPlanIsNotStoredButRemembered) {
  const ScratchFolder folder;
  const auto image = waves_of(1, 8, 8) + 20;
  RunnerOptions options;
  options.plans = folder.path();
  options.identity = "these weights";
  Runner runner(std::make_shared<Fickle>(), options);
  const auto expected = runner.logits(image);
  const auto said = runner.take_warnings();
  ASSERT_EQ(said.size(), 1U);
  const auto files = files_in(folder.path());
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].extension(), ".refused");

  const auto model = std::make_shared<Fickle>();
  Runner second(model, options);
  EXPECT_TRUE(torch::equal(second.logits(image), expected));
  EXPECT_EQ(model->traces, 0) << "neither traced nor compared";
  EXPECT_EQ(second.take_warnings(), said);

  options.identity = "other weights";
  Runner other(model, options);
  other.logits(image);
  EXPECT_GT(model->traces, 0);
}

TEST_F(RunnerTest, LeavesRoomForTiesWhereTheNetworkDecides) {
  const torch::NoGradGuard no_grad;
  const auto w = torch::randn({16, 1, 3, 3});
  const auto allowed = [&](bool gate, torch::ScalarType precision) {
    const auto traced = traced_function(
        [&](const torch::Tensor& x) {
          const auto y = torch::conv2d(x, w, {}, 1, 1);
          return gate ? y * (y > 0.5).to(torch::kFloat32) : torch::relu(y);
        },
        {1, 1, 8, 8});
    const double found = allowed_error(traced, precision);
    EXPECT_EQ(allowed_error(Plan(traced, {1, 8, 8}), precision), found);
    return found;
  };
  EXPECT_EQ(allowed(false, torch::kFloat32), 1e-5);
  EXPECT_EQ(allowed(false, torch::kBFloat16), 2e-2);
  EXPECT_EQ(allowed(true, torch::kFloat32), 1e-2);
  EXPECT_EQ(allowed(true, torch::kBFloat16), 0.5);
}

torch::Tensor logit(double p) {
  return torch::full({1, 1, 1, 1}, std::log(p / (1 - p)));
}

TEST(Parity, CountsChangedPixelsOnlyWhereTheReferenceWasSure) {
  const auto found = torch::cat({logit(0.9), logit(0.52), logit(0.2), logit(0.62)}, 3);
  const auto theirs = torch::cat({logit(0.8), logit(0.48), logit(0.3), logit(0.40)}, 3);
  const Parity half = compare_logits(found, theirs, 0.5);
  EXPECT_EQ(half.flipped, 1);  // .62 beside .40; .52 beside .48 was open
  EXPECT_NEAR(half.dice, 2.0 * 1 / (3 + 1), 1e-12);
  EXPECT_EQ(compare_logits(found, theirs, 0.61).flipped, 1);
  EXPECT_EQ(compare_logits(logit(0.63), logit(0.59), 0.61).flipped, 0);  // open at this threshold
  EXPECT_EQ(compare_logits(found, theirs, 0.95).flipped, 0);
  EXPECT_EQ(compare_logits(found, theirs, 0.95).dice, 1);  // both empty
  EXPECT_NEAR(compare_logits(theirs * 1.5, theirs, 0.5).relative_error, 0.5, 1e-6);
}

TEST(Parity, ASurePixelOfSeveralClassesLeadsTheSecondBestByATenth) {
  const auto of = [](double a, double b, double c) {
    return torch::log(torch::tensor({a, b, c})).view({1, 3, 1, 1}).to(torch::kFloat32);
  };
  EXPECT_EQ(compare_logits(of(0.2, 0.3, 0.5), of(0.2, 0.46, 0.34), 0.5).flipped, 1);
  EXPECT_EQ(compare_logits(of(0.2, 0.3, 0.5), of(0.2, 0.44, 0.36), 0.5).flipped, 0);
  EXPECT_EQ(compare_logits(of(0.2, 0.5, 0.3), of(0.2, 0.46, 0.34), 0.5).flipped, 0);
}

TEST(Verdict, HoldsForItsOwnKeyAlone) {
  const ScratchFolder folder;
  const auto plan = folder / "a.plan";
  EXPECT_FALSE(remembered_refusal(plan, "one"));
  remember_refusal(plan, "one", "19 sure pixels change");
  EXPECT_EQ(remembered_refusal(plan, "one"), "19 sure pixels change");
  EXPECT_FALSE(remembered_refusal(plan, "two"));
  EXPECT_FALSE(remembered_refusal(plan, "on"));
}

}  // namespace
}  // namespace groundglass
