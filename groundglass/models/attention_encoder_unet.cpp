#include "groundglass/models/attention_encoder_unet.h"

#include "groundglass/core/error.h"
#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/he_init.h"
#include "groundglass/models/blocks/keras_init.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
namespace {

constexpr size_t kEncoderScales = 5;  // VGG-16's sixth map, pool5, has nothing to learn

/// 3x3 convolution, batch norm, ReLU. [N,in,H,W] -> [N,out,H,W].
class ConvBlockImpl final : public torch::nn::Module {
 public:
  ConvBlockImpl(int64_t in, int64_t out) {
    conv = register_module("conv", Conv2d(Conv2dOptions(in, out, 3).padding(1).bias(false)));
    norm = register_module("norm", BatchNorm2d(out));
    start_he_normal(*this);
  }
  torch::Tensor forward(const torch::Tensor& x) { return norm(conv(x)).relu_(); }

 private:
  Conv2d conv{nullptr};
  BatchNorm2d norm{nullptr};
};
TORCH_MODULE(ConvBlock);

}  // namespace

AttentionEncoderUNetImpl::AttentionEncoderUNetImpl(const AttentionEncoderUNetOptions& options)
    : options_(options) {
  encoder = register_module("encoder", make_encoder(options.encoder, options.in_channels));
  const auto w = encoder->channels();
  if (w.size() < kEncoderScales) {
    fail(ErrorKind::recipe, "the encoder has " + std::to_string(w.size()) +
                                " maps, expected five or more: choose another encoder");
  }
  for (size_t i = kEncoderScales - 1; i > 0; --i) {
    if (options.gates == SkipGates::additive) {
      gate->push_back(AdditiveAttentionGate(w[i - 1], w[i], options.gate_align));
    }
    dec->push_back(ConvBlock(w[i] + w[i - 1], w[i - 1]));
  }
  register_module("gate", gate);
  register_module("dec", dec);
  head = register_module("head", Conv2d(Conv2dOptions(w.front(), options.out_channels, 1)));
  const torch::NoGradGuard no_grad;
  head->weight.copy_(glorot_uniform(head->weight.sizes()));
  head->bias.zero_();
}

Features AttentionEncoderUNetImpl::encode(torch::Tensor image) {
  auto f = encoder->forward(scaled_input(image, options_.encoder.input_scale));
  f.maps.resize(kEncoderScales);
  for (size_t i = 0; i < f.maps.size(); ++i) {
    f.maps[i] = watched("enc" + std::to_string(i + 1), f.maps[i]);
  }
  return f;
}

Prediction AttentionEncoderUNetImpl::decode(const Features& f) {
  torch::Tensor x = f.maps.back();
  for (size_t i = 0; i < dec->size(); ++i) {
    const size_t scale = f.maps.size() - 2 - i;
    const auto& skip = f.maps[scale];
    const auto kept =
        gate->is_empty() ? skip : gate[i]->as<AdditiveAttentionGate>()->forward(skip, x);
    x = torch::upsample_nearest2d(x, {skip.size(2), skip.size(3)});
    x = dec[i]->as<ConvBlock>()->forward(torch::cat({x, kept}, 1));  // skip's channels and size
    x = watched("dec" + std::to_string(scale + 1), x);
  }
  x = head(x);
  const int64_t finest = encoder->strides().front();
  if (finest == 1) return {x, {}};
  return {torch::upsample_bilinear2d(x, {finest * x.size(2), finest * x.size(3)}, false), {}};
}

std::vector<std::string> AttentionEncoderUNetImpl::layer_names() const {
  std::vector<std::string> names;
  for (size_t i = 1; i <= kEncoderScales; ++i) names.push_back("enc" + std::to_string(i));
  for (size_t i = dec->size(); i >= 1; --i) names.push_back("dec" + std::to_string(i));
  return names;
}

}  // namespace groundglass
