#pragma once

#include <optional>

#include "groundglass/core/field.h"
#include "groundglass/models/blocks/linknet_blocks.h"
#include "groundglass/models/encoders/encoder.h"

namespace groundglass {

/// The published layouts of LinkNet's decoder.
enum class LinkNetLayout {
  qubvel,            ///< segmentation_models (Keras), up-sampling
  qubvel_transpose,  ///< segmentation_models (Keras), transposed convolutions
  chaurasia,         ///< the paper that introduced LinkNet
  smp                ///< segmentation_models.pytorch
};

struct LinkNetOptions {
  int64_t in_channels = 3;
  int64_t out_channels = 1;  ///< K; 1 means sigmoid, 2 or more means softmax
  LinkNetLayout layout = LinkNetLayout::qubvel;
  EncoderOptions encoder = {.encoder = EncoderKind::resnet34_preact};

  template <class V>
  void fields(V& v) {
    v.field({"in_channels", "channels of the image", 1, 64}, in_channels);
    v.field({"out_channels", "1 for a sigmoid, K for a softmax with background", 1, 64},
            out_channels);
    v.choice({"layout", "whose decoder"}, layout,
             {{"qubvel", LinkNetLayout::qubvel},
              {"qubvel_transpose", LinkNetLayout::qubvel_transpose},
              {"chaurasia", LinkNetLayout::chaurasia},
              {"smp", LinkNetLayout::smp}});
    encoder.fields(v);
  }
};

/// A layout with the encoder it was published with: qubvel's have the pre-activation ResNet-34, the
/// others torchvision's.
LinkNetOptions linknet_options(LinkNetLayout layout);

/// LinkNet: each decoder block doubles the size at a quarter of the channels, and the encoder's map
/// of that size is added to what comes out.
///
/// Chaurasia, Culurciello, VCIP 2017, https://arxiv.org/abs/1707.03718, Fig. 1; with an ImageNet
/// ResNet-34 the network of Enshaei et al. (SPEC-003), who name neither library nor parameter
/// count. Blocks, each followed by the map of its size, then the head, by layout:
///   qubvel, qubvel_transpose: five to full size, 16 channels where the encoder has no map; 3x3.
///     21,619,828 + 17,446 and 21,773,940 + 17,446 parameters.
///   smp: the same with 32 channels and a 1x1 head. 21,771,681 + 19,136.
///   chaurasia: three to a quarter of the size, a fourth at that size without a map; transposed 3x3
///     to 32 channels, 3x3, transposed 2x2 as head. 21,641,473 + 19,136.
/// Differs: in chaurasia three maps are added; the authors' code also adds the pooled stem to the
/// fourth block. In smp the transposed convolutions have no bias; that library's have 256 numbers
/// which batch norm cancels. All layouts start alike: He's uniform start, the head Glorot's.
/// VGG-16's pool5 is decoded as it is, where qubvel's library puts two convolutions after it.
///
/// encode: [N,C,H,W] -> the encoder's maps.
/// decode: those -> logits [N,K,H,W].
/// layers: enc1 .. encS, the maps in use, finest first; decB .. dec1 as they run, each after its
/// addition; in chaurasia then final_up, final_conv.
class LinkNetImpl final : public SegmentationModel {
 public:
  explicit LinkNetImpl(const LinkNetOptions& options = {});
  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override { return encoder->strides().back(); }
  int64_t in_channels() const override { return options_.in_channels; }
  int64_t out_channels() const override { return options_.out_channels; }
  std::vector<std::string> layer_names() const override;

 private:
  void add_block(int64_t stride, LinkNetStep step);

  LinkNetOptions options_;
  EncoderPtr encoder;
  torch::nn::ModuleList decoder;              // coarsest block first; names are checkpoint keys
  std::vector<std::optional<size_t>> links_;  // for each block the place of the map it meets
  int64_t width_ = 0;                         // channels behind the last block
  LinkNetConv final_up{nullptr}, final_conv{nullptr};  // chaurasia
  torch::nn::Conv2d head{nullptr};                     // one of these two, registered as head
  torch::nn::ConvTranspose2d transposed_head_{nullptr};
};
TORCH_MODULE(LinkNet);

}  // namespace groundglass
