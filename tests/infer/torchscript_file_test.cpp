// TorchScript files as networks: what a file's code says, its plan says, for files of ours and of
// others.
#include "groundglass/infer/graph/torchscript_file.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/serialization/export.h>

#include "groundglass/core/files.h"
#include "groundglass/core/task.h"
#include "groundglass/infer/plan/plan.h"
#include "groundglass/infer/runner.h"
#include "groundglass/recipe/catalog.h"
#include "tests/complaint.h"
#include "tests/infer/planned_function.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
namespace jit = torch::jit;

torch::Tensor numbers(const std::vector<int64_t>& sizes) {
  torch::manual_seed(5);
  return torch::rand(sizes) - 0.3;
}

/// What `export` writes beside a network.
ExportNotes notes_of(SegmentationModel& model, const std::string& outputs) {
  return {{"format", "groundglass-export-1"},
          {"outputs", outputs},
          {"input_channels", std::to_string(model.in_channels())},
          {"logit_channels", std::to_string(model.out_channels())},
          {"size_multiple", std::to_string(model.stride())}};
}

ModelPtr lively(const std::string& name) {
  torch::manual_seed(1);
  const ModelPtr model = make_default_model(name);
  const torch::NoGradGuard no_grad;
  for (auto& b : model->named_buffers()) {
    if (!b.value().is_floating_point()) continue;
    const bool variance = b.key().ends_with("var");
    b.value().uniform_(variance ? 0.5 : -0.1, variance ? 1.5 : 0.1);
  }
  model->eval();
  return model;
}

class TorchScriptFileTest : public testing::Test {
 protected:
  /// A module with a few convolutions and batch norms, and this text of its methods.
  fs::path stored(const std::string& source) const {
    torch::manual_seed(2);
    jit::Module module("net");
    for (const int64_t in : {1, 8}) {
      const std::string n = std::to_string(in);
      module.register_parameter("w" + n, torch::randn({8, in, 3, 3}) * 0.2, false);
      module.register_parameter("b" + n, torch::randn({8}) * 0.2, false);
    }
    module.register_parameter("up", torch::randn({8, 8, 2, 2}) * 0.2, false);
    module.register_parameter("last", torch::randn({1, 16, 1, 1}) * 0.2, false);
    module.register_parameter("mean", torch::randn({8}) * 0.1, true);
    module.register_parameter("var", torch::rand({8}) + 0.5, true);
    module.define(source);
    module.save((folder / "net.pt").string());
    return folder / "net.pt";
  }

  /// The plan of a file says what its code says; returns the plan's steps by kind.
  std::map<std::string, int> agrees(const std::string& source, int64_t height = 16,
                                    int64_t width = 24, int64_t batch = 2) const {
    const fs::path path = stored(source);
    const torch::NoGradGuard no_grad;
    const auto model = TorchScriptModel::any(read_torchscript(path), path, height, width);
    const Plan plan(trace_model(*model, ExportOutput::logits, height, width),
                    {model->in_channels(), height, width});
    const auto image = numbers({batch, model->in_channels(), height, width});
    EXPECT_LT(error_of_mean(plan.run(image), model->forward(image).logits), 1e-5);
    std::map<std::string, int> kinds;
    for (const auto& s : plan.steps()) ++kinds[s.kind];
    return kinds;
  }

  std::string refusal(const std::string& source) const {
    const fs::path path = stored(source);
    const auto model = TorchScriptModel::any(read_torchscript(path), path, 16, 24);
    EXPECT_TRUE(model->forward(numbers({2, 1, 16, 24})).logits.defined());  // LibTorch runs it
    return complaint(ErrorKind::usage, [&] { trace_model(*model, ExportOutput::logits, 16, 24); });
  }

  ScratchFolder folder;
};

class PlannedTorchScript : public TorchScriptFileTest {
 protected:
  void SetUp() override {
    if (!Plan::available()) GTEST_SKIP() << "this program cannot plan on this processor";
  }
};

