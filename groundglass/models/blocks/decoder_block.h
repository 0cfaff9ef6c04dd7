#pragma once

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/nn.h"

namespace groundglass {

/// How a decoder block doubles its map.
enum class BlockKind {
  upsampling,  ///< every pixel becomes 2 x 2 of the same; two convolutions follow
  transpose    ///< transposed convolution, batch norm, ReLU; one convolution follows
};

/// Twice the size, joined with the skip connections, convolved: the decoder block of Keras'
/// segmentation models. A convolution is 3x3 without bias, batch norm (eps 1e-3, momentum 0.01),
/// ReLU; the transposed one is 4x4 with stride 2. Kernels start with He's uniform distribution.
///
/// P. Iakubovskii, Segmentation Models, 2019, https://github.com/qubvel/segmentation_models.
/// Differs: nothing known.
///
/// x [N,in,H,W] and skips [N,.,2H,2W] of `skip` channels in all -> [N,width,2H,2W]. Channels stand
/// in the order x, then skips as given.
class DecoderBlockImpl final : public torch::nn::Module {
 public:
  DecoderBlockImpl(int64_t in, int64_t skip, int64_t width, BlockKind kind);
  torch::Tensor forward(torch::Tensor x, const std::vector<torch::Tensor>& skips);

 private:
  torch::nn::ConvTranspose2d up{nullptr};  // transpose only
  BatchNorm2d up_norm{nullptr};
  torch::nn::Conv2d conv1{nullptr}, conv2{nullptr};  // conv2: upsampling only
  BatchNorm2d norm1{nullptr}, norm2{nullptr};
};
TORCH_MODULE(DecoderBlock);

/// 3x3 convolution with bias to the logits, Glorot's uniform start.
torch::nn::Conv2d segmentation_head(int64_t in, int64_t out);

}  // namespace groundglass
