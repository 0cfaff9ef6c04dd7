#include "groundglass/models/blocks/up_convolution.h"

#include "groundglass/core/torch_version.h"

namespace groundglass {

torch::Tensor up_convolution(torch::nn::ConvTranspose2dImpl& conv, const torch::Tensor& x) {
  const auto type = cpu_compute_type(conv.weight.scalar_type());
  if (!x.is_cpu() || type != torch::kBFloat16) return conv.forward(x);
  const auto n = x.size(0), in = x.size(1), h = x.size(2), w = x.size(3);
  const auto out = conv.weight.size(1);
  // Weights [in,out,2,2] as one product: each pixel's channels give the channels of four pixels.
  const auto factors = conv.weight.permute({0, 2, 3, 1}).reshape({in, 4 * out}).to(type);
  const auto pixels = x.permute({0, 2, 3, 1}).reshape({n * h * w, in}).to(type);
  auto y = torch::matmul(pixels, factors);
  if (conv.bias.defined()) y = y + conv.bias.repeat({4}).to(type);
  y = y.view({n, h, w, 2, 2, out}).permute({0, 1, 3, 2, 4, 5});
  return y.reshape({n, 2 * h, 2 * w, out}).permute({0, 3, 1, 2});
}

}  // namespace groundglass
