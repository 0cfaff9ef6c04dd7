#include "groundglass/infer/graph/dynamic_sizes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>

namespace groundglass {
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;
namespace {

constexpr std::array<size_t, 3> kMovable = {0, 2, 3};  // batch, height, width

/// Whole numbers that differ between two traces: place of the node -> number in the other trace.
using Moved = std::map<size_t, int64_t>;

std::vector<Node*> nodes_of(Graph& graph) {
  return {graph.nodes().begin(), graph.nodes().end()};
}

bool same_constant(const at::IValue& a, const at::IValue& b) {
  if (a.isTensor() && b.isTensor()) {
    const auto &x = a.toTensor(), &y = b.toTensor();
    if (!x.defined() || !y.defined()) return x.defined() == y.defined();
    return x.is_same(y) || (x.scalar_type() == y.scalar_type() && at::equal(x, y));
  }
  // Ratios of sizes, rounded differently
  if (a.isDouble() && b.isDouble()) {
    const double x = a.toDouble(), y = b.toDouble();
    return x == y || std::abs(x - y) <= 1e-12 * std::abs(x);
  }
  if (a.isTensor() || b.isTensor() || a.tagKind() != b.tagKind()) return false;
  return a == b;
}

/// What moved, or nothing if the traces are not alike.
std::optional<Moved> difference(const std::vector<Node*>& a, const std::vector<Node*>& b) {
  if (a.size() != b.size()) return std::nullopt;
  Moved moved;
  std::map<const Value*, const Value*> partner;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i]->kind() != b[i]->kind() || a[i]->inputs().size() != b[i]->inputs().size() ||
        a[i]->outputs().size() != b[i]->outputs().size()) {
      return std::nullopt;
    }
    for (size_t k = 0; k < a[i]->inputs().size(); ++k) {
      const auto known = partner.find(a[i]->input(k));
      if (known != partner.end() && known->second != b[i]->input(k)) return std::nullopt;
    }
    for (size_t k = 0; k < a[i]->outputs().size(); ++k) {
      partner[a[i]->outputs()[k]] = b[i]->outputs()[k];
    }
    if (a[i]->kind() != torch::jit::prim::Constant) continue;
    const auto x = torch::jit::toIValue(a[i]->output()), y = torch::jit::toIValue(b[i]->output());
    if (!x || !y) {
      if (x.has_value() != y.has_value()) return std::nullopt;
    } else if (x->isInt() && y->isInt()) {
      if (x->toInt() != y->toInt()) moved[i] = y->toInt();
    } else if (!same_constant(*x, *y)) {
      return std::nullopt;
    }
  }
  return moved;
}

/// (p * product of the axes + r) / q, without remainder at every size that is allowed.
struct Expression {
  std::vector<size_t> axes;
  int64_t p = 1, q = 1, r = 0;
  auto key() const { return std::tie(axes, p, q, r); }
  bool operator<(const Expression& other) const { return key() < other.key(); }
};

void reduce(Expression& e) {
  const int64_t common = std::gcd(std::gcd(e.p, e.q), e.r);
  e.p /= common;
  e.q /= common;
  e.r /= common;
}

/// value at the image, and where each axis that moves it has been moved by its step.
std::optional<Expression> fitted(int64_t value, const std::map<size_t, int64_t>& moved,
                                 const ImageSize& image, const ImageSize& step) {
  Expression e;
  if (moved.size() == 1) {
    const auto [axis, after] = *moved.begin();
    e.axes = {axis};
    e.p = after - value;
    e.q = step[axis];
    e.r = value * e.q - e.p * image[axis];
  } else {
    e.p = value;
    for (const auto& [axis, after] : moved) {
      if (after * image[axis] != value * (image[axis] + step[axis])) return std::nullopt;
      e.axes.push_back(axis);
      e.q *= image[axis];
    }
  }
  reduce(e);
  return e;
}

/// Writes expressions at the head of a graph, each once.
class Arithmetic {
 public:
  Arithmetic(Graph& graph, Value* image) : graph_(graph), image_(image) {}

  Value* of(const Expression& e) {
    if (const auto known = known_.find(e); known != known_.end()) return known->second;
    using namespace torch::jit;
    Value* x = nullptr;
    for (const size_t axis : e.axes) {
      const int64_t a = static_cast<int64_t>(axis);
      Value*& size = sizes_[axis];
      if (!size) size = graph_.insert(aten::size, {image_, a});
      x = x ? graph_.insert(aten::mul, {x, size}) : size;
    }
    if (e.p != 1) x = graph_.insert(aten::mul, {x, e.p});
    if (e.r != 0) x = graph_.insert(aten::add, {x, e.r});
    if (e.q != 1) x = graph_.insert(aten::floordiv, {x, e.q});
    return known_[e] = x;
  }

 private:
  Graph& graph_;
  Value* image_;
  std::map<size_t, Value*> sizes_;
  std::map<Expression, Value*> known_;
};

}  // namespace

std::array<bool, 4> make_sizes_dynamic(Graph& graph, Value* value, const ImageSize& image,
                                       const ImageSize& step, const TraceAt& trace) {
  const auto nodes = nodes_of(graph);
  std::array<bool, 4> dynamic{};
  std::map<size_t, std::map<size_t, int64_t>> moved;  // place -> axis -> number there
  for (const size_t axis : kMovable) {
    ImageSize once = image, twice = image;
    once[axis] += step[axis];
    twice[axis] += 2 * step[axis];
    const auto first = trace(once), second = first ? trace(twice) : nullptr;
    if (!second) continue;
    const auto a = difference(nodes, nodes_of(*first)), b = difference(nodes, nodes_of(*second));
    if (!a || !b || a->size() != b->size()) continue;
    dynamic[axis] = std::all_of(a->begin(), a->end(), [&](const auto& entry) {
      const int64_t now = torch::jit::toIValue(nodes[entry.first]->output())->toInt();
      const auto far = b->find(entry.first);
      return far != b->end() && far->second - now == 2 * (entry.second - now);
    });
    if (!dynamic[axis]) continue;
    for (const auto& [place, number] : *a) moved[place][axis] = number;
  }

  std::map<size_t, Expression> expressions;
  for (const auto& [place, axes] : moved) {
    const int64_t now = torch::jit::toIValue(nodes[place]->output())->toInt();
    if (const auto e = fitted(now, axes, image, step)) {
      expressions[place] = *e;
    } else {
      for (const auto& [axis, number] : axes) dynamic[axis] = false;
    }
  }
  const torch::jit::WithInsertPoint at_head(*graph.nodes().begin());
  Arithmetic arithmetic(graph, value);
  for (const auto& [place, e] : expressions) {
    const bool fixed =
        std::any_of(e.axes.begin(), e.axes.end(), [&](size_t axis) { return !dynamic[axis]; });
    if (!fixed) nodes[place]->output()->replaceAllUsesWith(arithmetic.of(e));
  }
  return dynamic;
}

}  // namespace groundglass
