// Structure of the written protobuf, and what is refused. Operators: onnx_operator_test.cpp.
#include "groundglass/infer/onnx/onnx.h"

#include <cstring>
#include <set>

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/core/version.h"
#include "groundglass/infer/onnx/proto.h"
#include "groundglass/models/attention_unet.h"
#include "groundglass/models/unet.h"
#include "tests/complaint.h"
#include "tests/infer/parsed_onnx.h"
#include "tests/infer/planned_function.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
using torch::Tensor;

/// "batch", "1", "?" for an axis that is named, fixed or open.
std::vector<std::string> axes(const onnx::ValueInfoProto& info) {
  std::vector<std::string> all;
  for (const auto& dim : info.type().tensor_type().shape().dim()) {
    all.push_back(dim.has_dim_param()   ? dim.dim_param()
                  : dim.has_dim_value() ? std::to_string(dim.dim_value())
                                        : "?");
  }
  return all;
}

TEST(Onnx, SaysWhatTheModelIs) {
  UNet net(UNetOptions{.out_channels = 3, .widths = {4, 8, 16}});
  const auto model = parsed(onnx_bytes(trace_model(*net, ExportOutput::both, 16, 24),
                                       {{"threshold", "0.25"}, {"recipe", "[model]\n"}}));
  EXPECT_EQ(model.ir_version(), 8);
  ASSERT_EQ(model.opset_import_size(), 1);
  EXPECT_EQ(model.opset_import(0).domain(), "");
  EXPECT_EQ(model.opset_import(0).version(), 17);
  EXPECT_EQ(model.producer_name(), "groundglass");
  EXPECT_EQ(model.producer_version(), version());
  EXPECT_EQ(model.doc_string(), kNotAMedicalDevice);
  std::map<std::string, std::string> notes;
  for (const auto& entry : model.metadata_props()) notes[entry.key()] = entry.value();
  EXPECT_EQ(notes,
            (std::map<std::string, std::string>{{"threshold", "0.25"}, {"recipe", "[model]\n"}}));
  const auto& graph = model.graph();
  ASSERT_EQ(graph.input_size(), 1);
  EXPECT_EQ(graph.input(0).name(), "image");
  EXPECT_EQ(axes(graph.input(0)), (std::vector<std::string>{"batch", "1", "height", "width"}));
  ASSERT_EQ(graph.output_size(), 2);
  EXPECT_EQ(graph.output(0).name(), "probabilities");
  EXPECT_EQ(axes(graph.output(0)), (std::vector<std::string>{"batch", "2", "height", "width"}));
  EXPECT_EQ(graph.output(1).name(), "logits");
  EXPECT_EQ(axes(graph.output(1)), (std::vector<std::string>{"batch", "3", "height", "width"}));
}

TEST(Onnx, KeepsNamesAndValuesOfWeights) {
  AttentionUNet net(AttentionUNetOptions{.widths = {4, 8}});
  const auto model = parsed(onnx_bytes(trace_model(*net, ExportOutput::logits, 8, 8), {}));
  std::map<std::string, std::string> stored;
  for (const auto& t : model.graph().initializer()) stored[t.name()] = t.raw_data();
  for (const auto& p : net->named_parameters()) {
    ASSERT_TRUE(stored.count(p.key())) << p.key();
    const auto& raw = stored[p.key()];
    ASSERT_EQ(raw.size(), p.value().nbytes()) << p.key();
    EXPECT_EQ(std::memcmp(raw.data(), p.value().data_ptr(), raw.size()), 0) << p.key();
  }
}

TEST(Onnx, DefinesEachValueBeforeItIsUsedAndOnce) {
  AttentionUNet net(AttentionUNetOptions{.widths = {4, 8, 16}});
  const auto model = parsed(onnx_bytes(trace_model(*net, ExportOutput::probabilities, 8, 8), {}));
  std::set<std::string> defined = {"", "image"};
  for (const auto& t : model.graph().initializer()) EXPECT_TRUE(defined.insert(t.name()).second);
  for (const auto& node : model.graph().node()) {
    for (const auto& input : node.input()) EXPECT_TRUE(defined.count(input)) << input;
    for (const auto& output : node.output()) EXPECT_TRUE(defined.insert(output).second) << output;
  }
  EXPECT_TRUE(defined.count("probabilities"));
}

TEST(Onnx, WritesAFileThatReadsBack) {
  const ScratchFolder folder;
  UNet net(UNetOptions{.widths = {4, 8}});
  const auto traced = trace_model(*net, ExportOutput::logits, 8, 8);
  export_onnx(traced, folder / "m.onnx", {{"a", "b"}});
  EXPECT_EQ(read_file(folder / "m.onnx"), onnx_bytes(traced, {{"a", "b"}}));
}

TEST(Onnx, FixedAxesAreNumbers) {
  Nothing nothing;
  const auto traced = trace_module(*nothing,
                                   [](const Tensor& x) -> std::vector<Tensor> {
                                     if (x.size(3) != 12) fail(ErrorKind::usage, "12 or nothing");
                                     return {torch::relu(x)};
                                   },
                                   {.image = {2, 3, 8, 12}, .size_multiple = 4});
  const auto model = parsed(onnx_bytes(traced, {}));
  EXPECT_EQ(axes(model.graph().input(0)), (std::vector<std::string>{"batch", "3", "height", "12"}));
}

std::string refusal(const std::function<Tensor(const Tensor&)>& function) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(4, 4, 1));
  const auto traced = trace_module(
      *conv, [&](const Tensor& x) -> std::vector<Tensor> { return {function(conv(x))}; },
      {.image = {2, 4, 8, 12}, .size_multiple = 4});
  return complaint(ErrorKind::usage, [&] { onnx_bytes(traced, {}); });
}

TEST(OnnxRefusal, NamesOperatorAndPlace) {
  const auto text = refusal([](const Tensor& x) { return torch::roll(x, {1}, {2}); });
  for (const char* part :
       {"aten::roll", "table of operators", "node ", "after bias", "output [2, 4, 8, 12]"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  }
}

TEST(OnnxRefusal, OfWhatOnnxCannotSay) {
  const auto says = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  says(refusal([](const Tensor& x) { return torch::adaptive_avg_pool2d(x, {2, 2}); }), "1 x 1");
  says(refusal([](const Tensor& x) { return torch::avg_pool2d(x, 2, 2, 0, false, true, 3); }),
       "number of its own");
  says(
      refusal([](const Tensor& x) {
        const auto [y, places] = torch::max_pool2d_with_indices(x, 2, 2);
        return torch::max_unpool2d(y.slice(1, 0, 2), places.slice(1, 0, 2), {x.size(2), x.size(3)});
      }),
      "straight from a pooling");
  says(refusal([](const Tensor& x) { return x.split(4, 3)[0]; }), "only channels");
  says(refusal([](const Tensor& x) {
         const auto y = x * 2;
         y.slice(2, 0, 2).add_(1);
         return y;
       }),
       "in place");
}

}  // namespace
}  // namespace groundglass
