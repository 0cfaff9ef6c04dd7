#include <sys/mman.h>

#include <cstring>
#include <memory>

#include <ATen/ATen.h>

#include "groundglass/core/error.h"
#include "groundglass/infer/plan/onednn_version.h"
#include "groundglass/infer/plan/steps.h"

namespace groundglass::planning {
namespace {
using dnnl::memory;

memory::data_type type_of(const Program& p) {
  return p.half() ? memory::data_type::bf16 : memory::data_type::f32;
}

memory::desc map_desc(const Program& p, const Surface& s) {
  const int64_t lanes = p.kernels->lanes;
  if (s.plain) {
    return {{1, s.blocks, s.height, s.width}, memory::data_type::f32, memory::format_tag::nchw};
  }
  return {{1, s.blocks * lanes, s.height, s.width},
          type_of(p),
          lanes == 16 ? memory::format_tag::nChw16c : memory::format_tag::nChw8c};
}

void append(dnnl::post_ops& ops, Act act) {
  if (act == Act::relu) append_eltwise(ops, dnnl::algorithm::eltwise_relu);
  if (act == Act::sigmoid) append_eltwise(ops, dnnl::algorithm::eltwise_logistic);
}

struct Primitive {
  dnnl::convolution_forward::primitive_desc desc;
  int binary = -1;  ///< place of the sum among the post-operations, if it reads other memory
};

enum class Sum { none, in_place, other };

class Maker {
 public:
  Maker(const Program& p, const ConvolutionSpec& s) : p_(p), s_(s) {}

  /// The first implementation whose name begins like one of `names`, or null.
  std::unique_ptr<Primitive> make(dnnl::algorithm algorithm, Sum sum,
                                  const std::vector<std::string>& names) const {
    auto made = std::make_unique<Primitive>();
    dnnl::post_ops ops;
    append(ops, s_.first);
    if (sum == Sum::in_place) ops.append_sum(1);
    if (sum == Sum::other) {
      made->binary = ops.len();
      ops.append_binary(dnnl::algorithm::binary_add, map_desc(p_, s_.out));
    }
    append(ops, s_.last);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(ops);
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    try {
      made->desc = convolution_desc(p_.engine, algorithm, shape(), attributes);
      while (true) {
        const std::string name = made->desc.impl_info_str();
        for (const auto& n : names) {
          if (name.rfind(n, 0) == 0) return made;
        }
        if (!made->desc.next_impl()) return nullptr;
      }
    } catch (const dnnl::error&) {
      return nullptr;
    }
  }

 private:
  ConvolutionShape shape() const {
    auto weight_sizes = s_.weight.sizes().vec();
    if (s_.groups > 1) {
      weight_sizes[0] /= s_.groups;
      weight_sizes.insert(weight_sizes.begin(), s_.groups);
    }
    const auto type = s_.in.plain ? memory::data_type::f32 : type_of(p_);
    const memory::desc weight(weight_sizes, type, memory::format_tag::any);
    const memory::desc bias({s_.weight.size(0)}, memory::data_type::f32, memory::format_tag::x);
    const auto dims = [](const Pair& v, int64_t less = 0) {
      return memory::dims{v[0] - less, v[1] - less};
    };
    return {map_desc(p_, s_.in),  weight,          bias,
            map_desc(p_, s_.out), dims(s_.stride), dims(s_.dilation, 1),
            dims(s_.before),      dims(s_.after)};
  }

