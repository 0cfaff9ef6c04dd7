#pragma once

#include <dnnl.hpp>

namespace groundglass::planning {

/// Everything that differs between oneDNN 2 and 3 stands in this header.
///
/// A convolution for inference: how oneDNN sees it, and what is done with its sums.
struct ConvolutionShape {
  dnnl::memory::desc source, weights, bias, target;
  dnnl::memory::dims stride, dilation, before, after;
};

inline dnnl::convolution_forward::primitive_desc convolution_desc(
    const dnnl::engine& engine, dnnl::algorithm algorithm, const ConvolutionShape& s,
    const dnnl::primitive_attr& attributes) {
  constexpr auto kInference = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
  return {engine,   kInference, algorithm,  s.source, s.weights, s.bias,
          s.target, s.stride,   s.dilation, s.before, s.after,   attributes};
#else
  return {{kInference, algorithm, s.source, s.weights, s.bias, s.target, s.stride, s.dilation,
           s.before, s.after},
          attributes,
          engine};
#endif
}

inline void append_eltwise(dnnl::post_ops& ops, dnnl::algorithm algorithm) {
#if DNNL_VERSION_MAJOR >= 3
  ops.append_eltwise(algorithm, 0, 0);
#else
  ops.append_eltwise(1, algorithm, 0, 0);
#endif
}

}  // namespace groundglass::planning
