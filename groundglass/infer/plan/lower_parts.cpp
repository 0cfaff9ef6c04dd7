#include "groundglass/infer/plan/lower_call.h"

namespace groundglass::planning {
namespace jit = torch::jit;
namespace {

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

}  // namespace

const Lowerings& lowered_parts() {
  static const Lowerings all = {{"aten::cat", concat},
                                {"aten::narrow", narrow},
                                {"aten::slice", slice},
                                {"aten::_pad_enum", pad},
                                {"prim::ListUnpack", list_unpack}};
  return all;
}

}  // namespace groundglass::planning
