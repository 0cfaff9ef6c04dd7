// The CUDA plan and what it is made of. Folding, layout and arithmetic are tested on the processor;
// graphs and parity only where a GPU is at hand.
#include "groundglass/infer/gpu/cuda_plan.h"

#include <numeric>

#include <gtest/gtest.h>
#include <torch/cuda.h>

#include "groundglass/core/torch_version.h"
#include "groundglass/infer/graph/folded_network.h"
#include "groundglass/infer/runner.h"
#include "groundglass/recipe/catalog.h"
#include "tests/complaint.h"
#include "tests/infer/planned_function.h"

namespace groundglass {
namespace {

/// A network of the catalog, an image that it takes, and what it says of it.
struct Sample {
  explicit Sample(const std::string& name, int64_t images = 3) {
    torch::manual_seed(1);
    model = make_default_model(name);
    enliven(*model);
    model->eval();
    const torch::NoGradGuard no_grad;
    const int64_t unit = model->stride() * std::max<int64_t>(1, 16 / model->stride());
    size = {model->in_channels(), 2 * unit, 3 * unit};
    image = image_of({images, size[0], size[1], size[2]});
    traced = trace_model(*model, ExportOutput::logits, size[1], size[2]);
    logits = model->forward(image).logits;
  }

  ModelPtr model;
  std::array<int64_t, 3> size{};
  torch::Tensor image, logits;
  TracedModel traced;
};

/// Unpooling and hard gates decide by comparison: a tie that rounding breaks moves a number whole.
bool compares(const std::string& name) {
  return name.find("segnet") != std::string::npos || name.find("chs_net") != std::string::npos;
}

TEST(ImagesAtOnce, TakeHalfOfWhatIsFreeInPowersOfTwo) {
  EXPECT_EQ(images_at_once(1000, 10, 64), 32);
  EXPECT_EQ(images_at_once(1280, 10, 64), 64);
  EXPECT_EQ(images_at_once(1279, 10, 64), 32);
  EXPECT_EQ(images_at_once(1'000'000, 10, 64), 64);
  EXPECT_EQ(images_at_once(0, 10, 64), 1);  // nothing runs with less than one
  EXPECT_EQ(images_at_once(-5, 10, 64), 1);
  EXPECT_EQ(images_at_once(1000, 0, 64), 64);
  EXPECT_EQ(images_at_once(1000, 10, 1), 1);
  EXPECT_EQ(images_at_once(int64_t{140} << 30, int64_t{3} << 30, 64), 16);
}

TEST(PartsOf, AreFallingPowersOfTwoThatSumUp) {
  EXPECT_EQ(parts_of(13, 4), (std::vector<int64_t>{4, 4, 4, 1}));
  EXPECT_EQ(parts_of(7, 64), (std::vector<int64_t>{4, 2, 1}));
  EXPECT_EQ(parts_of(3, 1), (std::vector<int64_t>{1, 1, 1}));
  EXPECT_TRUE(parts_of(0, 8).empty());
  for (int64_t n = 1; n < 70; ++n) {
    const auto parts = parts_of(n, 16);
    EXPECT_EQ(std::accumulate(parts.begin(), parts.end(), int64_t{0}), n);
    EXPECT_TRUE(std::is_sorted(parts.rbegin(), parts.rend()));
  }
}

TEST(FoldedNetwork, HasNoBatchNormBehindConvolutionsAndSaysTheSame) {
  const Sample sample("unet_resnet34");
  const FoldedNetwork folded(sample.traced, {});
  EXPECT_EQ(folded.count("aten::batch_norm"), 0);
  EXPECT_GT(folded.count("aten::_convolution"), 30);
  EXPECT_EQ(folded.channels_last(), folded.count("aten::_convolution"));
  EXPECT_LT(error_of_mean(folded.run(sample.image), sample.logits), kFloatError);
  EXPECT_TRUE(torch::equal(folded.run(sample.image), folded.run(sample.image)));
  // other sizes than the one it was traced with
  const auto other = image_of({2, sample.size[0], 2 * sample.size[1], sample.size[2]});
  const torch::NoGradGuard no_grad;
  EXPECT_LT(error_of_mean(folded.run(other), sample.model->forward(other).logits), kFloatError);
}

TEST(FoldedNetwork, KeepsBatchNormThatStandsBeforeAConvolution) {
  const Sample sample("unet_densenet121");
  const FoldedNetwork folded(sample.traced, {});
  EXPECT_GT(folded.count("aten::batch_norm"), 0);
  EXPECT_LT(error_of_mean(folded.run(sample.image), sample.logits), kFloatError);
}

TEST(FoldedNetwork, HoldsItsWeightsInTheTypeOfItsConvolutions) {
  const Sample sample("unet_resnet34");
  const FoldedNetwork single(sample.traced, {});
  const FoldedNetwork half(sample.traced, {torch::kCPU, torch::kBFloat16});
  EXPECT_LT(half.weight_bytes(), 0.52 * static_cast<double>(single.weight_bytes()));
  EXPECT_LT(error_of_mean(half.run(sample.image), sample.logits), kHalfError);
  EXPECT_GT(error_of_mean(half.run(sample.image), sample.logits), kFloatError);  // it really is
}

TEST(FoldedNetwork, LeavesTheTracedNetworkAsItWas) {
  const Sample sample("unet");
  const auto before = sample.traced.graph->toString();
  const FoldedNetwork folded(sample.traced, {torch::kCPU, torch::kBFloat16});
  EXPECT_EQ(sample.traced.graph->toString(), before);
  torch::jit::Module module = sample.traced.module;
  EXPECT_LT(error_of_mean(module.forward({sample.image}).toTensor(), sample.logits), kFloatError);
}

/// A network of the catalog, folded, in both precisions.
class FoldedFamily : public testing::Test {
 public:
  explicit FoldedFamily(std::string name) : name_(std::move(name)) {}
  void TestBody() override {
    const Sample sample(name_, 2);
    const double error =
        error_of_mean(FoldedNetwork(sample.traced, {}).run(sample.image), sample.logits);
    EXPECT_LT(error, compares(name_) ? 1e-2 : kFloatError);
    if (compares(name_)) return;
    const FoldedNetwork half(sample.traced, {torch::kCPU, torch::kBFloat16});
    EXPECT_LT(error_of_mean(half.run(sample.image), sample.logits), kHalfError);
  }

