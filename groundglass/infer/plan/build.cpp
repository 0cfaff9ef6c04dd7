#include <algorithm>
#include <cmath>
#include <cstring>

#include <ATen/ATen.h>

#include "groundglass/core/error.h"
#include "groundglass/infer/plan/lower.h"
#include "groundglass/infer/plan/program.h"
#include "groundglass/infer/plan/steps.h"

namespace groundglass::planning {

Surface Located::in(Context& c) const {
  Surface s = surface;
  s.data = c.at(place);
  return s;
}

Located located(const Program& p, int id) {
  return {p.surface(id), p.place(id)};
}

namespace {

torch::Tensor spread_or_none(const Program& p, const torch::Tensor& t, int id) {
  return t.defined() ? spread(t, 0, p.value(id), p.kernels->lanes) : t;
}

const float* data_or_null(const torch::Tensor& t) {
  return t.defined() ? t.data_ptr<float>() : nullptr;
}

Bind pointwise(Program& p, const Op& op) {
  const Kernels* k = p.kernels;
  const auto scale = spread_or_none(p, op.scale, op.in[0]);
  const auto shift = spread_or_none(p, op.shift, op.in[0]);
  const Located in = located(p, op.in[0]), out = located(p, op.out[0]);
  const Act first = op.first, last = op.last;
  return [=](Context& c) -> Work {
    return [=, x = in.in(c), y = out.in(c)] {
      k->pointwise(x, y, first, data_or_null(scale), data_or_null(shift), last);
    };
  };
}

/// A map as an operand of a result that may be larger along some axes.
Operand operand(const Program& p, int id, const Value& result) {
  const Value& v = p.value(id);
  const int64_t unit = v.plain ? 1 : p.kernels->lanes;
  Operand o;
  o.lanes = !v.plain;
  const bool repeated = v.channels() == 1 && result.channels() > 1;
  o.block = repeated ? 0 : v.height() * v.width() * unit;
  o.row = v.height() == 1 && result.height() > 1 ? 0 : v.width() * unit;
  o.column = v.width() == 1 && result.width() > 1 ? 0 : unit;
  return o;
}

Bind binary(Program& p, const Op& op) {
  const Kernels* k = p.kernels;
  const Value& result = p.value(op.out[0]);
  const Located out = located(p, op.out[0]);
  const Arithmetic how = op.how;
  const Act last = op.last;
  const Place first = p.place(op.in[0]);
  const Operand a = operand(p, op.in[0], result);
  if (op.constant.defined()) {
    const torch::Tensor plane = op.constant;
    Operand b;
    b.lanes = false;
    b.data = plane.data_ptr<float>();
    b.row = plane.size(0) == 1 ? 0 : plane.size(1);
    b.column = plane.size(1) == 1 ? 0 : 1;
    const bool swapped = op.swapped;
    return [=](Context& c) -> Work {
      Operand map = a;
      map.data = c.at(first);
      return [=, y = out.in(c)] {
        static_cast<void>(plane);  // kept
        if (swapped) {
          k->binary(b, map, y, how, last);
        } else {
          k->binary(map, b, y, how, last);
        }
      };
    };
  }
  const Place second = p.place(op.in[1]);
  const Operand b = operand(p, op.in[1], result);
  return [=](Context& c) -> Work {
    Operand left = a, right = b;
    left.data = c.at(first);
    right.data = c.at(second);
    return [=, y = out.in(c)] { k->binary(left, right, y, how, last); };
  };
}

Bind pool(Program& p, const Op& op) {
  const Kernels* k = p.kernels;
  const Located in = located(p, op.in[0]), out = located(p, op.out[0]);
  const PoolWindow w{op.kernel[0], op.kernel[1],   op.stride[0],   op.stride[1],    op.before[0],
                     op.before[1], op.dilation[0], op.dilation[1], op.count_padding};
  if (op.kind == Kind::average_pool) {
    return [=](Context& c) -> Work {
      return [=, x = in.in(c), y = out.in(c)] { k->average_pool(x, y, w); };
    };
  }
  const Place places = op.out.size() > 1 ? p.place(op.out[1]) : Place{};
  return [=](Context& c) -> Work {
    auto* indices = places.buffer < 0 ? nullptr : reinterpret_cast<int32_t*>(c.at(places));
    return [=, x = in.in(c), y = out.in(c)] { k->max_pool(x, y, w, indices); };
  };
}

Bind unpool(Program& p, const Op& op) {
  const Kernels* k = p.kernels;
  const Located in = located(p, op.in[0]), out = located(p, op.out[0]);
  const Place places = p.place(op.in[1]);
  return [=](Context& c) -> Work {
    const auto* indices = reinterpret_cast<const int32_t*>(c.at(places));
    return [=, x = in.in(c), y = out.in(c)] { k->unpool(x, indices, y); };
  };
}

/// Sources along one axis, as LibTorch works them out in float.
struct Sources {
  std::vector<int32_t> low, high;
  std::vector<float> weight;
  Interpolation view() const {
    return {low.data(), high.data(), weight.empty() ? nullptr : weight.data()};
  }
};

Sources sources(int64_t in, int64_t out, const Op& op, size_t axis) {
  Sources s;
  const double zoom = op.zoom[axis];
  const auto ratio = static_cast<float>(
      zoom > 0 ? 1.0 / zoom : static_cast<double>(in) / static_cast<double>(out));
  for (int64_t i = 0; i < out; ++i) {
    const auto place = static_cast<float>(i);
    if (op.nearest) {
      s.low.push_back(static_cast<int32_t>(
          std::min<int64_t>(static_cast<int64_t>(std::floor(place * ratio)), in - 1)));
      s.high.push_back(s.low.back());
      continue;
    }
    float at = std::max(ratio * (place + 0.5f) - 0.5f, 0.0f);
    if (op.align_corners) {
      at = out > 1 ? place * (static_cast<float>(in - 1) / static_cast<float>(out - 1)) : 0;
    }
    const auto low = std::min<int64_t>(static_cast<int64_t>(at), in - 1);
    s.low.push_back(static_cast<int32_t>(low));
    s.high.push_back(static_cast<int32_t>(low + (low < in - 1 ? 1 : 0)));
    s.weight.push_back(std::clamp(at - static_cast<float>(low), 0.0f, 1.0f));
  }
  return s;
}

Bind resize(Program& p, const Op& op) {
  const Kernels* k = p.kernels;
  const Located in = located(p, op.in[0]), out = located(p, op.out[0]);
  const auto rows =
      std::make_shared<Sources>(sources(in.surface.height, out.surface.height, op, 0));
  const auto columns =
      std::make_shared<Sources>(sources(in.surface.width, out.surface.width, op, 1));
  return [=](Context& c) -> Work {
    return [=, x = in.in(c), y = out.in(c)] { k->resize(x, y, rows->view(), columns->view()); };
  };
}

Bind product(Program& p, const Op& op) {
  const Kernels* k = p.kernels;
  const Located in = located(p, op.in[0]), out = located(p, op.out[0]);
  const torch::Tensor packed = op.constant.t().contiguous();
  const bool along_height = op.along_height;
  return [=](Context& c) -> Work {
    return [=, x = in.in(c), y = out.in(c)] {
      k->product(x, y, packed.data_ptr<float>(), along_height);
    };
  };
}

Bind window(Program& p, const Op& op) {
  const Kernels* k = p.kernels;
  const Located in = located(p, op.in[0]), out = located(p, op.out[0]);
  const Pair corner = {-op.before[0], -op.before[1]};
  return [=](Context& c) -> Work {
    return [=, x = in.in(c), y = out.in(c)] { k->window(x, y, corner[0], corner[1]); };
  };
}

Bind few_outputs(Program& p, const Op& op) {
  const Kernels* k = p.kernels;
  const Located in = located(p, op.in[0]), out = located(p, op.out[0]);
  auto weight = op.weight;
  if (op.groups > 1) {  // each filter at its own channel, zeros elsewhere
    weight = torch::zeros({op.weight.size(0), op.groups, op.kernel[0], op.kernel[1]});
    for (int64_t g = 0; g < op.groups; ++g) weight[g][g].copy_(op.weight[g][0]);
  }
  weight = spread(weight, 1, p.value(op.in[0]), k->lanes).permute({0, 2, 3, 1});
  weight = weight.clone(at::MemoryFormat::Contiguous);  // its own, whatever the steps are made from
  const auto bias = op.bias.defined() ? op.bias.contiguous() : torch::zeros({weight.size(0)});
  p.weight_bytes += weight.nbytes();
  FewOutputs layer{weight.data_ptr<float>(),
                   bias.data_ptr<float>(),
                   weight.size(0),
                   op.kernel[0],
                   op.kernel[1],
                   op.before[0],
                   op.before[1],
                   op.last};
  return [=](Context& c) -> Work {
    return [=, x = in.in(c), y = out.in(c)] {
      static_cast<void>(weight), static_cast<void>(bias);  // kept
      k->few_outputs(x, y, layer);
    };
  };
}

Bind convolution(Program& p, const Op& op, int step, std::string& engine) {
  if (p.value(op.out[0]).plain) return few_outputs(p, op);
  if (op.int8) {
    engine = "int8 kernel";
    return int8_step(p, op, step);
  }
  const int64_t lanes = p.kernels->lanes;
  const Value &in = p.value(op.in[0]), &out = p.value(op.out[0]);
  ConvolutionSpec s;
  s.weight = spread(op.weight, 0, out, lanes);
  s.groups = op.groups > 1 ? s.weight.size(0) : 1;
  if (op.groups == 1) s.weight = spread(s.weight, 1, in, lanes);
  s.bias = spread_or_none(p, op.bias, op.out[0]);
  s.in = p.surface(op.in[0]);
  s.out = p.surface(op.out[0]);
  s.source = p.place(op.in[0]);
  s.target = p.place(op.out[0]);
  s.stride = op.stride;
  s.before = op.before;
  s.after = op.after;
  s.dilation = op.dilation;
  s.first = op.first;
  s.last = op.last;
  s.residual = op.residual;
  if (op.residual) s.added = p.place(op.in[1]);
  s.winograd = p.options.winograd && !p.half() && lanes == 16 && suits_winograd(op, p.network);
  return convolution_step(p, s, step, engine);
}

/// A plan runs on packed weights; of those it was made from only the sizes stay.
void release_weight(Op& op) {
  if (op.weight.defined() && op.kind != Kind::torch) {
    op.weight = torch::zeros({}).expand(op.weight.sizes());
  }
}

}  // namespace

void build(Program& p) {
  name_buffers(p);
  for (size_t i = 0; i < p.network.ops.size(); ++i) {
    const Op& op = p.network.ops[i];
    Step step;
    step.op = i;
    step.about.kind = op.last == Act::step ? "comparison" : name_of(op.kind);
    step.about.about = op.about;
    step.about.engine = op.kind == Kind::torch ? "LibTorch" : "kernel";
    step.about.sizes = p.value(op.out[0]).sizes;
    switch (op.kind) {
      case Kind::convolution:
        step.bind = convolution(p, op, static_cast<int>(i), step.about.engine);
        break;
      case Kind::transposed:
        step.bind = transposed_step(p, op, static_cast<int>(i), step.about.engine);
        break;
      case Kind::max_pool:
      case Kind::average_pool:
        step.bind = pool(p, op);
        break;
      case Kind::unpool:
        step.bind = unpool(p, op);
        break;
      case Kind::resize:
        step.bind = resize(p, op);
        break;
      case Kind::pointwise:
        step.bind = pointwise(p, op);
        break;
      case Kind::binary:
        step.bind = binary(p, op);
        break;
      case Kind::product:
        step.bind = product(p, op);
        break;
      case Kind::window:
        step.bind = window(p, op);
        break;
      case Kind::channels:
        step.bind = channels_step(p, op);
        break;
      case Kind::concat:
        step.bind = concat_step(p, op);
        break;
      case Kind::torch:
        step.bind = torch_step(p, op);
        break;
    }
    if (step.bind) p.steps.push_back(std::move(step));
    release_weight(p.network.ops[i]);
  }
  plan_memory(p);
}

}  // namespace groundglass::planning
