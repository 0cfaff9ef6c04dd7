#include "groundglass/models/attention_unet.h"

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/dropout.h"
#include "groundglass/models/blocks/keras_init.h"
#include "groundglass/models/blocks/separable_conv.h"
#include "groundglass/models/blocks/tf_same.h"

namespace groundglass {
using torch::nn::BatchNorm2dOptions;
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
namespace {

/// Separable 3x3 convolution, batch norm, ReLU, dropout. [N,in,H,W] -> [N,out,H,W].
class SeparableBlockImpl final : public torch::nn::Module {
 public:
  SeparableBlockImpl(int64_t in, int64_t out, const AttentionUNetOptions& options)
      : dropout_(options.dropout) {
    conv = register_module("conv", SeparableConv(in, out));
    norm = register_module(
        "norm",
        BatchNorm2d(BatchNorm2dOptions(out).eps(1e-3).momentum(options.batch_norm_momentum)));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto y = norm(conv(x)).relu_();
    return is_training() ? dropout(y, dropout_) : y;
  }

 private:
  SeparableConv conv{nullptr};
  BatchNorm2d norm{nullptr};
  double dropout_;
};
TORCH_MODULE(SeparableBlock);

}  // namespace

AttentionUNetImpl::AttentionUNetImpl(const AttentionUNetOptions& options) : options_(options) {
  const auto& w = checked_widths(options.widths);
  for (size_t i = 0; i < w.size(); ++i) {
    enc->push_back(SeparableBlock(i == 0 ? options.in_channels : w[i - 1], w[i], options));
    if (i + 1 < w.size()) down->push_back(TfSameConv2d(w[i], w[i], 3, 2));
  }
  for (size_t i = w.size() - 1; i > 0; --i) {
    if (options.skip == AttentionSkip::gated) {
      gate->push_back(AdditiveAttentionGate(w[i - 1], w[i], options.gate_align));
    }
    up->push_back(TfSameConvTranspose2d(w[i], w[i - 1]));
    dec->push_back(SeparableBlock(2 * w[i - 1], w[i - 1], options));
  }
  register_module("enc", enc);
  register_module("down", down);
  register_module("gate", gate);
  register_module("up", up);
  register_module("dec", dec);
  head = register_module("head", Conv2d(Conv2dOptions(w.front(), options.out_channels, 1)));
  const torch::NoGradGuard no_grad;
  head->weight.copy_(glorot_uniform(head->weight.sizes()));
  head->bias.zero_();
}

Features AttentionUNetImpl::encode(torch::Tensor x) {
  Features f;
  for (size_t i = 0; i < enc->size(); ++i) {
    if (i > 0) x = down[i - 1]->as<TfSameConv2d>()->forward(x);  // [N,w(i-1),H/2^i,W/2^i]
    x = watched("enc" + std::to_string(i + 1),
                enc[i]->as<SeparableBlock>()->forward(x));  // [N,w(i),..]
    f.maps.push_back(x);
  }
  return f;
}

Prediction AttentionUNetImpl::decode(const Features& f) {
  torch::Tensor x = f.maps.back();
  for (size_t i = 0; i < up->size(); ++i) {
    const size_t scale = f.maps.size() - 2 - i;
    auto skip = f.maps[scale];
    if (!gate->is_empty()) skip = gate[i]->as<AdditiveAttentionGate>()->forward(skip, x);
    x = up[i]->as<TfSameConvTranspose2d>()->forward(x);  // twice H and W, half the channels
    x = dec[i]->as<SeparableBlock>()->forward(torch::cat({x, skip}, 1));
    x = watched("dec" + std::to_string(scale + 1), x);
  }
  return {head(x), {}};
}

int64_t AttentionUNetImpl::stride() const {
  return int64_t{1} << (options_.widths.size() - 1);
}

std::vector<std::string> AttentionUNetImpl::layer_names() const {
  std::vector<std::string> names;
  for (size_t i = 1; i <= enc->size(); ++i) names.push_back("enc" + std::to_string(i));
  for (size_t i = up->size(); i >= 1; --i) names.push_back("dec" + std::to_string(i));
  return names;
}

}  // namespace groundglass
