#include "groundglass/infer/plan/lower_call.h"

#include <ATen/ATen.h>

namespace groundglass::planning {
namespace {

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

}  // namespace

const Lowerings& lowered_arithmetic() {
  static const Lowerings all = {{"aten::add", add},
                                {"aten::add_", add},
                                {"aten::sub", subtract},
                                {"aten::sub_", subtract},
                                {"aten::mul", multiply},
                                {"aten::mul_", multiply},
                                {"aten::matmul", matrix_product},
                                {"aten::sum", sum}};
  return all;
}

}  // namespace groundglass::planning
