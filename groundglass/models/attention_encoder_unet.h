#pragma once

#include "groundglass/core/field.h"
#include "groundglass/models/blocks/attention_gate.h"
#include "groundglass/models/encoders/encoder.h"

namespace groundglass {

enum class SkipGates { additive, none };

struct AttentionEncoderUNetOptions {
  int64_t in_channels = 3;
  int64_t out_channels = 1;  ///< K; 1 means sigmoid, 2 or more means softmax
  EncoderOptions encoder = {.encoder = EncoderKind::vgg16};
  SkipGates gates = SkipGates::additive;
  GateAlign gate_align = GateAlign::stride_x;

  template <class V>
  void fields(V& v) {
    v.field({"in_channels", "channels of the image", 1, 64}, in_channels);
    v.field({"out_channels", "1 for a sigmoid, K for a softmax with background", 1, 64},
            out_channels);
    encoder.fields(v);
    v.choice({"gates", "what a skip connection passes through"}, gates,
             {{"additive", SkipGates::additive}, {"none", SkipGates::none}});
    v.choice({"gate_align", "where the gate's inputs meet"}, gate_align,
             {{"stride_x", GateAlign::stride_x}, {"up_g", GateAlign::up_g}});
  }
};

/// A U-Net on an exchangeable encoder with an additive attention gate on every skip connection: the
/// map is doubled, the gated skip connection joins it, and one 3x3 convolution with batch norm and
/// ReLU brings both to the skip connection's width.
///
/// Oktay et al., "Attention U-Net", MIDL 2018, https://arxiv.org/abs/1804.03999; the baseline
/// "AU-Net+VGG16" of Punn, Agarwal, "CHS-Net", https://arxiv.org/abs/2012.07079, Table 3, which
/// states 22 M parameters and no layout.
/// Differs: the layout is ours. With VGG-16 down to conv5_3 (14,714,688 parameters) it has
/// 22,542,917 and, without gates (`unet_vgg16_full`), 21,757,697, which fits the 21.7 M that the
/// table prints for "U-Net+VGG16"; two convolutions at each scale would give 24.9 M. Nearest
/// neighbours double the maps; the logits are stretched bilinearly where the encoder's finest map
/// is coarser than the image. Decoder: He's normal start; gates and head: Glorot's.
///
/// encode: [N,C,H,W] -> the encoder's five finest maps (of VGG-16, those down to conv5_3).
/// decode: those -> logits [N,K,H,W].
/// layers: enc1 .. enc5, then dec4 .. dec1 (numbers grow from the finest scale).
/// throws  Error(recipe) if the encoder has fewer than five maps.
class AttentionEncoderUNetImpl final : public SegmentationModel {
 public:
  explicit AttentionEncoderUNetImpl(const AttentionEncoderUNetOptions& options = {});
  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override { return encoder->strides().back(); }
  int64_t in_channels() const override { return options_.in_channels; }
  int64_t out_channels() const override { return options_.out_channels; }
  std::vector<std::string> layer_names() const override;

 private:
  AttentionEncoderUNetOptions options_;
  EncoderPtr encoder;
  // Coarsest scale first; names are checkpoint keys. No gates: `gate` is empty.
  torch::nn::ModuleList gate, dec;
  torch::nn::Conv2d head{nullptr};
};
TORCH_MODULE(AttentionEncoderUNet);

}  // namespace groundglass