 private:
  std::string name_;
};

TEST(CudaPlan, IsRefusedWithTheWayOutWhereThereIsNoCuda) {
  if (CudaPlan::available()) GTEST_SKIP() << "this program was built with CUDA";
  const Sample sample("unet", 1);
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               CudaPlan(sample.traced, sample.size, {torch::kCUDA, 0});
                             }),
                   {"built without CUDA", "cuda:0", "--engine libtorch"}));
}

TEST(ExactFloat32, PutsTheFlagsBack) {
  const bool before = at::globalContext().allowTF32CuDNN();
  {
    const ExactFloat32 exact;
    EXPECT_FALSE(at::globalContext().allowTF32CuDNN());
    EXPECT_FALSE(at::globalContext().allowTF32CuBLAS());
  }
  EXPECT_EQ(at::globalContext().allowTF32CuDNN(), before);
}

class CudaPlanTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!CudaPlan::available()) GTEST_SKIP() << "this program was built without CUDA";
    if (!torch::cuda::is_available()) GTEST_SKIP() << "no GPU at hand";
  }
  static torch::Device device() { return {torch::kCUDA, 0}; }
};

TEST_F(CudaPlanTest, SaysWhatTheNetworkSaysForAnyNumberOfImages) {
  const Sample sample("unet_resnet34", 7);
  CudaPlan plan(sample.traced, sample.size, device(), {.at_most = 4});
  EXPECT_EQ(plan.largest_batch(), 4);
  EXPECT_GT(plan.image_bytes(), sample.image[0].nbytes());
  for (const int64_t n : {1, 2, 3, 7, 3}) {
    const auto found = plan.run(sample.image.narrow(0, 0, n));
    EXPECT_LT(error_of_mean(found, sample.logits.narrow(0, 0, n)), 5 * kFloatError) << n;
  }
  EXPECT_TRUE(plan.recorded());
  EXPECT_TRUE(plan.take_warnings().empty());
  EXPECT_TRUE(torch::equal(plan.run(sample.image), plan.run(sample.image)));
}

