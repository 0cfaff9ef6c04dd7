#pragma once

#include "groundglass/core/field.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

struct R231UNetOptions {
  int64_t in_channels = 1;
  int64_t out_channels = 3;  ///< background, right lung, left lung
  std::vector<int64_t> widths = {64, 128, 256, 512, 1024};

  template <class V>
  void fields(V& v) {
    v.field({"in_channels", "channels of the image", 1, 64}, in_channels);
    v.field({"out_channels", "1 for a sigmoid, K for a softmax with background", 1, 64},
            out_channels);
    v.field({"widths", "channels of each scale, finest first", 1, 8192}, widths);
  }
};

/// The U-Net that finds the lungs in an axial CT slice, in the layout and with the key names of the
/// public weights R231 of lungmask: batch norm after the ReLU, average pooling, bilinear doubling
/// followed by a 1x1 convolution.
///
/// Hofmanninger et al., Eur Radiol Exp 2020, 4:50, https://doi.org/10.1186/s41747-020-00173-2;
/// layout from the authors' code (JoHof/lungmask). 28,953,539 + 11,776 parameters.
/// Differs: logits instead of log-softmax. The public state dict also holds 2,100,736 parameters of
/// residual branches that R231 switches off (residual_input_conv, residual_batchnorm in each block
/// and up block, and their statistics); they are no part of this network.
/// Keys: down_path.I.block.{0,2,3,5}, up_path.I.up.1, up_path.I.conv_block.block.{0,2,3,5}, last,
/// with the convolutions at 0 and 3 and batch norm at 2 and 5.
///
/// encode: [N,C,H,W], for R231 one channel (HU clamped to [-1024, 600] + 1024) / 1624 -> map i is
/// [N, widths[i], H/2^i, W/2^i].
/// decode: those maps -> logits [N,K,H,W].
/// layers: enc1 .. encN, then decN-1 .. dec1.
class R231UNetImpl final : public SegmentationModel {
 public:
  explicit R231UNetImpl(const R231UNetOptions& options = {});
  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override { return int64_t{1} << (options_.widths.size() - 1); }
  int64_t in_channels() const override { return options_.in_channels; }
  int64_t out_channels() const override { return options_.out_channels; }
  std::vector<std::string> layer_names() const override;

 private:
  R231UNetOptions options_;
  torch::nn::ModuleList down_path;  // finest scale first; names are checkpoint keys
  torch::nn::ModuleList up_path;    // coarsest scale first
  torch::nn::Conv2d last{nullptr};
};
TORCH_MODULE(R231UNet);

}  // namespace groundglass
