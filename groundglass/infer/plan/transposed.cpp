#include <algorithm>

#include <ATen/ATen.h>

#include "groundglass/infer/plan/steps.h"

namespace groundglass::planning {
namespace {

/// Along one axis: which taps give the outputs y with y mod stride = phase, and from where.
struct Axis {
  Axis(int64_t phase, int64_t kernel, int64_t stride, int64_t padding, int64_t in, int64_t out) {
    first_tap = (phase + padding) % stride;
    taps = (kernel - first_tap + stride - 1) / stride;
    const int64_t first = (phase + padding) / stride;  // place under tap 0 of the first output
    const int64_t count = phase >= out ? 0 : (out - phase + stride - 1) / stride;
    before = std::max<int64_t>(taps - 1 - first, 0);
    skip = first - (taps - 1) + before;  // outputs of the convolution before the first wanted
    after = std::max<int64_t>(first + count - 1 - (in - 1), 0);
    size = in + before + after - taps + 1;
  }
  int64_t first_tap, taps, before, after, skip, size;
};

/// The taps first, first + stride, ... backwards, as a convolution applies them.
torch::Tensor taps_of(const torch::Tensor& weight, int64_t axis, const Axis& a, int64_t stride) {
  std::vector<int64_t> order;
  for (int64_t t = a.taps; t-- > 0;) order.push_back(a.first_tap + t * stride);
  return weight.index_select(axis, torch::tensor(order));
}

Surface map_of(const Surface& like, int64_t blocks, int64_t height, int64_t width) {
  Surface s = like;
  s.blocks = blocks;
  s.height = height;
  s.width = width;
  return s;
}

}  // namespace

Bind transposed_step(Program& p, const Op& op, int step, std::string& engine) {
  const int64_t lanes = p.kernels->lanes, stride = op.stride[0];
  const Value &in = p.value(op.in[0]), &out = p.value(op.out[0]);
  const Surface source = p.surface(op.in[0]), target = p.surface(op.out[0]);
  // [I,O,k,k] -> [O,I,k,k]
  auto weight = spread(op.weight.transpose(0, 1).contiguous(), 0, out, lanes);
  weight = spread(weight, 1, in, lanes);
  const auto bias = op.bias.defined() ? spread(op.bias, 0, out, lanes) : op.bias;

  std::vector<Axis> rows, columns;
  for (int64_t r = 0; r < stride; ++r) {
    rows.emplace_back(r, op.kernel[0], stride, op.before[0], in.height(), out.height());
    columns.emplace_back(r, op.kernel[1], stride, op.before[1], in.width(), out.width());
  }
  const auto alike = [](const std::vector<Axis>& all) {
    return std::all_of(all.begin(), all.end(), [&](const Axis& a) {
      return a.taps == all[0].taps && a.before == all[0].before && a.after == all[0].after &&
             a.skip == all[0].skip;
    });
  };
  const bool together = alike(rows) && alike(columns);

  ConvolutionSpec s;
  s.source = p.place(op.in[0]);
  s.in = source;
  s.last = op.last;
  struct Part {
    Place place;
    Phase phase;
  };
  std::vector<Part> parts;
  std::vector<Bind> binds;
  std::vector<torch::Tensor> filters, biases;
  for (int64_t r = 0; r < stride; ++r) {
    for (int64_t k = 0; k < stride; ++k) {
      const Axis &y = rows[static_cast<size_t>(r)], &x = columns[static_cast<size_t>(k)];
      filters.push_back(taps_of(taps_of(weight, 2, y, stride), 3, x, stride));
      biases.push_back(bias);
      parts.push_back({{}, {nullptr, y.size, x.size, y.skip, x.skip}});
      if (together && filters.size() < static_cast<size_t>(stride * stride)) continue;
      s.weight = (together ? torch::cat(filters) : filters.back()).contiguous();
      s.bias = !bias.defined() ? bias : together ? torch::cat(biases) : bias;
      s.before = {y.before, x.before};
      s.after = {y.after, x.after};
      s.out = map_of(target, target.blocks * (together ? stride * stride : 1), y.size, x.size);
      const size_t bytes =
          static_cast<size_t>(s.out.blocks * lanes * y.size * x.size) * p.unit(out);
      s.target = p.temporary(bytes, step);
      binds.push_back(convolution_step(p, s, step, engine));
      for (size_t i = together ? 0 : parts.size() - 1; i < parts.size(); ++i) {
        parts[i].place = s.target;
        if (together) parts[i].place.offset = i * (bytes / parts.size());
      }
    }
  }
  const Kernels* k = p.kernels;
  const Located result = located(p, op.out[0]);
  return [=](Context& c) -> Work {
    std::vector<Work> work;
    for (const Bind& b : binds) work.push_back(b(c));
    std::vector<Phase> phases;
    for (const Part& part : parts) {
      phases.push_back(part.phase);
      phases.back().data = c.at(part.place);
    }
    return [=, y = result.in(c)] {
      for (const Work& w : work) w();
      k->interleave(phases.data(), stride, y);
    };
  };
}

}  // namespace groundglass::planning
