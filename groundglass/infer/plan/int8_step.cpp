#include <algorithm>

#include <ATen/ATen.h>

#include "groundglass/infer/plan/int8.h"
#include "groundglass/infer/plan/int8_kernels.h"
#include "groundglass/infer/plan/steps.h"

namespace groundglass::planning {
namespace {

/// The source with its border: all that any place of the result reads.
Bytes bordered(const Surface& in, const Surface& out, const Op& op) {
  const auto reach = [&](int64_t places, size_t axis) {
    return (places - 1) * op.stride[axis] + (op.kernel[axis] - 1) * op.dilation[axis] + 1;
  };
  Bytes b;
  b.blocks = in.blocks;
  b.top = op.before[0];
  b.left = op.before[1];
  b.height = std::max(b.top + in.height, reach(out.height, 0));
  b.width = std::max(b.left + in.width, reach(out.width, 1));
  return b;
}

std::vector<int64_t> taps_of(const Bytes& b, const Op& op) {
  std::vector<int64_t> taps;
  for (int64_t block = 0; block < b.blocks; ++block) {
    for (int64_t y = 0; y < op.kernel[0]; ++y) {
      for (int64_t x = 0; x < op.kernel[1]; ++x) {
        const int64_t row = block * b.height + y * op.dilation[0];
        taps.push_back((row * b.width + x * op.dilation[1]) * 16);
      }
    }
  }
  return taps;
}

}  // namespace

Bind int8_step(Program& p, const Op& op, int step) {
  const Int8Kernels* k = &kernels_int8(p.half());
  const int64_t lanes = p.kernels->lanes;
  const Value &in = p.value(op.in[0]), &out = p.value(op.out[0]);
  const Located source = located(p, op.in[0]), target = located(p, op.out[0]);
  const Located added = op.residual ? located(p, op.in[1]) : Located{};
  const bool residual = op.residual;
  Bytes bytes = bordered(source.surface, target.surface, op);
  const ByteScale scale = byte_scale({op.low, op.high});
  bytes.per_unit = scale.per_unit;
  bytes.zero = scale.zero;
  const Int8Weights weights =
      int8_weights(spread(spread(op.weight, 0, out, lanes), 1, in, lanes),
                   op.bias.defined() ? spread(op.bias, 0, out, lanes) : op.bias, scale);
  p.weight_bytes += weights.weight.nbytes();
  const auto taps = std::make_shared<const std::vector<int64_t>>(taps_of(bytes, op));
  const Place scratch =
      p.temporary(static_cast<size_t>(bytes.blocks * bytes.height * bytes.width * 16), step);
  Int8Layer layer;
  layer.weight = weights.weight.data_ptr<int8_t>();
  layer.scale = weights.scale.data_ptr<float>();
  layer.bias = weights.bias.data_ptr<float>();
  layer.taps = taps->data();
  layer.tap_count = static_cast<int64_t>(taps->size());
  layer.stride_y = op.stride[0];
  layer.stride_x = op.stride[1];
  layer.first = op.first;
  layer.last = op.last;
  return [=](Context& c) -> Work {
    Bytes b = bytes;
    b.data = reinterpret_cast<uint8_t*>(c.at(scratch));
    const Surface other = residual ? added.in(c) : Surface{};
    return [=, x = source.in(c), y = target.in(c)] {
      static_cast<void>(weights), static_cast<void>(taps);  // kept
      k->quantise(x, b);
      k->convolution(b, y, other, layer);
    };
  };
}

}  // namespace groundglass::planning
