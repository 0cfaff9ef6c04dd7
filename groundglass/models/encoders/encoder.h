#pragma once

#include "groundglass/core/field.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// The halving half of a network: from an image to maps of ever fewer and wider pixels, which any
/// decoder can take up.
class Encoder : public torch::nn::Module {
 public:
  /// image [N,in_channels(),H,W], H and W multiples of strides().back() -> maps, finest first;
  /// map i is [N, channels()[i], H / strides()[i], W / strides()[i]]. `coarse` stays empty unless
  /// the nested decoders take other tensors than the maps (see Features).
  virtual Features forward(torch::Tensor image) = 0;

  virtual int64_t in_channels() const = 0;
  virtual std::vector<int64_t> channels() const = 0;
  /// Channels of `coarse`, or of the maps where it is empty.
  virtual std::vector<int64_t> coarse_channels() const { return channels(); }
  virtual std::vector<int64_t> strides() const { return {2, 4, 8, 16, 32}; }
};

using EncoderPtr = std::shared_ptr<Encoder>;

enum class EncoderKind {
  densenet121,
  chexnet,          ///< DenseNet-121 trained on ChestX-ray14: the layout is the same
  inception_v3,     ///< all paddings "same"
  resnet34_preact,  ///< pre-activation units, as qubvel's Keras models
  resnet50_preact,
  resnet18,  ///< torchvision's layout
  resnet34,
  resnet50,
  vgg16,                  ///< without batch norm, torchvision's and Keras' layout
  res2net50,              ///< Res2Net-50 26w x 4s
  mobilenet_v2,           ///< with TensorFlow's padding, as published
  mobilenet_v2_symmetric  ///< with torchvision's
};

/// How a picture in [0,1] reaches pretrained weights.
enum class InputScale {
  unit,       ///< as it is
  imagenet,   ///< minus ImageNet's mean, by its standard deviation, per channel
  symmetric,  ///< 2 x - 1
  bytes       ///< 255 x
};

/// Which part of an encoder learns.
enum class Freeze {
  none,
  convolutions  ///< convolutions fixed; batch norm learns and follows the batch (SPEC-004 1.4)
};

struct EncoderOptions {
  EncoderKind encoder = EncoderKind::densenet121;
  InputScale input_scale = InputScale::unit;
  Freeze freeze_encoder = Freeze::none;

  template <class V>
  void fields(V& v) {
    v.choice({"encoder", "the halving half"}, encoder,
             {{"densenet121", EncoderKind::densenet121},
              {"chexnet", EncoderKind::chexnet},
              {"inception_v3", EncoderKind::inception_v3},
              {"resnet34_preact", EncoderKind::resnet34_preact},
              {"resnet50_preact", EncoderKind::resnet50_preact},
              {"resnet18", EncoderKind::resnet18},
              {"resnet34", EncoderKind::resnet34},
              {"resnet50", EncoderKind::resnet50},
              {"vgg16", EncoderKind::vgg16},
              {"res2net50", EncoderKind::res2net50},
              {"mobilenet_v2", EncoderKind::mobilenet_v2},
              {"mobilenet_v2_symmetric", EncoderKind::mobilenet_v2_symmetric}});
    v.choice({"input_scale", "how a picture in [0,1] reaches the encoder"}, input_scale,
             {{"unit", InputScale::unit},
              {"imagenet", InputScale::imagenet},
              {"symmetric", InputScale::symmetric},
              {"bytes", InputScale::bytes}});
    v.choice({"freeze_encoder", "which part of the encoder stays as it is"}, freeze_encoder,
             {{"none", Freeze::none}, {"convolutions", Freeze::convolutions}});
  }
};

/// The encoder of that kind with fresh weights, its convolutions frozen if the options say so.
EncoderPtr make_encoder(const EncoderOptions& options, int64_t in_channels);

/// The image [N,C,H,W] in [0,1] as the weights expect it. Three channels where `scale` has
/// statistics per channel. Throws Error(recipe) for imagenet with another number of channels.
torch::Tensor scaled_input(const torch::Tensor& image, InputScale scale);

/// Fixes the weights and biases of all convolutions in `module`; batch norm keeps learning.
void freeze_convolutions(torch::nn::Module& module);

}  // namespace groundglass
