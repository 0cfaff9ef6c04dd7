#pragma once

#include <map>
#include <string>
#include <vector>

#include "groundglass/infer/plan/graph.h"

namespace groundglass::planning {

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

/// Makes the operation a step of the plan; false if it has to run in LibTorch.
using Lower = bool (*)(Call&);
using Lowerings = std::map<std::string, Lower>;  ///< by the operator's name, "aten::relu"

/// Convolutions, normalisation, activations, pooling and resizing.
const Lowerings& lowered_layers();
/// Concatenation, parts of maps, borders.
const Lowerings& lowered_parts();
/// Sums, differences, products of maps and constants, and with matrices.
const Lowerings& lowered_arithmetic();

/// A step of that kind on these values.
inline void make(Call& c, Kind kind, std::vector<int> in) {
  c.op().kind = kind;
  c.op().in = std::move(in);
}

/// An activation of the first argument.
inline bool act(Call& c, Act how) {
  if (!c.is_map(0)) return false;
  make(c, Kind::pointwise, {c.id(0)});
  c.op().last = how;
  return true;
}
/// A change of type or memory that changes nothing.
inline bool same(Call& c) {
  if (!c.is_map(0)) return false;
  if (!c.result().map && c.op().node->kind() != torch::jit::aten::detach) return false;
  c.hold_result();  // truth comes as numbers
  return act(c, Act::none);
}

}  // namespace groundglass::planning
