#include "groundglass/infer/plan/lower_call.h"

#include <ATen/ATen.h>

namespace groundglass::planning {
namespace jit = torch::jit;
namespace {

bool convolution(Call& c) {
  if (!c.is_map(0) || !c.tensor(1).defined() || c.tensor(1).dim() != 4) return false;
  if (!c.none(2) && !c.tensor(2).defined()) return false;
  Op& op = c.op();
  op.weight = c.tensor(1).contiguous();
  op.bias = c.none(2) ? torch::Tensor() : c.tensor(2).contiguous();
  op.stride = c.pair(3);
  op.before = op.after = c.pair(4);
  op.dilation = c.pair(5);
  op.groups = c.integer(8);
  op.kernel = {op.weight.size(2), op.weight.size(3)};
  if (!c.flag(6)) {
    const int64_t channels = c.map(0).channels();
    if (op.groups != 1 && (op.groups != channels || op.weight.size(0) != channels)) return false;
    make(c, Kind::convolution, {c.id(0)});
    return true;
  }
  const bool plain = op.groups == 1 && op.dilation == Pair{1, 1} && op.stride[0] == op.stride[1] &&
                     op.stride[0] <= 4 && op.kernel[0] >= op.stride[0] &&
                     op.kernel[1] >= op.stride[1];
  if (!plain) return false;
  make(c, Kind::transposed, {c.id(0)});
  return true;
}

bool batch_norm(Call& c) {
  if (!c.is_map(0) || c.flag(5) || !c.tensor(3).defined() || !c.tensor(4).defined()) return false;
  const auto mean = c.tensor(3).to(torch::kFloat64), variance = c.tensor(4).to(torch::kFloat64);
  auto scale = (variance + c.constant(7)->toDouble()).rsqrt();
  if (!c.none(1)) scale = scale * c.tensor(1);
  auto shift = -mean * scale;
  if (!c.none(2)) shift = shift + c.tensor(2);
  make(c, Kind::pointwise, {c.id(0)});
  c.op().scale = scale.to(torch::kFloat32).contiguous();
  c.op().shift = shift.to(torch::kFloat32).contiguous();
  return true;
}

bool relu(Call& c) {
  return act(c, Act::relu);
}
bool sigmoid(Call& c) {
  return act(c, Act::sigmoid);
}
/// Whether truth is made into numbers before anything else reads it.
bool only_as_numbers(const jit::Value* truth) {
  const auto& uses = truth->uses();
  return std::all_of(uses.begin(), uses.end(), [](const jit::Use& use) {
    if (use.user->kind() == jit::aten::detach) return only_as_numbers(use.user->output());
    return use.user->kind() == jit::aten::to;
  });
}

bool greater(Call& c) {  // than a number: 1 and 0
  const auto number = c.tensor(1);
  if (!c.is_map(0) || !number.defined() || number.numel() != 1) return false;
  if (!only_as_numbers(c.op().node->output())) return false;
  c.hold_result();
  c.op().shift = -number.reshape({1}).expand({c.map(0).channels()}).contiguous();
  return act(c, Act::step);
}

bool max_pool(Call& c) {
  if (!c.is_map(0)) return false;
  Op& op = c.op();
  op.kernel = c.pair(1);
  op.stride = c.pair(2, op.kernel);
  op.before = c.pair(3);
  op.dilation = c.pair(4);
  if (op.out.size() > 1) c.network().values[static_cast<size_t>(op.out[1])].places = true;
  make(c, Kind::max_pool, {c.id(0)});
  return true;
}

bool average_pool(Call& c) {
  if (!c.is_map(0) || c.flag(4) || !c.none(6)) return false;
  Op& op = c.op();
  op.kernel = c.pair(1);
  op.stride = c.pair(2, op.kernel);
  op.before = c.pair(3);
  op.count_padding = c.flag(5);
  make(c, Kind::average_pool, {c.id(0)});
  return true;
}

bool mean(Call& c) {
  if (c.count() < 3 || !c.is_map(0) || c.none(1) || !c.flag(2) || !c.result().map) return false;
  auto axes = c.integers(1);
  for (int64_t& a : axes) a = a < 0 ? a + 4 : a;
  std::sort(axes.begin(), axes.end());
  if (axes != std::vector<int64_t>{2, 3}) return false;
  Op& op = c.op();
  op.kernel = op.stride = {c.map(0).height(), c.map(0).width()};
  op.before = {0, 0};
  make(c, Kind::average_pool, {c.id(0)});
  return true;
}

bool unpool(Call& c) {
  const int* places = std::get_if<int>(&c.op().arguments[1]);
  if (!c.is_map(0) || !places || !c.value(*places).places) return false;
  make(c, Kind::unpool, {c.id(0), *places});
  return true;
}

bool resize(Call& c, bool nearest) {
  if (!c.is_map(0) || !c.result().map) return false;
  Op& op = c.op();
  const size_t factors = nearest ? 2 : 3;
  op.align_corners = !nearest && c.flag(2);
  for (size_t axis = 0; axis < 2 && factors < c.count() && !c.none(factors); ++axis) {
    const at::IValue& v = *c.constant(factors);
    if (v.isDouble()) {
      if (!c.none(factors + axis)) op.zoom[axis] = c.constant(factors + axis)->toDouble();
    } else {
      op.zoom[axis] = v.toDoubleVector()[axis];
    }
  }
  op.nearest = nearest;
  make(c, Kind::resize, {c.id(0)});
  return true;
}
bool nearest(Call& c) {
  return resize(c, true);
}
bool bilinear(Call& c) {
  return resize(c, false);
}

}  // namespace

const Lowerings& lowered_layers() {
  static const Lowerings all = {{"aten::_convolution", convolution},
                                {"aten::batch_norm", batch_norm},
                                {"aten::relu", relu},
                                {"aten::relu_", relu},
                                {"aten::sigmoid", sigmoid},
                                {"aten::sigmoid_", sigmoid},
                                {"aten::to", same},
                                {"aten::contiguous", same},
                                {"aten::detach", same},
                                {"aten::gt", greater},
                                {"aten::max_pool2d", max_pool},
                                {"aten::max_pool2d_with_indices", max_pool},
                                {"aten::avg_pool2d", average_pool},
                                {"aten::mean", mean},
                                {"aten::max_unpool2d", unpool},
                                {"aten::upsample_nearest2d", nearest},
                                {"aten::upsample_bilinear2d", bilinear}};
  return all;
}

}  // namespace groundglass::planning
