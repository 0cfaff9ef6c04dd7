#include "groundglass/models/encoder_classifier.h"

#include <cmath>
#include <sstream>

#include "groundglass/core/error.h"

namespace groundglass {

EncoderClassifierImpl::EncoderClassifierImpl(const EncoderClassifierOptions& options)
    : options_(options) {
  encoder = register_module("encoder", make_encoder(options.encoder, options.in_channels));
  head = register_module("head", torch::nn::Linear(encoder->channels().back(), options.classes));
  const torch::NoGradGuard no_grad;
  const double r =
      std::sqrt(6.0 / static_cast<double>(head->weight.size(0) + head->weight.size(1)));
  head->weight.uniform_(-r, r);
  head->bias.zero_();
}

torch::Tensor EncoderClassifierImpl::features(const torch::Tensor& given) {
  const int64_t c = in_channels(), s = stride();
  const bool gray = given.dim() == 4 && given.size(1) == 1 && c == 3;
  const auto image = gray ? given.expand({-1, 3, -1, -1}) : given;
  const auto fits = [s](int64_t n) { return n > 0 && n % s == 0; };
  if (image.dim() != 4 || image.size(1) != c || !fits(image.size(2)) || !fits(image.size(3))) {
    std::ostringstream text;
    text << "image is " << image.sizes() << ", expected [N," << c
         << ",H,W] with H and W multiples of " << s;
    fail(ErrorKind::usage, text.str());
  }
  return encoder->forward(scaled_input(image, options_.encoder.input_scale)).maps.back();
}

torch::Tensor EncoderClassifierImpl::classify(const torch::Tensor& features) {
  return head(features.mean({2, 3}));
}

const std::vector<ClassifierPreset>& classifier_presets() {
  static const std::vector<ClassifierPreset> all = [] {
    std::vector<ClassifierPreset> presets;
    const auto add = [&](const std::string& name, const std::string& title,
                         const EncoderOptions& encoder, const std::string& paper = "004") {
      EncoderClassifierOptions options;
      options.encoder = encoder;
      presets.push_back({"classifier_" + name, title, paper, {3, 224, 224}, options});
    };
    add("chexnet", "CheXNet", {.encoder = EncoderKind::chexnet});
    add("densenet121", "DenseNet-121", {.encoder = EncoderKind::densenet121});
    add("inception_v3", "Inception-v3", {.encoder = EncoderKind::inception_v3});
    add("resnet50_preact", "ResNet-50", {.encoder = EncoderKind::resnet50_preact});
    add("resnet18", "ResNet-18", {.encoder = EncoderKind::resnet18}, "");
    add("mobilenet_v2", "MobileNetV2",
        {.encoder = EncoderKind::mobilenet_v2, .input_scale = InputScale::symmetric}, "");
    return presets;
  }();
  return all;
}

}  // namespace groundglass
