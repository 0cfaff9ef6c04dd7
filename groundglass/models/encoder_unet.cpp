#include "groundglass/models/encoder_unet.h"

#include <algorithm>
#include <optional>

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

/// Which of the encoder's maps has that stride, if any.
std::optional<size_t> map_at(const Encoder& encoder, int64_t stride) {
  const auto strides = encoder.strides();
  const auto at = std::find(strides.begin(), strides.end(), stride);
  if (at == strides.end()) return std::nullopt;
  return static_cast<size_t>(at - strides.begin());
}

/// enc3 for stride 8.
std::string layer_name(const char* part, int64_t stride) {
  int level = 0;
  while ((int64_t{1} << level) < stride) ++level;
  return part + std::to_string(level);
}

}  // namespace

EncoderUNetImpl::EncoderUNetImpl(const EncoderUNetOptions& options) : options_(options) {
  encoder = register_module("encoder", make_encoder(options.encoder, options.in_channels));
  const auto& w = checked_widths(options.widths);
  if (int64_t{1} << w.size() != stride()) {
    fail(ErrorKind::recipe, "widths has " + std::to_string(w.size()) +
                                " entries, expected one for each halving of the encoder, whose "
                                "coarsest stride is " +
                                std::to_string(stride()));
  }
  const auto channels = encoder->channels();
  int64_t in = channels.back(), s = stride();
  for (const int64_t width : w) {
    const auto map = map_at(*encoder, s /= 2);
    decoder->push_back(DecoderBlock(in, map ? channels[*map] : 0, width, options.block));
    in = width;
  }
  register_module("decoder", decoder);
  head = register_module("head", segmentation_head(in, options.out_channels));
}

Features EncoderUNetImpl::encode(torch::Tensor image) {
  auto f = encoder->forward(scaled_input(image, options_.encoder.input_scale));
  const auto strides = encoder->strides();
  for (size_t i = 0; i < strides.size(); ++i) {
    f.maps[i] = watched(layer_name("enc", strides[i]), f.maps[i]);
  }
  return f;
}

Prediction EncoderUNetImpl::decode(const Features& f) {
  auto x = f.maps.back();
  int64_t s = stride();
  for (const auto& block : *decoder) {
    const auto map = map_at(*encoder, s /= 2);
    std::vector<torch::Tensor> skips;
    if (map) skips.push_back(f.maps[*map]);
    x = block->as<DecoderBlock>()->forward(x, skips);  // twice H and W
    x = watched(layer_name("dec", s), x);
  }
  return {head(x), {}};
}

std::vector<std::string> EncoderUNetImpl::layer_names() const {
  std::vector<std::string> names;
  for (const int64_t s : encoder->strides()) names.push_back(layer_name("enc", s));
  for (int64_t s = stride() / 2; s >= 1; s /= 2) names.push_back(layer_name("dec", s));
  return names;
}

}  // namespace groundglass
