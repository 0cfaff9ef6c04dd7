#include "groundglass/models/linknet.h"

#include "groundglass/models/blocks/keras_init.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
using torch::nn::ConvTranspose2d;
using torch::nn::ConvTranspose2dOptions;
namespace {

bool of_keras(LinkNetLayout layout) {
  return layout == LinkNetLayout::qubvel || layout == LinkNetLayout::qubvel_transpose;
}

LinkNetNorm batch_norm(LinkNetLayout layout) {
  return of_keras(layout) ? LinkNetNorm{} : LinkNetNorm{.eps = 1e-5, .momentum = 0.1};
}

/// Size over which a layout takes up maps: chaurasia's decoder ends at a quarter of the image.
int64_t finest_stride(LinkNetLayout layout) {
  return layout == LinkNetLayout::chaurasia ? 4 : 1;
}

}  // namespace

LinkNetOptions linknet_options(LinkNetLayout layout) {
  const auto kind = of_keras(layout) ? EncoderKind::resnet34_preact : EncoderKind::resnet34;
  return {.layout = layout, .encoder = {.encoder = kind}};
}

LinkNetImpl::LinkNetImpl(const LinkNetOptions& options) : options_(options) {
  const auto layout = options.layout;
  const int64_t classes = options.out_channels;
  encoder = register_module("encoder", make_encoder(options.encoder, options.in_channels));
  width_ = encoder->channels().back();
  const auto step = layout == LinkNetLayout::qubvel      ? LinkNetStep::nearest
                    : layout == LinkNetLayout::chaurasia ? LinkNetStep::transpose3
                                                         : LinkNetStep::transpose4;
  for (int64_t s = stride() / 2; s >= finest_stride(layout); s /= 2) add_block(s, step);
  if (layout == LinkNetLayout::chaurasia) {
    decoder->push_back(
        LinkNetBlock(width_, width_, LinkNetStep::transpose3_same, batch_norm(layout)));
    links_.emplace_back();
  }
  register_module("decoder", decoder);
  if (layout == LinkNetLayout::chaurasia) {
    final_up = register_module(
        "final_up", LinkNetConv(width_, 32, LinkNetStep::transpose3, batch_norm(layout)));
    final_conv =
        register_module("final_conv", LinkNetConv(32, 32, LinkNetStep::same, batch_norm(layout)));
    transposed_head_ =
        register_module("head", ConvTranspose2d(ConvTranspose2dOptions(32, classes, 2).stride(2)));
    start_glorot_uniform(*transposed_head_);
  } else {
    const int64_t kernel = of_keras(layout) ? 3 : 1;
    head =
        register_module("head", Conv2d(Conv2dOptions(width_, classes, kernel).padding(kernel / 2)));
    start_glorot_uniform(*head);
  }
}

/// The block that ends at 1/stride of the image's size and meets the encoder's map there, if any.
void LinkNetImpl::add_block(int64_t stride, LinkNetStep step) {
  const auto strides = encoder->strides();
  const auto map = std::find(strides.begin(), strides.end(), stride) - strides.begin();
  const auto place = static_cast<size_t>(map);
  const int64_t without_map = of_keras(options_.layout) ? 16 : 32;
  const int64_t out = place < strides.size() ? encoder->channels()[place] : without_map;
  decoder->push_back(LinkNetBlock(width_, out, step, batch_norm(options_.layout)));
  links_.push_back(place < strides.size() ? std::optional(place) : std::nullopt);
  width_ = out;
}

Features LinkNetImpl::encode(torch::Tensor image) {
  auto f = encoder->forward(scaled_input(image, options_.encoder.input_scale));
  const auto strides = encoder->strides();
  for (size_t i = 0; i < f.maps.size(); ++i) {
    if (strides[i] < finest_stride(options_.layout)) continue;
    f.maps[i] = watched("enc" + std::to_string(i + 1), f.maps[i]);
  }
  return f;
}

Prediction LinkNetImpl::decode(const Features& f) {
  torch::Tensor x = f.maps.back();
  for (size_t i = 0; i < decoder->size(); ++i) {
    x = decoder[i]->as<LinkNetBlock>()->forward(x);  // twice H and W, but for chaurasia's last
    if (links_[i]) x = x + f.maps[*links_[i]];
    x = watched("dec" + std::to_string(decoder->size() - i), x);
  }
  if (head) return {head(x), {}};
  x = watched("final_up", final_up(x));      // [N,32,H/2,W/2]
  x = watched("final_conv", final_conv(x));  // the same
  const auto logits = transposed_head_(x);
  // Autocast of LibTorch 1.13 leaves transposed convolutions in single precision.
  if (logits.scalar_type() != x.scalar_type()) return {logits.to(x.scalar_type()), {}};
  return {logits, {}};
}

std::vector<std::string> LinkNetImpl::layer_names() const {
  std::vector<std::string> names;
  const auto strides = encoder->strides();
  for (size_t i = 0; i < strides.size(); ++i) {
    if (strides[i] >= finest_stride(options_.layout))
      names.push_back("enc" + std::to_string(i + 1));
  }
  for (size_t i = decoder->size(); i >= 1; --i) names.push_back("dec" + std::to_string(i));
  if (final_up) names.insert(names.end(), {"final_up", "final_conv"});
  return names;
}

}  // namespace groundglass