TEST_F(CudaPlanTest, GivesTheSameBitsWithGraphsAsWithout) {
  const Sample sample("attention_unet", 5);
  for (const auto precision : {torch::kFloat32, torch::kBFloat16}) {
    CudaPlan recorded(sample.traced, sample.size, device(), {precision, true, 4});
    CudaPlan plain(sample.traced, sample.size, device(), {precision, false, 4});
    EXPECT_TRUE(torch::equal(recorded.run(sample.image), plain.run(sample.image)));
    EXPECT_TRUE(recorded.recorded());
    EXPECT_FALSE(plain.recorded());
  }
}

TEST_F(CudaPlanTest, TellsWhenNothingCanBeRecordedAndGoesOn) {
  torch::nn::Conv2d layer(torch::nn::Conv2dOptions(1, 1, 3).padding(1));
  const auto function = [&](const torch::Tensor& x) {
    // the places of what is not zero come to the processor, which no graph can hold
    return std::vector<torch::Tensor>{layer(x) + x.nonzero().sum().to(torch::kFloat32) * 0};
  };
  const auto traced = trace_module(*layer, function, {.image = {2, 1, 8, 8}});
  CudaPlan plan(traced, {1, 8, 8}, device());
  const auto image = image_of({2, 1, 8, 8});
  const torch::NoGradGuard no_grad;
  EXPECT_LT(error_of_mean(plan.run(image), function(image)[0]), 5 * kFloatError);
  const auto warnings = plan.take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(says(warnings[0], {"no CUDA graph is recorded"}));
  EXPECT_FALSE(plan.recorded());
  EXPECT_TRUE(plan.take_warnings().empty());
}

TEST_F(CudaPlanTest, RefusesAnImageOfAnotherSize) {
  const Sample sample("unet", 1);
  CudaPlan plan(sample.traced, sample.size, device());
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               plan.run(torch::zeros({1, 1, 8, 8}));
                             }),
                   {"plan: image is [1, 1, 8, 8]", "expected [N,1,"}));
}

TEST_F(CudaPlanTest, RunsBehindTheRunner) {
  for (const auto precision : {torch::kFloat32, torch::kBFloat16}) {
    const Sample sample("attention_unet", 3);
    Runner runner(sample.model, {{device(), precision}});
    const auto found = runner.logits(sample.image);
    EXPECT_EQ(runner.engine(), "plan");
    EXPECT_TRUE(runner.take_warnings().empty());
    const Parity parity = compare_logits(found, sample.logits, 0.5);
    EXPECT_EQ(parity.flipped, 0);
    EXPECT_LT(parity.relative_error, precision == torch::kFloat32 ? 5 * kFloatError : kHalfError);
  }
}

/// Each network of the catalog on the GPU beside itself on the processor.
class CudaCatalog : public CudaPlanTest {
 public:
  explicit CudaCatalog(std::string name) : name_(std::move(name)) {}
  void TestBody() override {
    const Sample sample(name_, 3);
    CudaPlan plan(sample.traced, sample.size, device());
    const double error = error_of_mean(plan.run(sample.image), sample.logits);
    EXPECT_LT(error, compares(name_) ? 2e-2 : 5 * kFloatError);
    for (const auto& text : plan.take_warnings()) std::cout << name_ << ": " << text << "\n";
    if (compares(name_)) return;
    CudaPlan half(sample.traced, sample.size, device(), {.precision = torch::kBFloat16});
    EXPECT_LT(error_of_mean(half.run(sample.image), sample.logits), kHalfError);
  }

 private:
  std::string name_;
};

const bool kCudaRegistered = [] {
  const std::vector<std::string> families = {"unet",      "linknet", "raiu_net",     "inf_net",
                                             "r231_unet", "chs_net", "segnet_depth4"};
  for (const auto& name : families) {  // tracing takes seconds; the GPU sees all of them
    testing::RegisterTest("FoldedNetworks", name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [name]() -> testing::Test* { return new FoldedFamily(name); });
  }
  for (const auto& entry : model_catalog()) {
    testing::RegisterTest(
        "CudaCatalog", entry.name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
        [name = entry.name]() -> testing::Test* { return new CudaCatalog(name); });
  }
  return true;
}();

}  // namespace
}  // namespace groundglass