TEST_F(PlannedTorchScript, AnExportedNetworkHasThePlanOfTheNetworkItself) {
  using Choice = std::pair<ExportOutput, std::string>;
  const Choice probability = {ExportOutput::probabilities, "probabilities"};
  const Choice both = {ExportOutput::both, "probabilities,logits"};
  for (const auto& [name, choice] :
       std::vector<std::pair<std::string, Choice>>{{"unet", both},
                                                   {"attention_unet", probability},
                                                   {"segnet_depth4", probability},
                                                   {"raiu_net", both},
                                                   {"linknet_smp", probability}}) {
    SCOPED_TRACE(name);
    const ModelPtr model = lively(name);
    const torch::NoGradGuard no_grad;
    const int64_t unit = model->stride() * std::max<int64_t>(1, 16 / model->stride());
    const int64_t height = 2 * unit, width = 3 * unit, channels = model->in_channels();
    const fs::path path = folder / "net.pt";
    export_torchscript(trace_model(*model, choice.first, height, width), path,
                       notes_of(*model, choice.second));
    const auto file = TorchScriptModel::exported(read_torchscript(path), path);
    EXPECT_EQ(file->stride(), model->stride());
    const auto image = numbers({2, channels, height, width});
    EXPECT_LT(error_of_mean(file->forward(image).logits, model->forward(image).logits), 1e-5);
    const std::array<int64_t, 3> size = {channels, height, width};
    const Plan direct(trace_model(*model, ExportOutput::logits, height, width), size);
    const Plan plan(trace_model(*file, ExportOutput::logits, height, width), size);
    EXPECT_TRUE(torch::equal(plan.run(image), direct.run(image)));
    EXPECT_EQ(plan.fallbacks(), direct.fallbacks());
    const auto steps = plan.steps(), others = direct.steps();
    ASSERT_EQ(steps.size(), others.size());
    for (size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(steps[i].about, others[i].about);
  }
}

TEST_F(PlannedTorchScript, AsTheFileGivesItIsTheFirstOfItsOutputs) {
  const ModelPtr model = lively("unet");
  const fs::path path = folder / "both.pt";
  export_torchscript(trace_model(*model, ExportOutput::both, 32, 32), path, {});
  const auto file = TorchScriptModel::any(read_torchscript(path), path, 32, 48);
  EXPECT_EQ(file->output(), "the first of 2 outputs");
  const torch::NoGradGuard no_grad;
  const auto image = numbers({1, model->in_channels(), 32, 48});
  const auto expected = probabilities(model->forward(image).logits);
  EXPECT_TRUE(torch::equal(file->forward(image).logits, expected));
  const Plan plan(trace_model(*file, ExportOutput::logits, 32, 48), {file->in_channels(), 32, 48});
  EXPECT_LT(error_of_mean(plan.run(image), expected), 1e-5);
}

TEST_F(PlannedTorchScript, ARunnerHoldsThePlanAgainstTheFile) {
  const ModelPtr model = lively("attention_unet");
  const fs::path path = folder / "a.pt";
  export_torchscript(trace_model(*model, ExportOutput::probabilities, 32, 32), path,
                     notes_of(*model, "probabilities"));
  Runner direct(model, {}), ours(TorchScriptModel::exported(read_torchscript(path), path), {});
  const auto image = numbers({3, 1, 32, 48});
  EXPECT_TRUE(torch::equal(ours.logits(image), direct.logits(image)));
  EXPECT_EQ(ours.engine(), "plan");
  EXPECT_TRUE(ours.take_warnings().empty());
}

constexpr const char* kLayers = R"(
def bn(self, x):
    return torch.batch_norm(x, None, None, self.mean, self.var, False, 0.1, 1e-5, True)
def layer(self, x, w, b):
    return torch.relu(self.bn(torch.conv2d(x, w, b, [1, 1], [1, 1])))
)";

