#pragma once

#include "groundglass/core/field.h"
#include "groundglass/models/blocks/decoder_block.h"
#include "groundglass/models/encoders/encoder.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// What a node of the decoder's grid sees of its own row.
enum class Nesting {
  unet_plus_plus,  ///< the encoder's map and every node before it
  dla              ///< its neighbour alone
};

struct NestedUNetOptions {
  int64_t in_channels = 3;   ///< a gray image is shown to each of three
  int64_t out_channels = 1;  ///< K; 1 means sigmoid, 2 or more means softmax
  EncoderOptions encoder = {};
  Nesting nesting = Nesting::unet_plus_plus;
  std::vector<int64_t> widths = {32, 64, 128, 256, 16};  ///< of rows 0 to 4, as Table V demands
  BlockKind block = BlockKind::upsampling;

  template <class V>
  void fields(V& v) {
    v.field({"in_channels", "channels of the image", 1, 64}, in_channels);
    v.field({"out_channels", "1 for a sigmoid, K for a softmax with background", 1, 64},
            out_channels);
    encoder.fields(v);
    v.choice({"nesting", "what a node sees of its own row"}, nesting,
             {{"unet_plus_plus", Nesting::unet_plus_plus}, {"dla", Nesting::dla}});
    v.field({"widths", "channels of each row of nodes, finest first", 1, 8192}, widths);
    v.choice({"block", "how the decoder doubles its maps"}, block,
             {{"upsampling", BlockKind::upsampling}, {"transpose", BlockKind::transpose}});
  }
};

/// UNet++ and its sparser sister DLA on an image classifier: a triangle of decoder blocks between
/// encoder and decoder. Node (r,j) joins the doubled node (r+1,j-1) with its row; row r has stride
/// 2^r, and column 0 is the encoder. Node (0,5) doubles node (1,4) without a skip connection.
///
/// Zhou, Siddiquee, Tajbakhsh, Liang, "UNet++", IEEE TMI 2020, https://arxiv.org/abs/1912.05074,
/// Fig. 1, in the layout of its authors' Keras networks Xnet (UNet++) and Nestnet (DLA, there also
/// UNet+; not the DLA-34 of Yu et al.), https://github.com/MrGiovanni/UNetPlusPlus; as used by
/// Degerli et al., https://arxiv.org/abs/2009.12698, Table V, whose counts it has to the last
/// digit. Differs: no deep supervision, as in Degerli et al. The widths are those of the Keras
/// code, which gives the deepest node 16 channels and full resolution 32. An encoder's map at
/// stride 1 (VGG-16) is not used.
///
/// encode: [N,C,H,W] -> the encoder's maps, and `coarse` where column 1 doubles other tensors than
/// the maps beside it (pre-activation ResNet-50). decode: those maps -> logits [N,K,H,W]. layers:
/// enc1 .. enc5, then node1_1 .. node4_1, node1_2 .. node3_2, ..., node1_4, node0_5. throws
/// Error(recipe) unless there is one width for each halving of the encoder.
class NestedUNetImpl final : public SegmentationModel {
 public:
  explicit NestedUNetImpl(const NestedUNetOptions& options = {});
  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override { return encoder->strides().back(); }
  int64_t in_channels() const override { return options_.in_channels; }
  int64_t out_channels() const override { return options_.out_channels; }
  std::vector<std::string> layer_names() const override;

 private:
  size_t depth() const { return options_.widths.size(); }  // row of the coarsest map

  NestedUNetOptions options_;
  EncoderPtr encoder;
  size_t finest_ = 0;                           // index of the encoder's map at stride 2
  std::vector<std::vector<DecoderBlock>> node;  // [j-1][r-1], column by column; the last is (0,5)
  torch::nn::Conv2d head{nullptr};
};
TORCH_MODULE(NestedUNet);

}  // namespace groundglass
