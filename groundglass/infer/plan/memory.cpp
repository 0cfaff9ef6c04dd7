#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>

#include "groundglass/infer/plan/program.h"

namespace groundglass::planning {
namespace {

constexpr size_t kAlign = 64;

size_t rounded(size_t bytes) {
  return (bytes + kAlign - 1) / kAlign * kAlign;
}

size_t bytes_of(const Program& p, const Value& v) {
  const int64_t lanes = p.kernels->lanes;
  const auto numbers =
      static_cast<size_t>(blocks_of(v, lanes) * v.height() * v.width() * (v.plain ? 1 : lanes));
  return numbers * (v.places ? 4 : p.unit(v));
}

}  // namespace

Place Program::place(int id) const {
  const Value& v = value(id);
  const auto block =
      static_cast<size_t>(v.block * v.height() * v.width() * (v.plain ? 1 : kernels->lanes));
  return {buffer_of[static_cast<size_t>(v.storage)], block * (v.places ? 4 : unit(v))};
}

Surface Program::surface(int id) const {
  const Value& v = value(id);
  return {nullptr, v.plain, blocks_of(v, kernels->lanes), v.height(), v.width()};
}

Place Program::temporary(size_t bytes, int step) {
  buffers.push_back({bytes, step, step, 0});
  return {static_cast<int>(buffers.size()) - 1, 0};
}

void name_buffers(Program& p) {
  p.buffer_of.assign(p.network.values.size(), -1);
  const auto touch = [&](int id, int step) {
    const Value& v = p.value(id);
    if (!v.map && !v.places) return;
    int& buffer = p.buffer_of[static_cast<size_t>(v.storage)];
    if (buffer < 0) {
      buffer = static_cast<int>(p.buffers.size());
      p.buffers.push_back({bytes_of(p, p.value(v.storage)), step, step, 0});
    }
    Buffer& b = p.buffers[static_cast<size_t>(buffer)];
    b.from = std::min(b.from, step);
    b.to = std::max(b.to, step);
  };
  touch(p.network.image, 0);
  for (size_t i = 0; i < p.network.ops.size(); ++i) {
    for (const int v : p.network.ops[i].in) touch(v, static_cast<int>(i));
    for (const int v : p.network.ops[i].out) touch(v, static_cast<int>(i));
  }
  for (const int v : p.network.outputs) touch(v, static_cast<int>(p.network.ops.size()));
}

/// The largest first, each at the lowest place where nothing else lies at the same time.
void plan_memory(Program& p) {
  std::vector<size_t> order(p.buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return p.buffers[a].bytes > p.buffers[b].bytes; });
  std::vector<const Buffer*> placed;  // by offset
  for (const size_t i : order) {
    Buffer& b = p.buffers[i];
    size_t at = 0;
    for (const Buffer* other : placed) {
      if (other->to < b.from || other->from > b.to) continue;
      if (at + rounded(b.bytes) <= other->offset) break;
      at = std::max(at, other->offset + rounded(other->bytes));
    }
    b.offset = at;
    p.arena_bytes = std::max(p.arena_bytes, at + rounded(b.bytes));
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), &b,
                         [](const Buffer* x, const Buffer* y) { return x->offset < y->offset; }),
        &b);
  }
}

std::vector<int64_t> positions(const Value& value, int64_t lanes) {
  std::vector<int64_t> all;
  int64_t block = 0;
  for (const int64_t piece : value.pieces) {
    for (int64_t c = 0; c < piece; ++c) all.push_back(block * (value.plain ? 1 : lanes) + c);
    block += value.plain ? piece : (piece + lanes - 1) / lanes;
  }
  return all;
}

torch::Tensor spread(const torch::Tensor& t, int64_t axis, const Value& value, int64_t lanes) {
  auto sizes = t.sizes().vec();
  sizes[static_cast<size_t>(axis)] = blocks_of(value, lanes) * (value.plain ? 1 : lanes);
  if (sizes == t.sizes().vec()) return t.contiguous();
  return torch::zeros(sizes).index_copy_(axis, torch::tensor(positions(value, lanes)), t);
}

}  // namespace groundglass::planning
