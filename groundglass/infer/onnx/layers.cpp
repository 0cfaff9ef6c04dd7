#include <ATen/ATen.h>
#include <ATen/PadNd.h>

#include "groundglass/infer/onnx/node.h"

namespace groundglass {
namespace {

/// [a, b] -> [a, b, a, b]: the same before and after each axis.
std::vector<int64_t> both_sides(std::vector<int64_t> padding) {
  const auto before = padding;
  padding.insert(padding.end(), before.begin(), before.end());
  return padding;
}

/// One number stands for both axes.
std::vector<int64_t> pair(const std::vector<int64_t>& given) {
  return given.size() == 1 ? std::vector<int64_t>{given[0], given[0]} : given;
}

void convolution(OnnxNode& n) {
  const size_t axes = n.traced_sizes("input").size() - 2;
  const auto spread = [&](const char* name) {
    auto list = n.integers(name);
    if (list.size() == 1) list.resize(axes, list[0]);
    return list;
  };
  OnnxGraph::Attributes attributes = {{"strides", spread("stride")},
                                      {"pads", both_sides(spread("padding"))},
                                      {"dilations", spread("dilation")},
                                      {"group", n.integer("groups")}};
  const bool transposed = n.flag("transposed");
  if (transposed) attributes.emplace_back("output_padding", spread("output_padding"));
  std::vector<std::string> inputs = {n.tensor("input"), n.tensor("weight")};
  if (n.given("bias")) inputs.push_back(n.tensor("bias"));
  n.result(n.out.add(transposed ? "ConvTranspose" : "Conv", inputs, attributes));
}

void batch_norm(OnnxNode& n) {
  if (n.flag("training")) n.refuse("it normalises by the batch; expected evaluation mode");
  if (!n.given("running_mean")) n.refuse("it keeps no moving statistics");
  const auto channels = n.traced_sizes("input").at(1);
  const auto or_all = [&](const char* name, double value) {
    return n.given(name) ? n.tensor(name) : n.out.tensor(torch::full({channels}, value));
  };
  n.result(n.out.add("BatchNormalization",
                     {n.tensor("input"), or_all("weight", 1), or_all("bias", 0),
                      n.tensor("running_mean"), n.tensor("running_var")},
                     {{"epsilon", n.number("eps")}}));
}

OnnxGraph::Attributes window(const OnnxNode& n) {
  const auto kernel = pair(n.integers("kernel_size")), stride = pair(n.integers("stride"));
  return {{"kernel_shape", kernel},
          {"strides", stride.empty() ? kernel : stride},
          {"pads", both_sides(pair(n.integers("padding")))},
          {"ceil_mode", static_cast<int64_t>(n.flag("ceil_mode"))}};
}

void max_pool(OnnxNode& n) {
  auto attributes = window(n);
  attributes.emplace_back("dilations", pair(n.integers("dilation")));
  n.results(n.out.add("MaxPool", {n.tensor("self")}, attributes, n.traced().outputs().size()));
}

/// LibTorch counts places within a plane, ONNX through the whole tensor; so the places must be
/// those of a MaxPool, as they were.
void max_unpool(OnnxNode& n) {
  const auto* source = n.input("indices")->node();
  if (source->kind() != c10::Symbol::fromQualString("aten::max_pool2d_with_indices")) {
    n.refuse("its indices do not come straight from a pooling");
  }
  OnnxValues nothing;
  const OnnxNode pool(n.out, nothing, *source);
  const auto kernel = pair(pool.integers("kernel_size"));
  const auto given_stride = pair(pool.integers("stride")), padding = pair(pool.integers("padding"));
  const auto stride = given_stride.empty() ? kernel : given_stride;
  const auto small = n.traced_sizes("self"), large = n.traced_result_sizes();
  if (large != pool.traced_sizes("self")) n.refuse("it does not restore the size before pooling");
  for (size_t i = 0; i < 2; ++i) {
    if (large[i + 2] != (small[i + 2] - 1) * stride[i] + kernel[i] - 2 * padding[i]) {
      n.refuse("the pooling left out a row or a column");
    }
  }
  n.result(
      n.out.add("MaxUnpool", {n.tensor("self"), n.tensor("indices")},
                {{"kernel_shape", kernel}, {"strides", stride}, {"pads", both_sides(padding)}}));
}

void average_pool(OnnxNode& n) {
  if (n.given("divisor_override")) n.refuse("it divides by a number of its own");
  auto attributes = window(n);
  attributes.emplace_back("count_include_pad", static_cast<int64_t>(n.flag("count_include_pad")));
  n.result(n.out.add("AveragePool", {n.tensor("self")}, attributes));
}

/// The whole map to one number; other sizes have no operator.
void global_pool(OnnxNode& n, const char* op) {
  if (!n.known("output_size") || pair(n.integers("output_size")) != std::vector<int64_t>{1, 1}) {
    n.refuse("only an output of 1 x 1 has an operator");
  }
  n.result(n.out.add(op, {n.tensor("self")}));
}

void adaptive_average_pool(OnnxNode& n) {
  global_pool(n, "GlobalAveragePool");
}

void adaptive_max_pool(OnnxNode& n) {
  global_pool(n, "GlobalMaxPool");
}

/// Resize by the wanted size where LibTorch was given one, else by its factors. Overloads name
/// their first input differently.
void resize(OnnxNode& n, const std::string& mode, const std::string& coordinates) {
  const char* image = n.traced().hasNamedInput("input") ? "input" : "self";
  const std::string x = n.tensor(image);
  OnnxGraph::Attributes attributes = {{"mode", mode},
                                      {"coordinate_transformation_mode", coordinates}};
  if (mode == "nearest") attributes.emplace_back("nearest_mode", "floor");
  if (n.given("output_size")) {
    const auto shape = n.out.add("Shape", {x}, {{"start", 0}, {"end", 2}});
    const auto size = n.out.add("Concat", {shape, n.sizes("output_size")}, {{"axis", 0}});
    return n.result(n.out.add("Resize", {x, "", "", size}, attributes));
  }
  const auto factors = n.numbers("scale_factors");
  const auto scales = torch::tensor({1.0, 1.0, factors.at(0), factors.at(1)}, torch::kFloat32);
  n.result(n.out.add("Resize", {x, "", n.out.tensor(scales)}, attributes));
}

void nearest(OnnxNode& n) {
  resize(n, "nearest", "asymmetric");
}

void bilinear(OnnxNode& n) {
  resize(n, "linear", n.flag("align_corners") ? "align_corners" : "half_pixel");
}

/// LibTorch counts the padding from the last axis, ONNX from the first.
std::string padding(OnnxNode& n, const char* name) {
  const auto given = n.integers(name);
  const auto rank = static_cast<size_t>(n.rank());
  std::vector<int64_t> pads(2 * rank, 0);
  for (size_t i = 0; i < given.size() / 2; ++i) {
    pads[rank - 1 - i] = given[2 * i];
    pads[2 * rank - 1 - i] = given[2 * i + 1];
  }
  return n.out.ints(pads);
}

void pad_constant(OnnxNode& n) {
  const auto value = n.out.scalar(n.number("value"), n.result_type());
  n.result(n.out.add("Pad", {n.tensor("self"), padding(n, "pad"), value}));
}

/// Any of the ways to pad, by LibTorch's number for it.
void pad_some_way(OnnxNode& n) {
  const int64_t mode = n.integer("mode");
  if (mode == static_cast<int64_t>(at::padding_mode::constant)) {
    const double value = n.given("value") ? n.number("value") : 0;
    return n.result(n.out.add(
        "Pad", {n.tensor("self"), padding(n, "pad"), n.out.scalar(value, n.result_type())}));
  }
  const bool reflect = mode == static_cast<int64_t>(at::padding_mode::reflect);
  if (!reflect && mode != static_cast<int64_t>(at::padding_mode::replicate)) {
    n.refuse("it pads in a way that ONNX does not");
  }
  n.result(n.out.add("Pad", {n.tensor("self"), padding(n, "pad")},
                     {{"mode", reflect ? "reflect" : "edge"}}));
}

void pad_reflect(OnnxNode& n) {
  n.result(n.out.add("Pad", {n.tensor("self"), padding(n, "padding")}, {{"mode", "reflect"}}));
}

void pad_edge(OnnxNode& n) {
  n.result(n.out.add("Pad", {n.tensor("self"), padding(n, "padding")}, {{"mode", "edge"}}));
}

void linear(OnnxNode& n) {
  const auto across =
      n.out.add("Transpose", {n.tensor("weight")}, {{"perm", std::vector<int64_t>{1, 0}}});
  const auto product = n.out.add("MatMul", {n.tensor("input"), across});
  n.result(n.given("bias") ? n.out.add("Add", {product, n.tensor("bias")}) : product);
}

void matmul(OnnxNode& n) {
  const char* other = n.traced().hasNamedInput("mat2") ? "mat2" : "other";
  n.result(n.out.add("MatMul", {n.tensor("self"), n.tensor(other)}));
}

void addmm(OnnxNode& n) {
  n.result(n.out.add("Gemm", {n.tensor("mat1"), n.tensor("mat2"), n.tensor("self")},
                     {{"alpha", n.number("alpha")}, {"beta", n.number("beta")}}));
}

void pixel_shuffle(OnnxNode& n) {
  n.result(n.out.add("DepthToSpace", {n.tensor("self")},
                     {{"blocksize", n.integer("upscale_factor")}, {"mode", "CRD"}}));
}

}  // namespace

void add_onnx_layers(OnnxOperators& all) {
  all.insert({{"aten::_convolution", convolution},
              {"aten::convolution", convolution},
              {"aten::batch_norm", batch_norm},
              {"aten::max_pool2d", max_pool},
              {"aten::max_pool2d_with_indices", max_pool},
              {"aten::max_unpool2d", max_unpool},
              {"aten::avg_pool2d", average_pool},
              {"aten::adaptive_avg_pool2d", adaptive_average_pool},
              {"aten::adaptive_max_pool2d", adaptive_max_pool},
              {"aten::upsample_nearest2d", nearest},
              {"aten::upsample_bilinear2d", bilinear},
              {"aten::constant_pad_nd", pad_constant},
              {"aten::_pad_enum", pad_some_way},
              {"aten::reflection_pad2d", pad_reflect},
              {"aten::replication_pad2d", pad_edge},
              {"aten::linear", linear},
              {"aten::matmul", matmul},
              {"aten::mm", matmul},
              {"aten::bmm", matmul},
              {"aten::addmm", addmm},
              {"aten::pixel_shuffle", pixel_shuffle}});
}

}  // namespace groundglass
