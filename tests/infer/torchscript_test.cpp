#include "groundglass/infer/graph/torchscript.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/serialization/import.h>

#include "groundglass/models/attention_unet.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

class TorchScript : public testing::Test {
 protected:
  void SetUp() override {
    torch::manual_seed(3);
    const torch::NoGradGuard no_grad;
    for (auto& b : model->buffers()) {
      if (b.is_floating_point()) b.uniform_(0.5, 1.5);
    }
    export_torchscript(trace_model(*model, ExportOutput::logits, 16, 24), folder / "m.pt",
                       {{"threshold", "0.25"}, {"recipe", "[model]\nname = \"x\"\n"}});
    model->eval();
  }
  ScratchFolder folder;
  AttentionUNet model{AttentionUNetOptions{.widths = {4, 8, 16}}};
};

TEST_F(TorchScript, ReloadedItGivesTheSameAtOtherSizes) {
  auto loaded = torch::jit::load((folder / "m.pt").string());
  auto traced = trace_model(*model, ExportOutput::logits, 8, 8);
  const torch::NoGradGuard no_grad;
  for (const auto& size : {std::array<int64_t, 3>{2, 16, 24}, {1, 32, 16}, {5, 8, 40}}) {
    const auto image = torch::randn({size[0], 1, size[1], size[2]});
    const auto expected = traced.module.forward({image}).toTensor();
    EXPECT_EQ((loaded.forward({image}).toTensor() - expected).abs().max().item<double>(), 0);
    const auto ours = model->forward(image).logits;
    EXPECT_LT((expected - ours).abs().max().item<double>(), 1e-6);
  }
}

TEST_F(TorchScript, KeepsNamesAndValuesOfWeights) {
  const auto loaded = torch::jit::load((folder / "m.pt").string());
  std::map<std::string, torch::Tensor> stored;
  for (const auto& p : loaded.named_parameters()) stored[p.name] = p.value;
  for (const auto& b : loaded.named_buffers()) stored[b.name] = b.value;
  size_t count = 0;
  for (const auto& list : {model->named_parameters(), model->named_buffers()}) {
    for (const auto& item : list) {
      ASSERT_TRUE(stored.count(item.key())) << item.key();
      EXPECT_TRUE(torch::equal(stored[item.key()], item.value())) << item.key();
      ++count;
    }
  }
  EXPECT_EQ(stored.size(), count);
}

TEST_F(TorchScript, CarriesItsNotes) {
  torch::jit::ExtraFilesMap files = {{"threshold", ""}, {"recipe", ""}};
  const auto loaded = torch::jit::load((folder / "m.pt").string(), torch::nullopt, files);
  EXPECT_EQ(files["threshold"], "0.25");
  EXPECT_EQ(files["recipe"], "[model]\nname = \"x\"\n");
  const auto notes = loaded.attr("notes").toGenericDict();
  EXPECT_EQ(notes.at("threshold").toStringRef(), "0.25");
}

}  // namespace
}  // namespace groundglass
