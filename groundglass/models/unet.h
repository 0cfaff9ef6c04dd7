#pragma once

#include "groundglass/core/field.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

struct UNetOptions {
  int64_t in_channels = 1;
  int64_t out_channels = 1;  ///< K; 1 means sigmoid, 2 or more means softmax
  std::vector<int64_t> widths = {64, 128, 256, 512, 1024};  ///< Fig. 1
  int64_t side_outputs = 0;  ///< scales of the decoder, next to the finest, with heads of their own

  template <class V>
  void fields(V& v) {
    v.field({"in_channels", "channels of the image", 1, 64}, in_channels);
    v.field({"out_channels", "1 for a sigmoid, K for a softmax with background", 1, 64},
            out_channels);
    v.field({"widths", "channels of each scale, finest first", 1, 8192}, widths);
    v.field({"side_outputs",
             "scales of the decoder, next to the finest, with heads of their own while training "
             "([train] side_weight)",
             0, 16},
            side_outputs);
  }
};

/// U-Net: contract, expand, and copy across at every scale. The plain yardstick of the house.
///
/// Ronneberger, Fischer, Brox, MICCAI 2015, https://arxiv.org/abs/1505.04597, Fig. 1.
/// Differs: convolutions are padded, so copies need no cropping; batch norm follows each one, which
/// makes their biases superfluous. Side outputs are those of deep supervision (Lee, Xie, Gallagher,
/// Zhang, Tu, AISTATS 2015, https://arxiv.org/abs/1409.5185).
///
/// encode: [N,C,H,W] -> map i is [N, widths[i], H/2^i, W/2^i].
/// decode: those maps -> logits [N,K,H,W]; side, while training: those of the scales 2, 3, ..,
///         bilinearly enlarged to [N,K,H,W], `side_outputs` of them.
/// layers: enc1 .. encN, then decN-1 .. dec1.
/// throws  Error(recipe) for more side outputs than the decoder has scales besides the finest.
class UNetImpl final : public SegmentationModel {
 public:
  explicit UNetImpl(const UNetOptions& options = {});
  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override;
  int64_t in_channels() const override { return options_.in_channels; }
  int64_t out_channels() const override { return options_.out_channels; }
  int64_t supervised_sides() const override { return options_.side_outputs; }
  std::vector<std::string> layer_names() const override;

 private:
  UNetOptions options_;
  torch::nn::ModuleList down, up, fuse;  // one entry per scale; names are checkpoint keys
  torch::nn::Conv2d head{nullptr};
  torch::nn::ModuleList side_heads;  // of scale 2, 3, ..
};
TORCH_MODULE(UNet);

}  // namespace groundglass
