#include "groundglass/infer/plan/lower.h"

#include <map>

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>

namespace groundglass::planning {
namespace jit = torch::jit;
namespace {

/// The arguments of one operation while it is understood. A wrong guess about one is answered by
/// `false` from the function that asked, and the operation runs in LibTorch.
class Call {
 public:
  Call(Network& network, Op& op) : network_(network), op_(op) {}

  Network& network() { return network_; }
  Op& op() { return op_; }
  size_t count() const { return op_.arguments.size(); }

  const at::IValue* constant(size_t i) const { return std::get_if<at::IValue>(&op_.arguments[i]); }
  bool none(size_t i) const { return constant(i) && constant(i)->isNone(); }
  bool is_map(size_t i) const {
    const int* id = std::get_if<int>(&op_.arguments[i]);
    return id && value(*id).map;
  }
  int id(size_t i) const { return std::get<int>(op_.arguments[i]); }
  const Value& value(int id) const { return network_.values[static_cast<size_t>(id)]; }
  const Value& map(size_t i) const { return value(id(i)); }
  const Value& result() const { return value(op_.out[0]); }
  /// In the plan's memory, as floats.
  void hold_result() { network_.values[static_cast<size_t>(op_.out[0])].map = true; }

  /// A constant tensor or number, as float; undefined if it is neither, or not constant.
  torch::Tensor tensor(size_t i) const {
    const at::IValue* v = constant(i);
    if (!v) return {};
    if (v->isTensor())
      return v->toTensor().defined() ? v->toTensor().to(torch::kFloat32) : torch::Tensor();
    if (v->isScalar()) return torch::scalar_tensor(v->toScalar(), torch::kFloat32);
    return {};
  }
  int64_t integer(size_t i) const { return constant(i)->toInt(); }
  bool flag(size_t i) const { return constant(i)->toBool(); }
  std::vector<int64_t> integers(size_t i) const {
    const at::IValue* v = constant(i);
    if (v) return v->isInt() ? std::vector<int64_t>{v->toInt()} : v->toIntVector();
    std::vector<int64_t> all;
    for (const auto& part : std::get<2>(op_.arguments[i])) {
      all.push_back(std::get<at::IValue>(part).toInt());
    }
    return all;
  }
  Pair pair(size_t i, Pair otherwise = {1, 1}) const {
    const auto v = integers(i);
    if (v.empty()) return otherwise;
    return {v[0], v.back()};
  }

