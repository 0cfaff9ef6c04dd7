#pragma once

#include "groundglass/core/field.h"
#include "groundglass/models/encoders/encoder.h"

namespace groundglass {

struct InfNetOptions {
  int64_t in_channels = 3;
  int64_t out_channels = 1;  ///< K; 1 means sigmoid, 2 or more means softmax
  EncoderOptions encoder = {.encoder = EncoderKind::res2net50};
  int64_t channels = 32;  ///< of the receptive field blocks

  template <class V>
  void fields(V& v) {
    v.field({"in_channels", "channels of the image", 1, 64}, in_channels);
    v.field({"out_channels", "1 for a sigmoid, K for a softmax with background", 1, 64},
            out_channels);
    encoder.fields(v);
    v.field({"channels", "of the receptive field blocks", 1, 4096}, channels);
  }
};

/// Inf-Net: a partial decoder makes a coarse global map of the three deepest maps; then, from
/// coarse to fine, reverse attention looks at what the map so far calls background, with the edges
/// of an early map beside it, and corrects the map.
///
/// Fan, Zhou, Ji, Zhou, Chen, Fu, Shen, Shao, IEEE TMI 2020, 39(8):2626-2637,
/// https://arxiv.org/abs/2004.14133, Fig. 2 to 4, on Res2Net-50 v1b (see Res2Net50).
/// Differs: where text and program leave each other, the public program is followed: no ReLU in the
/// receptive field blocks, the partial decoder and the edge branch but the one that ends each field
/// block; 256 channels and kernels of 5 in the deepest reverse attention, 64 and 3 in the others;
/// corners aligned where the partial decoder doubles maps, pixel centres elsewhere. 31,072,721
/// parameters; with the ImageNet classifier, which the public program holds without using it,
/// 33,121,721: the 33 M of Table 3 in CHS-Net (SPEC-001). With K >= 2, background is class 0 of the
/// softmax. Any encoder whose four deepest maps halve each time will do. He's normal start. Keys
/// are those of the public checkpoints (resnet.*, rfb2_1.*, ParDec.*, ra4_conv1.*, edge_conv1.*).
///
/// encode: [N,C,H,W] -> the encoder's four deepest maps, strides 4 to 32.
/// decode: those -> logits [N,K,H,W]; side: the global map, then those corrected at strides 32 and
///         16, [N,K,H,W] each, and last the edges' logits [N,1,H,W] (a sigmoid).
/// layers: enc2 .. enc5, rfb2 .. rfb4, edge, global, ra4, ra3, ra2.
/// throws  Error(recipe) if the encoder has fewer than four maps.
class InfNetImpl final : public SegmentationModel {
 public:
  explicit InfNetImpl(const InfNetOptions& options = {});
  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override { return resnet->strides().back(); }
  int64_t in_channels() const override { return options_.in_channels; }
  int64_t out_channels() const override { return options_.out_channels; }
  int64_t supervised_sides() const override { return 3; }  // the edges are another question
  std::vector<std::string> layer_names() const override;

 private:
  using Chain = std::vector<std::shared_ptr<torch::nn::Module>>;  // convolutions, each with norm
  struct Step {
    int64_t in, out, kernel;
  };

  /// Registers NAME1, NAME2, ..., one for each step.
  Chain chain(const std::string& name, const std::vector<Step>& steps);

  /// Corrects `coarse` [N,K,h',w'] by what lies outside it in `map` [N,C,h,w]: logits [N,K,h,w].
  torch::Tensor corrected(const Chain& branch, const torch::Tensor& map,
                          const torch::Tensor& coarse, const torch::Tensor& edge);

  InfNetOptions options_;
  EncoderPtr resnet;  // names are checkpoint keys
  std::shared_ptr<torch::nn::Module> rfb2, rfb3, rfb4, partial_decoder;
  Chain edge_, ra4_, ra3_, ra2_;
};
TORCH_MODULE(InfNet);

}  // namespace groundglass
