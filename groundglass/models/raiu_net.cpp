#include "groundglass/models/raiu_net.h"

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/up_convolution.h"

#include "groundglass/models/blocks/dropout.h"
#include "groundglass/models/blocks/keras_layers.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::ConvTranspose2d;
namespace {

/// Twice (3x3 convolution, batch norm, ReLU). [N,in,H,W] -> [N,out,H,W].
class PlainBlockImpl final : public torch::nn::Module {
 public:
  PlainBlockImpl(int64_t in, int64_t out) {
    conv1 = register_module("conv1", keras_conv(in, out, 3, 1, 1));
    norm1 = register_module("norm1", keras_batch_norm(out));
    conv2 = register_module("conv2", keras_conv(out, out, 3, 1, 1));
    norm2 = register_module("norm2", keras_batch_norm(out));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto y = norm1(conv1(x)).relu_();
    return norm2(conv2(y)).relu_();
  }

 private:
  Conv2d conv1{nullptr}, conv2{nullptr};
  BatchNorm2d norm1{nullptr}, norm2{nullptr};
};
TORCH_MODULE(PlainBlock);

}  // namespace

RAIUNetImpl::RAIUNetImpl(const RAIUNetOptions& options) : options_(options) {
  const auto& w = checked_widths(options.widths);
  const InceptionOptions inception{options.pool, options.branch, options.merge,
                                   options.spectral_activation};
  const auto add_block = [&](torch::nn::ModuleList& list, int64_t in, int64_t out,
                             InceptionDepth depth) {
    if (options.block == RAIUBlock::plain) {
      list->push_back(PlainBlock(in, out));
    } else {
      list->push_back(ResidualInceptionBlock(in, out, inception, depth));
    }
  };
  for (size_t i = 0; i < w.size(); ++i) {
    const bool last = i + 1 == w.size();
    add_block(enc, i == 0 ? options.in_channels : w[i - 1], w[i],
              last ? options.bottleneck : InceptionDepth::two);
    if (last || options.pool == PoolKind::max) continue;
    pool->push_back(HybridPool(w[i], w[i],
                               HybridPoolOptions{PoolPadding::valid, options.spectral_activation,
                                                 options.spectral_scale}));
  }
  for (size_t i = w.size() - 1; i > 0; --i) {
    up->push_back(keras_conv_transpose(w[i], w[i - 1]));
    if (options.skip == RAIUSkip::spectral_attention) {
      skip->push_back(
          SpectralAttention(w[i - 1], w[i],
                            SpectralAttentionOptions{options.map_activation, options.upsampling,
                                                     options.depth_fusion}));
    }
    add_block(dec, 2 * w[i - 1], w[i - 1], InceptionDepth::two);
  }
  register_module("enc", enc);
  register_module("pool", pool);
  register_module("up", up);
  register_module("skip", skip);
  register_module("dec", dec);
  head = register_module("head", keras_conv(w.front(), options.out_channels, 1));
  set_batch_norm_momentum(*this, options.batch_norm_momentum);
}

torch::Tensor RAIUNetImpl::through(torch::nn::Module& block, const torch::Tensor& x) {
  auto* rib = block.as<ResidualInceptionBlock>();
  const auto y = rib ? rib->forward(x) : block.as<PlainBlock>()->forward(x);
  return is_training() ? dropout(y, options_.dropout) : y;
}

Features RAIUNetImpl::encode(torch::Tensor x) {
  Features f;
  for (size_t i = 0; i < enc->size(); ++i) {
    if (i > 0 && options_.pool == PoolKind::hybrid) {
      x = pool[i - 1]->as<HybridPool>()->forward(x);  // [N,w(i-1),H/2^i,W/2^i]
    } else if (i > 0) {
      x = max_pool_2x2(x, PoolPadding::valid);
    }
    x = watched("enc" + std::to_string(i + 1), through(*enc[i], x));  // [N,w(i),..]
    f.maps.push_back(x);
  }
  return f;
}

Prediction RAIUNetImpl::decode(const Features& f) {
  torch::Tensor x = f.maps.back();
  for (size_t i = 0; i < up->size(); ++i) {
    const size_t scale = f.maps.size() - 2 - i;
    const std::string number = std::to_string(scale + 1);
    torch::Tensor copy = f.maps[scale];
    if (options_.skip == RAIUSkip::spectral_attention) {
      copy = watched("ssd" + number,
                     skip[i]->as<SpectralAttention>()->forward(copy, f.maps[scale + 1]));
    }
    x = up_convolution(*up[i]->as<ConvTranspose2d>(), x);  // twice H and W, half the channels
    x = watched("dec" + number, through(*dec[i], torch::cat({x, copy}, 1)));
  }
  return {head(x), {}};
}

int64_t RAIUNetImpl::stride() const {
  return int64_t{1} << (options_.widths.size() - 1);
}

std::vector<std::string> RAIUNetImpl::layer_names() const {
  std::vector<std::string> names;
  for (size_t i = 1; i <= enc->size(); ++i) names.push_back("enc" + std::to_string(i));
  for (size_t i = up->size(); i >= 1; --i) {
    const std::string number = std::to_string(i);
    if (options_.skip == RAIUSkip::spectral_attention) names.push_back("ssd" + number);
    names.push_back("dec" + number);
  }
  return names;
}

RAIUNetOptions raiu_net_16_options() {
  return {.widths = {16, 32, 64, 128, 256}};
}

RAIUNetOptions raiu_net_64_third_options() {
  return {.widths = {64, 128, 256, 512},
          .branch = BranchWidth::third,
          .bottleneck = InceptionDepth::one,
          .depth_fusion = DepthFusion::none};
}

RAIUNetOptions raiu_net_x1_5_options() {
  return {.widths = {32, 48, 72, 108, 162, 243}};
}

RAIUNetOptions raiu_net_bu_options() {
  return {.widths = {64, 128, 256, 512, 1024},
          .block = RAIUBlock::plain,
          .pool = PoolKind::max,
          .skip = RAIUSkip::plain};
}

RAIUNetOptions raiu_net_rib_options() {
  return {.pool = PoolKind::max, .skip = RAIUSkip::plain};
}

RAIUNetOptions raiu_net_rib_hp_options() {
  return {.skip = RAIUSkip::plain};
}

}  // namespace groundglass