 private:
  Network& network_;
  Op& op_;
};

using Lower = bool (*)(Call&);

void make(Call& c, Kind kind, std::vector<int> in) {
  c.op().kind = kind;
  c.op().in = std::move(in);
}

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

bool act(Call& c, Act how) {
  if (!c.is_map(0)) return false;
  make(c, Kind::pointwise, {c.id(0)});
  c.op().last = how;
  return true;
}
bool relu(Call& c) {
  return act(c, Act::relu);
}
bool sigmoid(Call& c) {
  return act(c, Act::sigmoid);
}
bool same(Call& c) {  // a change of type or memory that changes nothing
  if (!c.is_map(0)) return false;
  if (!c.result().map && c.op().node->kind() != jit::aten::detach) return false;
  c.hold_result();  // truth comes as numbers, see greater()
  return act(c, Act::none);
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

bool concat(Call& c) {
  const auto* list = std::get_if<2>(&c.op().arguments[0]);
  if (!list || !c.constant(1) || c.integer(1) != 1 || !c.result().map) return false;
  std::vector<int> in;
  for (const auto& part : *list) {
    const int* id = std::get_if<int>(&part);
    if (!id || !c.value(*id).map) return false;
    in.push_back(*id);
  }
  make(c, Kind::concat, in);
  return true;
}

/// A part along one axis, from `begin` on; the size is the result's.
bool part(Call& c, int64_t axis, int64_t begin) {
  Op& op = c.op();
  if (!c.result().map) return false;
  const auto &from = c.map(0).sizes, &to = c.result().sizes;
  const auto a = static_cast<size_t>(axis < 0 ? axis + 4 : axis);
  if (begin < 0) begin += from[a];
  if (from == to) return same(c);
  if (a == 1) {
    make(c, Kind::channels, {c.id(0)});
    op.begin = begin;
    return true;
  }
  if (a < 2) return false;
  make(c, Kind::window, {c.id(0)});
  op.before[a - 2] = -begin;
  op.after[a - 2] = begin + to[a] - from[a];
  return true;
}

bool narrow(Call& c) {
  if (!c.is_map(0) || !c.constant(1) || !c.constant(2)) return false;
  return part(c, c.integer(1), c.integer(2));
}

bool slice(Call& c) {
  if (!c.is_map(0) || !c.constant(1) || !c.constant(4) || c.integer(4) != 1) return false;
  return part(c, c.integer(1), c.none(2) ? 0 : c.integer(2));
}

bool pad(Call& c) {
  constexpr int64_t kConstant = 3;  // at::padding_mode
  if (!c.is_map(0) || c.integer(2) != kConstant || !c.result().map) return false;
  if (!c.none(3) && c.constant(3)->toDouble() != 0) return false;
  const auto p = c.integers(1);
  if (p.size() != 4) return false;
  c.op().before = {p[2], p[0]};
  c.op().after = {p[3], p[1]};
  make(c, Kind::window, {c.id(0)});
  return true;
}

bool list_unpack(Call& c) {
  Network& n = c.network();
  const int list = c.id(0);
  for (size_t i = 0; i < n.ops.size(); ++i) {
    const Op& split = n.ops[i];
    if (split.out.empty() || split.out[0] != list || !split.node ||
        split.node->kind() != jit::aten::split) {
      continue;
    }
    const auto* axis = std::get_if<at::IValue>(&split.arguments[2]);
    const int* from = std::get_if<int>(&split.arguments[0]);
    if (!axis || axis->toInt() != 1 || !from) return false;
    int64_t begin = 0;
    const Op whole = c.op();
    const int source = *from;
    for (const int out : whole.out) {
      Op part;
      part.kind = Kind::channels;
      part.about = whole.about;
      part.in = {source};
      part.out = {out};
      part.begin = begin;
      begin += n.values[static_cast<size_t>(out)].channels();
      n.ops.push_back(std::move(part));
    }
    c.op().out.clear();  // nothing is left to do
    return true;
  }
  return false;
}

/// [1,..,1,H,W] as [H,W], or undefined.
torch::Tensor as_plane(const torch::Tensor& t) {
  if (t.dim() > 4) return {};
  for (int64_t axis = 0; axis + 2 < t.dim(); ++axis) {
    if (t.size(axis) != 1) return {};
  }
  auto plane = t;
  while (plane.dim() > 2) plane = plane.squeeze(0);
  while (plane.dim() < 2) plane = plane.unsqueeze(0);
  return plane.contiguous();
}

bool with_constant(Call& c, size_t map, size_t other, Arithmetic how) {
  auto t = c.tensor(other);
  if (!t.defined() || !c.result().map) return false;
  if (t.numel() > 1 && t.min().item<float>() == t.max().item<float>()) t = t.flatten()[0];
  Op& op = c.op();
  const bool per_channel = t.numel() == 1 || (t.dim() >= 3 && t.size(-1) == 1 && t.size(-2) == 1 &&
                                              t.numel() == c.map(map).channels());
  if (per_channel && c.result().sizes == c.map(map).sizes) {
    const auto values = t.reshape({-1}).expand({c.map(map).channels()}).contiguous();
    make(c, Kind::pointwise, {c.id(map)});
    if (how == Arithmetic::multiply) {
      op.scale = values;
    } else if (how == Arithmetic::add) {
      op.shift = values;
    } else if (map == 0) {
      op.shift = -values;
    } else {
      op.scale = -torch::ones_like(values);
      op.shift = values;
    }
    return true;
  }
  op.constant = as_plane(t);
  if (!op.constant.defined()) return false;
  op.how = how;
  op.swapped = map == 1;
  make(c, Kind::binary, {c.id(map)});
  return true;
}

bool arithmetic(Call& c, Arithmetic how) {
  if (how != Arithmetic::multiply && c.count() > 2) {
    const auto alpha = c.tensor(2);
    if (!alpha.defined() || alpha.item<float>() != 1) return false;
  }
  if (c.is_map(0) && c.is_map(1)) {
    c.op().how = how;
    make(c, Kind::binary, {c.id(0), c.id(1)});
    return c.result().map;
  }
  if (c.is_map(0)) return with_constant(c, 0, 1, how);
  if (c.is_map(1)) return with_constant(c, 1, 0, how);
  return false;
}
bool add(Call& c) {
  return arithmetic(c, Arithmetic::add);
}
bool subtract(Call& c) {
  return arithmetic(c, Arithmetic::subtract);
}
bool multiply(Call& c) {
  return arithmetic(c, Arithmetic::multiply);
}

bool matrix_product(Call& c) {
  const size_t map = c.is_map(0) ? 0 : 1;
  if (!c.is_map(map) || !c.result().map) return false;
  const auto t = c.tensor(1 - map);
  if (!t.defined() || t.dim() < 2) return false;
  const auto matrix = as_plane(t);
  if (!matrix.defined()) return false;
  make(c, Kind::product, {c.id(map)});
  c.op().along_height = map == 1;
  c.op().constant = (map == 1 ? matrix : matrix.t()).contiguous();
  return true;
}

bool sum(Call& c) {
  if (c.count() < 3 || !c.is_map(0) || c.none(1) || !c.flag(2) || !c.result().map) return false;
  const auto axes = c.integers(1);
  if (axes == std::vector<int64_t>{1} && c.map(0).channels() == 1) return same(c);
  if (axes != std::vector<int64_t>{2}) return false;
  make(c, Kind::product, {c.id(0)});
  c.op().along_height = true;
  c.op().constant = torch::ones({1, c.map(0).height()});
  return true;
}

const std::map<std::string, Lower>& lowerings() {
  static const std::map<std::string, Lower> all = {{"aten::_convolution", convolution},
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
                                                   {"aten::upsample_bilinear2d", bilinear},
                                                   {"aten::cat", concat},
                                                   {"aten::narrow", narrow},
                                                   {"aten::slice", slice},
                                                   {"aten::_pad_enum", pad},
                                                   {"prim::ListUnpack", list_unpack},
                                                   {"aten::add", add},
                                                   {"aten::add_", add},
                                                   {"aten::sub", subtract},
                                                   {"aten::sub_", subtract},
                                                   {"aten::mul", multiply},
                                                   {"aten::mul_", multiply},
                                                   {"aten::matmul", matrix_product},
                                                   {"aten::sum", sum}};
  return all;
}

/// Whether the operator writes into an argument.
bool writes(const jit::Node* node) {
  const auto* schema = node->maybeSchema();
  return schema && schema->is_mutable();
}

}  // namespace

std::vector<at::IValue> run_node(const jit::Node* node, std::vector<at::IValue> inputs) {
  if (node->kind() == jit::prim::Constant) {
    const auto value = jit::toIValue(node->output());
    return {value ? *value : at::IValue()};
  }
  if (node->kind() == jit::prim::GetAttr) {
    return {inputs[0].toObject()->getAttr(node->s(jit::attr::name))};
  }
  if (node->kind() == jit::prim::ListUnpack) {
    const auto list = inputs[0].toListRef();
    return std::vector<at::IValue>(list.begin(), list.end());
  }
  if (node->kind() == jit::prim::ListConstruct) {
    const auto type = node->output()->type()->expectRef<c10::ListType>().getElementType();
    c10::impl::GenericList list(type);
    for (auto& v : inputs) list.push_back(std::move(v));
    return {list};
  }
  if (writes(node)) {
    for (auto& v : inputs) {
      if (v.isTensor() && v.toTensor().defined()) v = v.toTensor().clone();
    }
  }
  jit::Stack stack = std::move(inputs);
  node->getOperation()(stack);
  return stack;
}

void lower_node(Network& network, Op op) {
  const auto found = lowerings().find(op.node->kind().toQualString());
  Call call(network, op);
  if (found == lowerings().end() || !found->second(call)) {
    op.kind = Kind::torch;
    op.in.clear();
    for (const Argument& a : op.arguments) {
      if (const int* id = std::get_if<int>(&a)) op.in.push_back(*id);
      if (const auto* list = std::get_if<2>(&a)) {
        for (const auto& part : *list) {
          if (const int* id = std::get_if<int>(&part)) op.in.push_back(*id);
        }
      }
    }
    for (const int out : op.out) network.values[static_cast<size_t>(out)].places = false;
  }
  if (!op.out.empty()) network.ops.push_back(std::move(op));
}

}  // namespace groundglass::planning