TEST_F(PlannedTorchScript, SizesBranchesAndLoopsAreResolved) {
  const auto kinds = agrees(std::string(kLayers) + R"(
def forward(self, x, deep: bool = True, factor: Optional[float] = None):
    skips = []
    y = self.layer(x, self.w1, self.b1)
    if deep and factor is None:
        for i in range(3):
            skips.append(y)
            y = torch.max_pool2d(self.layer(y, self.w8, self.b8), [2, 2])
    else:
        assert deep, "not deep"
    i = len(skips) - 1
    while i >= 0:
        s = skips[i]
        if y.size(2) != s.size(2) or y.size(3) != s.size(3):
            y = torch.upsample_bilinear2d(y, [s.size(2), s.size(3)], False, None)
        if i > 0:
            y = self.layer(y, self.w8, self.b8) + s
        else:
            y = torch.cat([y, s], 1)
        i -= 1
    y = torch.conv2d(y, self.last, None)
    return {"out": (y[:, :, :x.size(2), :x.size(3)], x.dtype), "more": (y * 2, x.dtype)}
)",
                            18, 27);
  EXPECT_EQ(kinds.count("LibTorch"), 0U);
  EXPECT_EQ(kinds.at("max_pool"), 3);
  EXPECT_EQ(kinds.at("resize"), 3);
}

TEST_F(PlannedTorchScript, OperatorsOfScriptsAreWrittenAsTracesWriteThem) {
  const auto kinds = agrees(std::string(kLayers) + R"(
def forward(self, x):
    y = torch.conv2d(x / 2, self.w1, self.b1, [1, 1], "same")
    y = torch.relu_(self.bn(y))
    y = torch.dropout(y, 0.5, False)
    a, b = torch.chunk(y, 2, 1)
    y = torch.cat([1 - b, a], 1)
    y = torch.constant_pad_nd(y, [1, 1, 1, 1], 0.)
    y = torch.conv2d(y, self.w8, self.b8, [2, 2])
    gate = torch.sigmoid(torch.adaptive_avg_pool2d(y, [1, 1]))
    y = torch.conv_transpose2d(y * gate, self.up, self.b8, [2, 2])
    parts = torch.split(y, 4, 1)
    y = torch.cat([parts[1], y, parts[0]], 1)
    return [torch.conv2d(y, self.last)]
)");
  EXPECT_EQ(kinds.count("LibTorch"), 0U);
}

TEST_F(PlannedTorchScript, WhatIsWrittenInPlaceIsWhatIsReadAfterwards) {
  agrees(std::string(kLayers) + R"(
def forward(self, x):
    y = torch.conv2d(x, self.w1, self.b1, [1, 1], [1, 1])
    skip = y
    z = torch.relu_(y)
    kept = [skip]
    y.mul_(3)
    return torch.conv2d(torch.cat([kept[0], z], 1), self.last)
)");
}

TEST_F(PlannedTorchScript, WhatHasNoCounterpartRunsInLibTorch) {
  const auto kinds = agrees(std::string(kLayers) + R"(
def forward(self, x):
    y = torch.conv2d(x, self.w1, self.b1, [1, 1], [1, 1])
    return torch.conv2d(torch.elu(torch.cat([y, y.flip([3])], 1)), self.last)
)");
  EXPECT_EQ(kinds.at("LibTorch"), 2);
}

TEST_F(TorchScriptFileTest, WhatTheNumbersOfAnImageDecideIsNotUnrolled) {
  EXPECT_TRUE(says(refusal(R"(
def forward(self, x):
    if bool(x.mean() > 100):
        x = -x
    return torch.conv2d(x, self.w1)
)"),
                   {"aten::Bool", "depends on the numbers in the image"}));
  EXPECT_TRUE(says(refusal(R"(
def forward(self, x):
    for i in range(int(x.max()) + 1):
        x = x + 1
    return x
)"),
                   {"aten::Int", "depends on the numbers in the image"}));
  EXPECT_TRUE(says(refusal(R"(
def forward(self, x):
    return torch.nonzero(x)
)"),
                   {"aten::nonzero", "gives a size that depends on the numbers"}));
}

