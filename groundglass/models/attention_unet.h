#pragma once

#include "groundglass/core/field.h"
#include "groundglass/models/blocks/attention_gate.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// What the decoder of an Attention U-Net sees of the encoder.
enum class AttentionSkip {
  gated,  ///< the map times what the gate lets through
  plain   ///< the map as it is: the ablation without gates
};

struct AttentionUNetOptions {
  int64_t in_channels = 1;
  int64_t out_channels = 1;  ///< K; 1 means sigmoid, 2 or more means softmax
  std::vector<int64_t> widths = {64, 128, 256, 512, 1024};
  GateAlign gate_align = GateAlign::stride_x;
  AttentionSkip skip = AttentionSkip::gated;
  double dropout = 0.2;
  double batch_norm_momentum = 0.01;  ///< share of the new batch; Keras' 0.99 the other way round

  template <class V>
  void fields(V& v) {
    v.field({"in_channels", "channels of the image", 1, 64}, in_channels);
    v.field({"out_channels", "1 for a sigmoid, K for a softmax with background", 1, 64},
            out_channels);
    v.field({"widths", "channels of each scale, finest first", 1, 8192}, widths);
    v.choice({"gate_align", "where the gate's inputs meet"}, gate_align,
             {{"stride_x", GateAlign::stride_x}, {"up_g", GateAlign::up_g}});
    v.choice({"skip", "what the decoder sees of the encoder"}, skip,
             {{"gated", AttentionSkip::gated}, {"plain", AttentionSkip::plain}});
    v.field({"dropout", "after each block", 0, 0.95}, dropout);
    v.field({"batch_norm_momentum", "share of the new batch in the moving statistics", 0, 1},
            batch_norm_momentum);
  }
};

/// Attention U-Net of separable convolutions: one per scale, strided convolutions down, transposed
/// ones up, an additive gate on every skip connection.
///
/// Bakheet, Youssef et al., Sci Rep 2026, 16:1551, PMC12800136, Table 1 (11,883,022 parameters).
/// Differs: the text has the strided convolutions widen the maps and calls the bottleneck a deeper
/// block. Of the layouts with Table 1's total and Keras' defaults only this one has the stated 1x1
/// convolution in its gate: strided convolutions keep the number of channels, the next block widens
/// them, and the bottleneck is one block like all others.
///
/// encode: [N,C,H,W] -> map i is [N, widths[i], H/2^i, W/2^i], after dropout.
/// decode: those maps -> logits [N,K,H,W].
/// layers: enc1 .. enc5, then dec4 .. dec1 (as the paper counts, from the finest scale).
class AttentionUNetImpl final : public SegmentationModel {
 public:
  explicit AttentionUNetImpl(const AttentionUNetOptions& options = {});
  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override;
  int64_t in_channels() const override { return options_.in_channels; }
  int64_t out_channels() const override { return options_.out_channels; }
  std::vector<std::string> layer_names() const override;

 private:
  AttentionUNetOptions options_;
  torch::nn::ModuleList enc, down;      // finest scale first; names are checkpoint keys
  torch::nn::ModuleList gate, up, dec;  // coarsest scale first; gate is empty without gates
  torch::nn::Conv2d head{nullptr};
};
TORCH_MODULE(AttentionUNet);

}  // namespace groundglass
