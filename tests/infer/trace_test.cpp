#include "groundglass/infer/graph/trace.h"

#include <gtest/gtest.h>

#include "groundglass/core/task.h"
#include "groundglass/models/attention_unet.h"
#include "groundglass/models/unet.h"
#include "tests/complaint.h"
#include "tests/infer/planned_function.h"

namespace groundglass {
namespace {

TracedModel traced(const ImageFunction& function, std::array<int64_t, 4> image = {2, 3, 8, 12},
                   int64_t multiple = 4) {
  Nothing nothing;
  return trace_module(*nothing, function, {.image = image, .size_multiple = multiple});
}

TEST(Trace, TakesOtherBatchesAndSizesWithZeroDifference) {
  torch::manual_seed(3);
  const std::vector<ModelPtr> models = {
      UNet(UNetOptions{.out_channels = 3, .widths = {4, 8, 16}}).ptr(),
      AttentionUNet(AttentionUNetOptions{.widths = {4, 8, 16}}).ptr(),
      AttentionUNet(
          AttentionUNetOptions{.in_channels = 3, .widths = {4, 8}, .gate_align = GateAlign::up_g})
          .ptr()};
  for (const auto& model : models) {
    enliven(*model);
    auto t = trace_model(*model, ExportOutput::logits, 16, 24);
    EXPECT_EQ(t.dynamic, (std::array<bool, 4>{true, false, true, true}));
    model->eval();
    const torch::NoGradGuard no_grad;
    for (const auto& size : {std::array<int64_t, 3>{1, 32, 16}, {5, 8, 40}}) {
      const auto image = torch::randn({size[0], model->in_channels(), size[1], size[2]});
      const auto expected = model->forward(image).logits;
      EXPECT_LT((t.module.forward({image}).toTensor() - expected).abs().max().item<double>(), 1e-6);
    }
  }
}

TEST(Trace, GivesProbabilitiesLogitsOrBoth) {
  UNet model(UNetOptions{.out_channels = 3, .widths = {4, 8}});
  model->eval();
  const torch::NoGradGuard no_grad;
  const auto image = torch::randn({1, 1, 6, 8});
  const auto logits = model->forward(image).logits;
  auto p = trace_model(*model, ExportOutput::probabilities, 8, 8);
  EXPECT_EQ(p.outputs, std::vector<std::string>{"probabilities"});
  EXPECT_TRUE(torch::allclose(p.module.forward({image}).toTensor(), probabilities(logits)));
  auto both = trace_model(*model, ExportOutput::both, 8, 8);
  const auto answer = both.module.forward({image}).toTuple();
  EXPECT_EQ(answer->elements()[0].toTensor().sizes(), (std::vector<int64_t>{1, 2, 6, 8}));
  EXPECT_TRUE(torch::allclose(answer->elements()[1].toTensor(), logits));
}

TEST(Trace, LeavesTheNetworkAsItWas) {
  UNet model(UNetOptions{.widths = {4, 8}});
  model->train();
  trace_model(*model, ExportOutput::logits, 8, 8);
  EXPECT_TRUE(model->is_training());
  for (const auto& p : model->named_parameters()) EXPECT_TRUE(p.value().requires_grad()) << p.key();
}

TEST(Trace, KeepsTheNamesOfWeights) {
  UNet model(UNetOptions{.widths = {4, 8}});
  const auto t = trace_model(*model, ExportOutput::logits, 8, 8);
  std::set<std::string> ours, theirs;
  for (const auto& p : model->named_parameters()) ours.insert(p.key());
  for (const auto& p : t.module.named_parameters()) {
    theirs.insert(p.name);
    EXPECT_FALSE(p.value.requires_grad()) << p.name;
  }
  EXPECT_EQ(ours, theirs);
}

TEST(Trace, TurnsNumbersThatMoveWithTheImageIntoArithmetic) {
  auto t = traced([](const torch::Tensor& x) -> std::vector<torch::Tensor> {
    const int64_t n = x.size(0), h = x.size(2), w = x.size(3);
    const auto rows = x.reshape({n, 3, h * w}).sum(2).view({n, 3, 1, 1});
    return {rows.expand({n, 3, h / 2, w - 5}) + x.slice(2, 0, h / 2).slice(3, 5, w) * 2};
  });
  EXPECT_EQ(t.dynamic, (std::array<bool, 4>{true, false, true, true}));
  const auto x = torch::randn({7, 3, 20, 8});
  const auto expected = x.sum({2, 3}, true) + x.slice(2, 0, 10).slice(3, 5, 8) * 2;
  EXPECT_TRUE(torch::allclose(t.module.forward({x}).toTensor(), expected, 1e-4, 1e-5));
}

TEST(Trace, FixesAnAxisWhoseSizeShapesTheNetwork) {
  const auto t = traced([](const torch::Tensor& x) -> std::vector<torch::Tensor> {
    return {x * torch::linspace(0, 1, x.size(2)).pow(2).view({-1, 1}).detach()};
  });
  EXPECT_EQ(t.dynamic, (std::array<bool, 4>{true, false, true, true}));  // linspace is traced
  const auto matrix = torch::randn({64, 64});
  auto fixed = traced([&](const torch::Tensor& x) -> std::vector<torch::Tensor> {
    auto y = x;
    for (int64_t i = 8; i < x.size(2); i += 4) y = y * 2;
    const auto constant = torch::zeros({x.size(3), x.size(3)});
    static_cast<void>(matrix);
    return {torch::matmul(y, constant + 1)};
  });
  EXPECT_EQ(fixed.dynamic, (std::array<bool, 4>{true, false, false, true}));
  EXPECT_EQ(image_shape(fixed), "[N,3,8,W], W a multiple of 4");
  EXPECT_NO_THROW(fixed.module.forward({torch::zeros({1, 3, 8, 16})}));
  EXPECT_ANY_THROW(fixed.module.forward({torch::zeros({1, 3, 12, 16})}));
}

TEST(Trace, FixesAnAxisThatTheNetworkRefusesToMove) {
  const auto t = traced([](const torch::Tensor& x) -> std::vector<torch::Tensor> {
    if (x.size(3) != 12) fail(ErrorKind::usage, "12 or nothing");
    return {x + 1};
  });
  EXPECT_EQ(t.dynamic, (std::array<bool, 4>{true, false, true, false}));
}

TEST(Trace, RefusesSizesThatDoNotFitWhenItRuns) {
  UNet model(UNetOptions{.widths = {4, 8, 16}});
  auto t = trace_model(*model, ExportOutput::logits, 16, 16);
  EXPECT_EQ(image_shape(t), "[N,1,H,W], H and W multiples of 4");
  try {
    t.module.forward({torch::zeros({1, 1, 18, 16})});
    ADD_FAILURE() << "18 is no multiple of 4";
  } catch (const std::exception& e) {
    EXPECT_NE(std::string(e.what()).find("H and W multiples of 4"), std::string::npos) << e.what();
  }
  EXPECT_ANY_THROW(t.module.forward({torch::zeros({1, 2, 16, 16})}));
}

TEST(Trace, NoticesAGraphThatDoesSomethingElse) {
  int calls = 0;
  const auto changing = [&](const torch::Tensor& x) -> std::vector<torch::Tensor> {
    return {x * (++calls > 7 ? 2.0 : 1.0)};
  };
  const auto message = complaint(ErrorKind::internal, [&] { traced(changing); });
  EXPECT_NE(message.find("gives another logits"), std::string::npos) << message;
}

}  // namespace
}  // namespace groundglass