  const Program& p_;
  const ConvolutionSpec& s_;
};

bool same_place(const Place& a, const Place& b) {
  return a.buffer == b.buffer && a.offset == b.offset;
}

memory packed_weights(const Program& p, const ConvolutionSpec& s, const memory::desc& wanted,
                      void* room) {
  auto sizes = s.weight.sizes().vec();
  auto tag = memory::format_tag::oihw;
  if (s.groups > 1) {
    sizes[0] /= s.groups;
    sizes.insert(sizes.begin(), s.groups);
    tag = memory::format_tag::goihw;
  }
  memory plain({sizes, memory::data_type::f32, tag}, p.engine, s.weight.data_ptr());
  memory packed(wanted, p.engine, room);
  dnnl::stream stream(p.engine);
  dnnl::reorder(plain, packed).execute(stream, plain, packed);
  stream.wait();
  return packed;
}

}  // namespace

std::shared_ptr<void> pages(size_t bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    fail(ErrorKind::device,
         "plan: no memory for " + std::to_string(bytes >> 20) + " MiB of weights");
  }
  return {data, [bytes](void* begin) { munmap(begin, bytes); }};
}

Bind convolution_step(Program& program, const ConvolutionSpec& s, int step, std::string& engine) {
  if (suits_amx(program, s)) {
    engine = "amx kernel";
    return amx_step(program, s, step);
  }
  const Maker maker(program, s);
  const bool in_place = s.residual && same_place(s.added, s.target);
  const Sum sum = !s.residual ? Sum::none : in_place ? Sum::in_place : Sum::other;
  const Sum summed = s.residual ? Sum::in_place : Sum::none;
  std::unique_ptr<Primitive> made;
  if (s.winograd) {
    made = maker.make(dnnl::algorithm::convolution_winograd, summed, {"jit_wino", "jit_fp32_wino"});
  }
  const std::vector<std::string> fast = {"jit", "brg"};
  if (!made) made = maker.make(dnnl::algorithm::convolution_direct, sum, fast);
  if (!made) made = maker.make(dnnl::algorithm::convolution_direct, summed, fast);
  if (!made) made = maker.make(dnnl::algorithm::convolution_direct, summed, {""});
  if (!made) fail(ErrorKind::internal, "plan: oneDNN has no convolution for this shape");
  engine = made->desc.impl_info_str();

  const auto room = pages(made->desc.weights_desc().get_size());
  const memory weights = packed_weights(program, s, made->desc.weights_desc(), room.get());
  const auto bias = s.bias.defined() ? s.bias.contiguous() : torch::zeros({s.weight.size(0)});
  program.weight_bytes += weights.get_desc().get_size();
  const size_t scratch_bytes = made->desc.scratchpad_desc().get_size();
  const Place scratch = program.temporary(scratch_bytes, step);
  const dnnl::convolution_forward primitive(made->desc);
  const bool copies = s.residual && !in_place && made->binary < 0;
  const auto desc = made->desc;
  const int binary = made->binary;
  const size_t bytes = desc.dst_desc().get_size();
  // Named one by one: a copy of the spec would keep the unpacked weights
  const Place source = s.source, destination = s.target, residual = s.added;
  return [=](Context& c) -> Work {
    const dnnl::engine& e = desc.get_engine();
    std::unordered_map<int, memory> args;
    args.emplace(DNNL_ARG_SRC, memory(desc.src_desc(), e, c.at(source)));
    args.emplace(DNNL_ARG_WEIGHTS, weights);
    args.emplace(DNNL_ARG_BIAS, memory(desc.bias_desc(), e, bias.data_ptr()));
    args.emplace(DNNL_ARG_DST, memory(desc.dst_desc(), e, c.at(destination)));
    args.emplace(DNNL_ARG_SCRATCHPAD, memory(desc.scratchpad_desc(), e, c.at(scratch)));
    if (binary >= 0) {
      args.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(binary) | DNNL_ARG_SRC_1,
                   memory(desc.dst_desc(), e, c.at(residual)));
    }
    char* target = c.at(destination);
    const char* added = copies ? c.at(residual) : nullptr;
    return [=, &c]() mutable {
      static_cast<void>(room);  // kept
      if (added) std::memcpy(target, added, bytes);
      primitive.execute(c.stream, args);
    };
  };
}

}  // namespace groundglass::planning
