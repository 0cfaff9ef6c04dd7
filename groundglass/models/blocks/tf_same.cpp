#include "groundglass/models/blocks/tf_same.h"

#include <torch/csrc/jit/frontend/tracer.h>

#include "groundglass/core/torch_version.h"
#include "groundglass/models/blocks/keras_init.h"

namespace groundglass {
namespace F = torch::nn::functional;
namespace {

/// A transposed convolution is the gradient of a convolution with respect to its input, and the
/// other way round. LibTorch 1.13 runs the transposed one as matrix products and scattered sums,
/// but convolutions and their gradients in oneDNN: expressed through those, the four up-samplings
/// of the Attention U-Net train faster (bench/training_step.py).
class TransposedByGradient final : public torch::autograd::Function<TransposedByGradient> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight) {
    context->save_for_backward({x, weight});
    const auto like = torch::empty(
        {x.size(0), weight.size(1), 2 * x.size(2) + 1, 2 * x.size(3) + 1}, x.options());
    return std::get<0>(gradients(x, like, weight, {true, false, false}));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1];
    const auto grad = grads[0].contiguous();
    torch::Tensor of_x, of_weight;
    if (context->needs_input_grad(0)) of_x = at::conv2d(grad, weight, {}, 2);
    if (context->needs_input_grad(1)) {
      of_weight = std::get<1>(gradients(x, grad, weight, {false, true, false}));
    }
    return {of_x, of_weight};
  }

 private:
  static std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> gradients(
      const torch::Tensor& grad_output, const torch::Tensor& input, const torch::Tensor& weight,
      std::array<bool, 3> which) {
    return at::convolution_backward(grad_output, input, weight, torch::nullopt, {2, 2}, {0, 0},
                                    {1, 1}, false, {0, 0}, 1, which);
  }
};

}  // namespace

torch::Tensor pad_tf_same(const torch::Tensor& image, int64_t kernel, int64_t stride) {
  const auto missing = [&](int64_t n) {
    return std::max<int64_t>(((n + stride - 1) / stride - 1) * stride + kernel - n, 0);
  };
  const int64_t h = missing(image.size(2)), w = missing(image.size(3));
  if (h == 0 && w == 0) return image;
  return F::pad(image, F::PadFuncOptions({w / 2, w - w / 2, h / 2, h - h / 2}));
}

TfSameConv2dImpl::TfSameConv2dImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride)
    : kernel_(kernel), stride_(stride) {
  weight = register_parameter("weight", glorot_uniform({out, in, kernel, kernel}));
  bias = register_parameter("bias", torch::zeros({out}));
}

torch::Tensor TfSameConv2dImpl::forward(const torch::Tensor& image) {
  return torch::conv2d(pad_tf_same(image, kernel_, stride_), weight, bias, stride_);
}

TfSameConvTranspose2dImpl::TfSameConvTranspose2dImpl(int64_t in, int64_t out) {
  weight = register_parameter("weight", glorot_uniform({in, out, 3, 3}));
  bias = register_parameter("bias", torch::zeros({out}));
}

torch::Tensor TfSameConvTranspose2dImpl::forward(const torch::Tensor& image) {
  const int64_t h = 2 * image.size(2), w = 2 * image.size(3);
  // The tracer must see one transposed convolution, and CUDA has a good one.
  if (!image.is_cpu() || torch::jit::tracer::isTracing()) {
    return torch::conv_transpose2d(image, weight, bias, 2).slice(2, 0, h).slice(3, 0, w);
  }
  const auto type = cpu_compute_type(image.scalar_type());
  const auto full = TransposedByGradient::apply(image.to(type), weight.to(type));
  return full.slice(2, 0, h).slice(3, 0, w) + bias.to(type).view({1, -1, 1, 1});
}

}  // namespace groundglass