TEST_F(TorchScriptFileTest, WhatAListOfOperatorsCannotSayIsNotUnrolled) {
  EXPECT_TRUE(says(refusal(R"(
def forward(self, x):
    y = torch.conv2d(x, self.w1)
    part = y[:, 0]
    part.mul_(2)
    return y
)"),
                   {"aten::mul_", "shares its memory"}));
  EXPECT_TRUE(says(refusal(R"(
def forward(self, x):
    self.b1.add_(1)
    return torch.conv2d(x, self.w1, self.b1)
)"),
                   {"aten::add_", "writes into a weight"}));
  EXPECT_TRUE(says(refusal(R"(
def forward(self, x):
    return self.b1 + 1
)"),
                   {"does not depend on the image"}));
}

TEST_F(TorchScriptFileTest, SaysWhichSizeItDoesNotTake) {
  const fs::path path = stored(R"(
def forward(self, x):
    assert x.size(2) <= 20, "too high for me"
    return torch.conv2d(x, self.w1)
)");
  const auto file = read_torchscript(path);
  const auto model = TorchScriptModel::any(file, path, 16, 24);
  EXPECT_EQ(model->in_channels(), 1);
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               model->unrolled({1, 1, 24, 24});
                             }),
                   {"does not run on [1, 1, 24, 24]", "too high for me"}));
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { TorchScriptModel::any(file, path, 2, 2); }),
                   {"net.pt", "takes no image [N,C,2,2]", "Kernel size"}));
}

TEST_F(TorchScriptFileTest, NamesAFileThatIsNone) {
  const fs::path good = stored("def forward(self, x):\n    return torch.conv2d(x, self.w1)\n");
  const std::string bytes = read_file(good);
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { read_torchscript(folder / "no.pt"); }),
                   {"no.pt", "no such file"}));
  write_file(folder / "half.pt", bytes.substr(0, bytes.size() / 2));
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { read_torchscript(folder / "half.pt"); }),
                   {"half.pt", "truncated"}));
  write_file(folder / "text.pt", "weights");
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { read_torchscript(folder / "text.pt"); }),
                   {"text.pt", "no whole TorchScript file"}));
  std::string bent = bytes;  // in the weights
  const auto weights = read_torchscript(good).module.attr("w8").toTensor();
  const size_t at = bytes.find(std::string(static_cast<const char*>(weights.data_ptr()), 64)) + 50;
  ASSERT_LT(at, bytes.size());
  bent[at] = static_cast<char>(bent[at] ^ 4);
  write_file(folder / "bent.pt", bent);
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { read_torchscript(folder / "bent.pt"); }),
                   {"bent.pt", "is not what was written"}));
  stored("def other(self, x):\n    return x\n");
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { read_torchscript(folder / "net.pt"); }),
                   {"net.pt", "no method 'forward'"}));
}

TEST_F(TorchScriptFileTest, ForPredictionTheNotesMustSayWhatReachesTheNetwork) {
  const fs::path path = stored("def forward(self, x):\n    return torch.conv2d(x, self.w1)\n");
  const auto refusal_with = [&](const ExportNotes& notes) {
    auto file = read_torchscript(path);
    file.notes = notes;
    return complaint(ErrorKind::checkpoint, [&] { TorchScriptModel::exported(file, path); });
  };
  EXPECT_TRUE(says(refusal_with({}), {"net.pt", "'input_channels'"}));
  EXPECT_TRUE(
      says(refusal_with({{"input_channels", "1"}, {"logit_channels", "0"}}), {"'logit_channels'"}));
  EXPECT_TRUE(says(refusal_with({{"input_channels", "1"},
                                 {"logit_channels", "8"},
                                 {"size_multiple", "1"},
                                 {"outputs", "probabilities"}}),
                   {"no logits are found", "--outputs logits"}));
}

}  // namespace
}  // namespace groundglass
