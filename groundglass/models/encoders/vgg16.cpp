#include "groundglass/models/encoders/vgg16.h"

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/pooling.h>

#include "groundglass/models/blocks/he_init.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
using torch::nn::MaxPool2d;
using torch::nn::ReLU;

VGG16Impl::VGG16Impl(const VGG16Options& options) : options_(options) {
  int64_t in = options.in_channels;
  const std::vector<std::vector<int64_t>> blocks = {
      {64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}};
  for (const auto& block : blocks) {
    for (const int64_t out : block) {
      features->push_back(Conv2d(Conv2dOptions(in, out, 3).padding(1)));
      features->push_back(ReLU());
      in = out;
    }
    features->push_back(MaxPool2d(2));
  }
  register_module("features", features);
  start_he_normal(*this, Fan::out);
}

Features VGG16Impl::forward(torch::Tensor x) {
  Features f;
  for (const auto& layer : *features) {
    if (auto* conv = layer->as<Conv2d>()) {
      x = conv->forward(x);
    } else if (auto* pool = layer->as<MaxPool2d>()) {
      f.maps.push_back(x);
      x = pool->forward(x);
    } else {
      x = x.relu();
    }
  }
  f.maps.push_back(x);
  return f;
}

}  // namespace groundglass
