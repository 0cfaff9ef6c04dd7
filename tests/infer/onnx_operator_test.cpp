// Each operator through a function of its own. Whether ONNX Runtime computes the same is checked by
// tools/check_exports --samples: with GROUNDGLASS_ONNX_SAMPLES set to a folder, the functions below
// are left there with images and answers.
#include <cmath>
#include <cstdlib>
#include <set>

#include <gtest/gtest.h>
#include <torch/nn/functional/padding.h>

#include "groundglass/infer/onnx/onnx.h"
#include "groundglass/infer/onnx/proto.h"
#include "groundglass/io/safetensors.h"
#include "tests/infer/parsed_onnx.h"
#include "tests/infer/planned_function.h"

namespace groundglass {
namespace {
namespace F = torch::nn::functional;
using torch::Tensor;

std::multiset<std::string> op_types(const onnx::ModelProto& model) {
  std::multiset<std::string> all;
  for (const auto& node : model.graph().node()) all.insert(node.op_type());
  return all;
}

struct Case {
  std::string name;
  std::function<Tensor(const Tensor&)> function;  ///< of an image [N,4,H,W], H and W multiples of 4
  std::string op;                                 ///< one that must be written
};
void PrintTo(const Case& c, std::ostream* os) {
  *os << c.name;
}

Tensor random(std::vector<int64_t> sizes) {
  return torch::randn(sizes);
}

std::vector<Case> cases() {
  torch::manual_seed(11);
  std::vector<Case> all;
  const auto add = [&](const std::string& name, std::function<Tensor(const Tensor&)> f,
                       const std::string& op) {
    all.push_back({name, std::move(f), op});
  };
  const auto w = random({6, 4, 3, 3}), b = random({6}), depth = random({4, 1, 5, 3});
  add(
      "conv", [=](const Tensor& x) { return torch::conv2d(x, w, b, 2, 1); }, "Conv");
  add(
      "conv_dilated", [=](const Tensor& x) { return torch::conv2d(x, w, {}, 1, 2, 2); }, "Conv");
  add(
      "conv_depthwise",
      [=](const Tensor& x) {
        return torch::conv2d(x, depth, {}, 1, {2, 1}, 1, 4);
      },
      "Conv");
  const auto up = random({4, 6, 3, 3}), up_grouped = random({4, 2, 4, 4});
  add(
      "conv_transpose", [=](const Tensor& x) { return torch::conv_transpose2d(x, up, b, 2, 1, 1); },
      "ConvTranspose");
  add(
      "conv_transpose_grouped",
      [=](const Tensor& x) { return torch::conv_transpose2d(x, up_grouped, {}, 2, 1, 0, 2); },
      "ConvTranspose");
  const auto mean = random({4}), var = torch::rand({4}) + 0.5, gamma = random({4}),
             beta = random({4});
  add(
      "batch_norm",
      [=](const Tensor& x) {
        return torch::batch_norm(x, gamma, beta, mean, var, false, 0.1, 1e-3, false);
      },
      "BatchNormalization");
  add(
      "batch_norm_plain",
      [=](const Tensor& x) {
        return torch::batch_norm(x, {}, {}, mean, var, false, 0.1, 1e-5, false);
      },
      "BatchNormalization");
  add(
      "max_pool", [](const Tensor& x) { return torch::max_pool2d(x, 3, 2, 1); }, "MaxPool");
  add(
      "max_pool_minus_infinity",
      [](const Tensor& x) {
        const auto padded = torch::constant_pad_nd(x, {0, 1, 0, 1}, -INFINITY);
        return torch::max_pool2d(padded, 2, 1);
      },
      "Pad");
  add(
      "max_unpool",
      [](const Tensor& x) {
        const auto [y, places] = torch::max_pool2d_with_indices(x, 2, 2);
        return torch::max_unpool2d(y * 2, places, {x.size(2), x.size(3)});
      },
      "MaxUnpool");
  add(
      "max_unpool_of_equals",  // where all four are zero, the first of them is meant
      [](const Tensor& x) {
        const auto [y, places] = torch::max_pool2d_with_indices(torch::relu(x - 0.8), 2, 2);
        return torch::max_unpool2d(y + 1, places, {x.size(2), x.size(3)});
      },
      "MaxUnpool");
  add(
      "avg_pool", [](const Tensor& x) { return torch::avg_pool2d(x, 2); }, "AveragePool");
  add(
      "avg_pool_without_padding",
      [](const Tensor& x) { return torch::avg_pool2d(x, 3, 1, 1, false, false); }, "AveragePool");
  add(
      "avg_pool_with_padding",
      [](const Tensor& x) { return torch::avg_pool2d(x, 3, 2, 1, false, true); }, "AveragePool");
  add(
      "avg_pool_ceil", [](const Tensor& x) { return torch::avg_pool2d(x, 3, 2, 0, true, false); },
      "AveragePool");
  add(
      "adaptive_avg_pool",
      [](const Tensor& x) {
        return x * torch::adaptive_avg_pool2d(x, {1, 1});
      },
      "GlobalAveragePool");
  add(
      "adaptive_max_pool",
      [](const Tensor& x) {
        return x * std::get<0>(torch::adaptive_max_pool2d(x, {1, 1}));
      },
      "GlobalMaxPool");
  add(
      "nearest_size",
      [](const Tensor& x) {
        return torch::upsample_nearest2d(x, {2 * x.size(2), 3 * x.size(3)});
      },
      "Resize");
  add(
      "nearest_factor",
      [](const Tensor& x) {
        return torch::upsample_nearest2d(x, torch::nullopt, std::vector<double>{2, 2});
      },
      "Resize");
  add(
      "bilinear_size",
      [](const Tensor& x) {
        return torch::upsample_bilinear2d(x, {2 * x.size(2), x.size(3) / 2}, false);
      },
      "Resize");
  add(
      "bilinear_size_and_factor",
      [](const Tensor& x) {
        return torch::upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, false, 2.0, 2.0);
      },
      "Resize");
  add(
      "bilinear_factor",
      [](const Tensor& x) {
        return torch::upsample_bilinear2d(x, torch::nullopt, false, std::vector<double>{2, 4});
      },
      "Resize");
  add(
      "bilinear_corners",
      [](const Tensor& x) {
        return torch::upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, true);
      },
      "Resize");
  add(
      "bilinear_of_one_pixel",
      [](const Tensor& x) {
        return x + torch::upsample_bilinear2d(torch::adaptive_avg_pool2d(x, {1, 1}),
                                              {x.size(2), x.size(3)}, false);
      },
      "Resize");
  add(
      "pad_unlike",
      [](const Tensor& x) {
        return torch::constant_pad_nd(x, {0, 1, 2, 3}, 0.5);
      },
      "Pad");
  add(
      "crop_by_padding",
      [](const Tensor& x) {
        return torch::constant_pad_nd(x, {-1, 0, 0, -2}, 0);
      },
      "Pad");
  add(
      "pad_reflect",
      [](const Tensor& x) {
        return F::pad(x, F::PadFuncOptions({1, 2, 3, 0}).mode(torch::kReflect));
      },
      "Pad");
  add(
      "pad_edge",
      [](const Tensor& x) {
        return F::pad(x, F::PadFuncOptions({1, 2, 3, 0}).mode(torch::kReplicate));
      },
      "Pad");
  const auto matrix = random({5, 4}), bias = random({5});
  add(
      "linear",
      [=](const Tensor& x) {
        return torch::linear(x.mean({2, 3}), matrix, bias).view({x.size(0), 5, 1, 1});
      },
      "MatMul");
  add(
      "addmm",
      [=](const Tensor& x) {
        return torch::addmm(bias, x.mean({2, 3}), matrix.t(), 0.5, 2);
      },
      "Gemm");
  add(
      "matmul_of_planes", [](const Tensor& x) { return torch::matmul(x, x.transpose(2, 3)); },
      "MatMul");
  add(
      "bmm",
      [](const Tensor& x) {
        const auto flat = x.flatten(2);
        return torch::bmm(flat, flat.permute({0, 2, 1}));
      },
      "MatMul");
  add(
      "pixel_shuffle", [](const Tensor& x) { return torch::pixel_shuffle(x, 2); }, "DepthToSpace");
  add(
      "unary",
      [](const Tensor& x) {
        return torch::relu(x) + torch::sigmoid(x) + torch::tanh(x) + torch::exp(-x.abs()) +
               (x.abs() + 1).log().sqrt() + x.cos() * x.sin() + (x * x + 1).reciprocal() +
               (x * x + 1).rsqrt() + x.floor() + x.neg() + torch::silu(x) + torch::elu(x) +
               torch::leaky_relu(x, 0.2) + torch::relu6(x * 4);
      },
      "Reciprocal");
  add(
      "in_place", [](const Tensor& x) { return (x * 2).relu_().add_(1).mul_(x).clamp_(0.5, 2); },
      "Relu");
  add(
      "arithmetic",
      [](const Tensor& x) {
        return (1 - x) * 3 / (x.abs() + 2) - torch::sub(x, x * x, 2) + torch::add(x, x, 0.5) +
               torch::pow(x, 2) + torch::maximum(x, -x) + torch::minimum(x, x * 0.5) +
               torch::div(x * 7, 2, "floor");
      },
      "Div");
  add(
      "clamp",
      [](const Tensor& x) {
        return x.clamp(-0.5, 0.5) + x.clamp_min(0.1) + x.clamp_max(0.2) +
               torch::hardtanh(x, -0.3, 0.9);
      },
      "Clip");
  add(
      "choice", [](const Tensor& x) { return torch::where(x > 0.5, x, x * x); }, "Where");
  add(
      "mask_by_comparison",
      [](const Tensor& x) {
        return x * (x >= 0).to(torch::kFloat32) + (x < 0.3).to(torch::kFloat32);
      },
      "GreaterOrEqual");
  add(
      "softmax", [](const Tensor& x) { return torch::softmax(x, 1); }, "Softmax");
  add(
      "log_softmax", [](const Tensor& x) { return torch::log_softmax(x, 1); }, "LogSoftmax");
  add(
      "mean_and_sum",
      [](const Tensor& x) {
        return x * x.mean({2, 3}, true) + x.sum(1, true) + x.mean() + x.sum();
      },
      "ReduceSum");
  add(
      "extremes",
      [](const Tensor& x) {
        return x.amax({2, 3}, true) + x.amin(1, true) + std::get<0>(x.max(1, true));
      },
      "ReduceMax");
  add(
      "cat",
      [](const Tensor& x) {
        return torch::cat({x, x * 2, x.neg()}, 1);
      },
      "Concat");
  add(
      "stack",
      [](const Tensor& x) {
        return torch::stack({x, x * 2}, 2).sum(2);
      },
      "Concat");
  add(
      "slice_and_narrow",
      [](const Tensor& x) {
        return x.slice(2, 1, x.size(2) - 1).slice(3, 0, x.size(3), 2).narrow(1, 1, 2);
      },
      "Slice");
  add(
      "narrow_half", [](const Tensor& x) { return x.narrow(2, x.size(2) / 4, x.size(2) / 2); },
      "Slice");
  add(
      "select",
      [](const Tensor& x) { return x.select(1, 2) + x.select(2, -1).unsqueeze(2).sum(1); },
      "Gather");
  add(
      "chunk",
      [](const Tensor& x) {
        const auto parts = x.chunk(2, 1);
        const auto pieces = x.split({1, 3}, 1);
        return parts[0] * parts[1] + pieces[0] + x.split(2, 1)[1];
      },
      "Split");
  add(
      "reshape_and_permute",
      [](const Tensor& x) {
        const int64_t n = x.size(0), h = x.size(2), c = x.size(3);
        return x.view({n, 2, 2, h, c})
            .permute({0, 2, 1, 3, 4})
            .reshape({n, 4, h * c})
            .view({n, 4, h, c});
      },
      "Transpose");
  add(
      "flatten", [](const Tensor& x) { return x.flatten(1, 2) + x.flatten(1, 2).squeeze(1); },
      "Reshape");
  add(
      "expand",
      [](const Tensor& x) {
        const auto one = x.mean({1}, true);
        return one.expand({-1, 5, -1, -1}).sum(1, true) + one.expand_as(x) +
               x.mean({2, 3}, true).expand({x.size(0), 4, x.size(2), x.size(3)});
      },
      "Expand");
  add(
      "repeat",
      [](const Tensor& x) {
        return x.repeat({1, 2, 1, 2});
      },
      "Tile");
  add(
      "arange",
      [](const Tensor& x) {
        const auto rows = torch::arange(x.size(2), torch::kFloat32) / static_cast<double>(8);
        return x * rows.view({-1, 1}).cos() + torch::ones_like(x) + torch::zeros_like(x);
      },
      "Range");
  add(
      "filled",
      [](const Tensor& x) {
        return torch::cat({x, torch::zeros({x.size(0), 1, x.size(2), x.size(3)}),
                           torch::full({x.size(0), 1, x.size(2), x.size(3)}, 2.5)},
                          1);
      },
      "Expand");
  return all;
}

