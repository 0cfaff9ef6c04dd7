#pragma once

#include "groundglass/core/field.h"
#include "groundglass/models/blocks/decoder_block.h"
#include "groundglass/models/encoders/encoder.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

struct EncoderUNetOptions {
  int64_t in_channels = 3;   ///< a gray image is shown to each of three
  int64_t out_channels = 1;  ///< K; 1 means sigmoid, 2 or more means softmax
  EncoderOptions encoder = {};
  std::vector<int64_t> widths = {256, 128, 64, 32, 16};  ///< strides 16, 8, 4, 2, 1
  BlockKind block = BlockKind::upsampling;

  template <class V>
  void fields(V& v) {
    v.field({"in_channels", "channels of the image", 1, 64}, in_channels);
    v.field({"out_channels", "1 for a sigmoid, K for a softmax with background", 1, 64},
            out_channels);
    encoder.fields(v);
    v.field({"widths", "channels of each decoder block, coarsest first", 1, 8192}, widths);
    v.choice({"block", "how the decoder doubles its maps"}, block,
             {{"upsampling", BlockKind::upsampling}, {"transpose", BlockKind::transpose}});
  }
};

/// U-Net whose contracting half is an image classifier: the decoder doubles the coarsest map five
/// times and joins it with the encoder's map of that size wherever there is one.
///
/// Ronneberger, Fischer, Brox, MICCAI 2015, https://arxiv.org/abs/1505.04597, in the layout of
/// P. Iakubovskii, Segmentation Models, https://github.com/qubvel/segmentation_models; as used by
/// Degerli et al., "COVID-19 infection map generation and detection from chest X-ray images",
/// https://arxiv.org/abs/2009.12698, Table V, whose counts it has to the last digit.
/// Differs: nothing known for the encoders of that paper. On VGG-16 the last pooling feeds the
/// decoder directly, without the two centre convolutions of Segmentation Models.
///
/// encode: [N,C,H,W] -> the encoder's maps.
/// decode: those maps -> logits [N,K,H,W].
/// layers: enc1 .. enc5 (VGG-16: enc0 .. enc5), then dec4 .. dec0; enci and deci have stride 2^i.
/// throws Error(recipe) unless there is one width for each halving of the encoder.
class EncoderUNetImpl final : public SegmentationModel {
 public:
  explicit EncoderUNetImpl(const EncoderUNetOptions& options = {});
  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override { return encoder->strides().back(); }
  int64_t in_channels() const override { return options_.in_channels; }
  int64_t out_channels() const override { return options_.out_channels; }
  std::vector<std::string> layer_names() const override;

 private:
  EncoderUNetOptions options_;
  EncoderPtr encoder;
  torch::nn::ModuleList decoder;  // coarsest first
  torch::nn::Conv2d head{nullptr};
};
TORCH_MODULE(EncoderUNet);

}  // namespace groundglass
