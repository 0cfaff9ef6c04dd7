#pragma once

#include "groundglass/models/nn.h"

namespace groundglass {

/// Pads so that a following unpadded convolution behaves like TensorFlow's padding "same": the sum
/// of the padding is max((ceil(n/s) - 1) s + k - n, 0), its larger half right and below.
///
/// image   [N,C,H,W].
/// returns [N,C,H',W'].
torch::Tensor pad_tf_same(const torch::Tensor& image, int64_t kernel, int64_t stride);

/// Convolution with TensorFlow's padding "same". For kernel 3 and stride 2 on an even side that is
/// nothing left, one right; a symmetric padding of one would shift the grid by a pixel.
///
/// image [N,C,H,W] -> [N,out,ceil(H/stride),ceil(W/stride)].
class TfSameConv2dImpl final : public torch::nn::Module {
 public:
  TfSameConv2dImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride);
  torch::Tensor forward(const torch::Tensor& image);

  torch::Tensor weight;  ///< [out,in,k,k]
  torch::Tensor bias;    ///< [out]

 private:
  int64_t kernel_, stride_;
};
TORCH_MODULE(TfSameConv2d);

/// Transposed convolution, kernel 3, stride 2, padding "same": the full result (2n+1) without its
/// last row and column.
///
/// image [N,C,H,W] -> [N,out,2H,2W].
class TfSameConvTranspose2dImpl final : public torch::nn::Module {
 public:
  TfSameConvTranspose2dImpl(int64_t in, int64_t out);
  torch::Tensor forward(const torch::Tensor& image);

  torch::Tensor weight;  ///< [in,out,3,3]
  torch::Tensor bias;    ///< [out]
};
TORCH_MODULE(TfSameConvTranspose2d);

}  // namespace groundglass