/// Windows of a plane have two sides, and padding four.
void check_windows(const onnx::ModelProto& model) {
  for (const auto& node : model.graph().node()) {
    for (const auto& a : node.attribute()) {
      const bool window = a.name() == "strides" || a.name() == "dilations" ||
                          a.name() == "kernel_shape" || a.name() == "output_padding";
      if (window) {
        EXPECT_EQ(a.ints_size(), 2) << node.op_type() << ' ' << a.name();
      }
      if (node.op_type() != "Pad" && a.name() == "pads") {
        EXPECT_EQ(a.ints_size(), 4) << node.op_type();
      }
    }
  }
}

class EachOperator : public testing::TestWithParam<Case> {};

/// The function as a file, with answers at three sizes, for another program to compare with.
void leave_sample(const std::string& folder, const Case& c, const TracedModel& traced) {
  export_onnx(traced, std::filesystem::path(folder) / (c.name + ".onnx"), {});
  TensorArchive archive;
  const std::vector<std::vector<int64_t>> sizes = {{2, 4, 8, 12}, {1, 4, 16, 8}, {3, 4, 12, 20}};
  for (size_t i = 0; i < sizes.size(); ++i) {
    const auto image = torch::randn(sizes[i]);
    archive.tensors["image." + std::to_string(i)] = image;
    archive.tensors["answer." + std::to_string(i)] = c.function(image).contiguous();
  }
  write_safetensors(std::filesystem::path(folder) / (c.name + ".safetensors"), archive);
}

TEST_P(EachOperator, IsWrittenForAnyBatchAndSize) {
  const Case& c = GetParam();
  Nothing nothing;
  const auto traced = trace_module(
      *nothing, [&](const Tensor& x) -> std::vector<Tensor> { return {c.function(x)}; },
      {.image = {2, 4, 8, 12}, .size_multiple = 4});
  EXPECT_EQ(traced.dynamic, (std::array<bool, 4>{true, false, true, true}));
  const auto model = parsed(onnx_bytes(traced, {}));
  EXPECT_TRUE(op_types(model).count(c.op)) << c.op;
  check_windows(model);
  if (const char* folder = std::getenv("GROUNDGLASS_ONNX_SAMPLES")) leave_sample(folder, c, traced);
}

INSTANTIATE_TEST_SUITE_P(Onnx, EachOperator, testing::ValuesIn(cases()),
                         [](const auto& c) { return c.param.name; });

}  // namespace
}  // namespace groundglass
