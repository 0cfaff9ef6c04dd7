#pragma once

#include "groundglass/core/field.h"
#include "groundglass/models/blocks/residual_inception_block.h"
#include "groundglass/models/blocks/spectral_attention.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// What a RAIU-Net's stages are made of.
enum class RAIUBlock {
  plain,  ///< twice (3x3 convolution with bias, batch norm, ReLU)
  rib     ///< residual inception block
};

/// What a RAIU-Net's skip connections carry.
enum class RAIUSkip {
  plain,              ///< the encoder's map
  spectral_attention  ///< the map after attention
};

struct RAIUNetOptions {
  int64_t in_channels = 1;
  int64_t out_channels = 1;  ///< K; 1 means sigmoid, 2 or more means softmax
  std::vector<int64_t> widths = {20, 40, 80, 160, 320};
  RAIUBlock block = RAIUBlock::rib;
  PoolKind pool = PoolKind::hybrid;  ///< between the stages and inside the inception blocks
  RAIUSkip skip = RAIUSkip::spectral_attention;
  BranchWidth branch = BranchWidth::full;
  BranchMerge merge = BranchMerge::conv;
  InceptionDepth bottleneck = InceptionDepth::two;
  DepthFusion depth_fusion = DepthFusion::conv;
  MapActivation map_activation = MapActivation::sigmoid;
  MapUpsampling upsampling = MapUpsampling::nearest;
  SpectralActivation spectral_activation = SpectralActivation::relu;
  SpectralScale spectral_scale = SpectralScale::preserve_mean;
  double dropout = 0;
  double batch_norm_momentum = 0.01;  ///< share of the new batch; Keras' 0.99 the other way round

  template <class V>
  void fields(V& v) {
    v.field({"in_channels", "channels of the image", 1, 64}, in_channels);
    v.field({"out_channels", "1 for a sigmoid, K for a softmax with background", 1, 64},
            out_channels);
    v.field({"widths", "channels of each scale, finest first", 1, 8192}, widths);
    v.choice({"block", "what each scale is made of"}, block,
             {{"plain", RAIUBlock::plain}, {"rib", RAIUBlock::rib}});
    v.choice({"pool", "largest values alone, or beside low frequencies"}, pool,
             {{"max", PoolKind::max}, {"hybrid", PoolKind::hybrid}});
    v.choice({"skip", "what the decoder sees of the encoder"}, skip,
             {{"plain", RAIUSkip::plain}, {"spectral_attention", RAIUSkip::spectral_attention}});
    v.choice({"branch", "width of an inception branch"}, branch,
             {{"full", BranchWidth::full}, {"third", BranchWidth::third}});
    v.choice({"merge", "1x1 convolution with norm and ReLU, or separable without"}, merge,
             {{"conv", BranchMerge::conv}, {"sep", BranchMerge::sep}});
    v.choice({"bottleneck", "inception convolutions at the coarsest scale"}, bottleneck,
             {{"double", InceptionDepth::two}, {"single", InceptionDepth::one}});
    v.choice({"depth_fusion", "what follows the attention to channels, before norm and ReLU"},
             depth_fusion, {{"conv", DepthFusion::conv}, {"none", DepthFusion::none}});
    v.choice({"map_activation", "of the attention to pixels"}, map_activation,
             {{"sigmoid", MapActivation::sigmoid}, {"relu", MapActivation::relu}});
    v.choice({"upsampling", "of the attention to pixels"}, upsampling,
             {{"nearest", MapUpsampling::nearest}, {"bilinear", MapUpsampling::bilinear}});
    v.choice({"spectral_activation", "after the low frequencies of a hybrid pool"},
             spectral_activation,
             {{"relu", SpectralActivation::relu}, {"none", SpectralActivation::none}});
    v.choice(
        {"spectral_scale", "what low frequencies keep"}, spectral_scale,
        {{"unitary", SpectralScale::unitary}, {"preserve_mean", SpectralScale::preserve_mean}});
    v.field({"dropout", "after each block", 0, 0.95}, dropout);
    v.field({"batch_norm_momentum", "share of the new batch in the moving statistics", 0, 1},
            batch_norm_momentum);
  }
};

/// Layouts of about the printed 4.2 million parameters and the steps of the ablation (Table 4).
RAIUNetOptions raiu_net_16_options();        ///< the authors' usual widths, 16 to 256
RAIUNetOptions raiu_net_64_third_options();  ///< four widths from 64, thin branches; 4,203,777
RAIUNetOptions raiu_net_x1_5_options();      ///< six widths, each one and a half times the last
RAIUNetOptions raiu_net_bu_options();        ///< BU: the plain U-Net, 64 to 1024
RAIUNetOptions raiu_net_rib_options();       ///< residual inception blocks, max pooling
RAIUNetOptions raiu_net_rib_hp_options();    ///< and hybrid pooling; attention makes it complete

/// RAIU-Net: a U-Net of residual inception blocks with hybrid pooling between the scales and
/// spectral attention on every skip connection.
///
/// Punn, Agarwal, "CHS-Net: a deep learning approach for hierarchical segmentation of COVID-19
/// infected CT images", https://arxiv.org/abs/2012.07079, Fig. 6 to 9, eq. 2 to 12, Table 4.
/// Differs: the layouts found to give the printed 4.2 million parameters (64_third, x1_5) break an
/// equation of the paper; the default keeps all of them and has 4,045,526. Channels double per
/// scale, as eq. 10 to 12 demand (the text says half as many more). In `pool = max` the inception
/// blocks pool by maximum, too. The plain blocks' batch norm and widths are ours: the paper does
/// not describe its baseline. The ReLU after the spectral half of a hybrid pool is that of the
/// authors' later code, not of the paper (`spectral_activation`). Global spectral pooling keeps one
/// frequency and is the mean, so that it cannot do better than the average pooling it replaces.
///
/// encode: [N,C,H,W] -> map i is [N, widths[i], H/2^i, W/2^i].
/// decode: those maps -> logits [N,K,H,W].
/// layers: enc1 .. encN, then ssd(N-1), dec(N-1) .. ssd1, dec1; no ssd with plain skips.
class RAIUNetImpl final : public SegmentationModel {
 public:
  explicit RAIUNetImpl(const RAIUNetOptions& options = {});
  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override;
  int64_t in_channels() const override { return options_.in_channels; }
  int64_t out_channels() const override { return options_.out_channels; }
  std::vector<std::string> layer_names() const override;

 private:
  torch::Tensor through(torch::nn::Module& block, const torch::Tensor& x);

  RAIUNetOptions options_;
  torch::nn::ModuleList enc, pool;      // finest scale first; names are checkpoint keys
  torch::nn::ModuleList up, skip, dec;  // coarsest scale first
  torch::nn::Conv2d head{nullptr};
};
TORCH_MODULE(RAIUNet);

}  // namespace groundglass
