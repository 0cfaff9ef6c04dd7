#pragma once

#include "groundglass/core/field.h"
#include "groundglass/models/blocks/multiplicative_gate.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

enum class SegNetAttention {
  none,  ///< SegNet: the decoder sees pooled places alone
  gates  ///< A-SegNet: gated maps of the encoder besides
};

/// How the gated map joins the unpooled one.
enum class SegNetFuse { concat, add };

enum class SegNetHead {
  matlab,  ///< the last convolution has batch norm and ReLU like all others, as MATLAB builds it
  plain    ///< the last convolution alone
};

/// What follows batch norm in the decoder (SegNetHead decides over the last convolution).
enum class SegNetDecoderActivation { relu, none };

struct SegNetOptions {
  int64_t in_channels = 1;
  int64_t out_channels = 2;  ///< K; 1 means sigmoid, 2 or more means softmax
  std::vector<int64_t> widths = {64, 128, 256, 512, 512};  ///< of each stage, finest first
  std::vector<int64_t> convolutions = {2, 2, 3, 3, 3};     ///< of each stage, finest first
  SegNetAttention attention = SegNetAttention::none;
  GateForm gate = GateForm::multiplicative;
  SegNetFuse fuse = SegNetFuse::concat;
  SegNetHead head = SegNetHead::matlab;
  SegNetDecoderActivation decoder_activation = SegNetDecoderActivation::relu;

  template <class V>
  void fields(V& v) {
    v.field({"in_channels", "channels of the image", 1, 64}, in_channels);
    v.field({"out_channels", "1 for a sigmoid, K for a softmax with background", 1, 64},
            out_channels);
    v.field({"widths", "channels of each stage, finest first", 1, 8192}, widths);
    v.field({"convolutions", "number in each stage, finest first", 1, 16}, convolutions);
    v.choice({"attention", "on the encoder's maps"}, attention,
             {{"none", SegNetAttention::none}, {"gates", SegNetAttention::gates}});
    v.choice({"gate", "what a gate compares"}, gate,
             {{"multiplicative", GateForm::multiplicative},
              {"gated_g_only", GateForm::gated_g_only},
              {"oktay_mult", GateForm::oktay_mult}});
    v.choice({"fuse", "how a gated map joins the unpooled one"}, fuse,
             {{"concat", SegNetFuse::concat}, {"add", SegNetFuse::add}});
    v.choice({"head", "what follows the last convolution"}, head,
             {{"matlab", SegNetHead::matlab}, {"plain", SegNetHead::plain}});
    v.choice({"decoder_activation", "what follows batch norm in the decoder"}, decoder_activation,
             {{"relu", SegNetDecoderActivation::relu}, {"none", SegNetDecoderActivation::none}});
  }
};

/// SegNet with `depth` stages of two convolutions, all of one width: MATLAB's other layout.
SegNetOptions segnet_of_depth(int64_t depth, int64_t width = 64);

/// The same network with gates on the encoder's maps: A-SegNet.
SegNetOptions with_gates(SegNetOptions options, SegNetFuse fuse = SegNetFuse::concat);

/// SegNet: the encoder is VGG-16's thirteen convolutions, and the decoder is its mirror image,
/// which puts each value back to where its maximum was pooled. A-SegNet: the last map of each stage
/// before pooling, gated by the coarser decoder's output, joins the unpooled map.
///
/// Badrinarayanan, Kendall, Cipolla, IEEE TPAMI 2017, https://arxiv.org/abs/1511.00561, Fig. 2; as
/// MATLAB's segnetLayers builds it. A-SegNet: J Digit Imaging 2021, 34:263-272,
/// https://doi.org/10.1007/s10278-021-00434-5.
/// Differs: convolutions have no biases, since MATLAB fixes them at zero. The paper states neither
/// depth nor width: the default is MATLAB's VGG-16 layout for one channel with He's normal start
/// (29,435,076 parameters; with gates 35,541,065, added instead of concatenated 30,048,329). It
/// says its decoder has no non-linearity, MATLAB's has: decoder_activation. Where a gate takes its
/// inputs is our choice, since SegNet has no skip connections of its own.
///
/// encode: [N,C,H,W] -> map i < D is [N, widths[i], H/2^i, W/2^i], before pooling; map D is
///         the last one pooled; indices[i] are the places of map i's maxima.
/// decode: those -> logits [N,K,H,W]; not negative with the "matlab" head.
/// layers: enc1 .. encD, then decD .. dec1 (dec1 lies before the last convolution).
/// throws  Error(recipe) unless widths and convolutions are equally many, and for one output
/// channel
///         behind the "matlab" head.
class SegNetImpl final : public SegmentationModel {
 public:
  explicit SegNetImpl(const SegNetOptions& options = {});
  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override;
  int64_t in_channels() const override { return options_.in_channels; }
  int64_t out_channels() const override { return options_.out_channels; }
  std::vector<std::string> layer_names() const override;

 private:
  SegNetOptions options_;
  torch::nn::ModuleList enc;                // finest stage first; names are checkpoint keys
  torch::nn::ModuleList gate, dec;          // coarsest stage first
  std::shared_ptr<torch::nn::Module> head;  // the last convolution
};
TORCH_MODULE(SegNet);

}  // namespace groundglass
