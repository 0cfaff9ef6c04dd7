#pragma once

#include <torch/nn/modules/linear.h>

#include "groundglass/core/field.h"
#include "groundglass/models/encoders/encoder.h"

namespace groundglass {

struct EncoderClassifierOptions {
  int64_t in_channels = 3;  ///< a gray image is shown to each of three
  int64_t classes = 2;      ///< K, softmax
  EncoderOptions encoder = {};

  template <class V>
  void fields(V& v) {
    v.field({"in_channels", "channels of the image", 1, 64}, in_channels);
    v.field({"classes", "classes of images, softmax", 2, 1000}, classes);
    encoder.fields(v);
  }
};

/// Tells images apart as a whole: encoder, mean over all places, one linear layer.
///
/// Degerli et al., https://arxiv.org/abs/2009.12698, Section III-C: infected or not, beside
/// Grad-CAM. Differs: the paper leaves open how the map becomes a vector; the mean is the usual
/// way. Keras' Glorot start, bias zero.
///
/// image [N,C,H,W] in [0,1], H and W multiples of the encoder's coarsest stride -> logits [N,K].
class EncoderClassifierImpl final : public torch::nn::Module {
 public:
  explicit EncoderClassifierImpl(const EncoderClassifierOptions& options = {});

  /// features, then classify.
  torch::Tensor forward(const torch::Tensor& image) { return classify(features(image)); }

  /// The encoder's coarsest map [N,C5,H/32,W/32], which Grad-CAM weighs. Throws Error(usage) for an
  /// image of another number of channels or a size that does not fit.
  torch::Tensor features(const torch::Tensor& image);

  /// That map -> logits [N,K].
  torch::Tensor classify(const torch::Tensor& features);

  int64_t stride() const { return encoder->strides().back(); }
  int64_t in_channels() const { return options_.in_channels; }
  int64_t classes() const { return options_.classes; }

 private:
  EncoderClassifierOptions options_;
  EncoderPtr encoder;
  torch::nn::Linear head{nullptr};
};
TORCH_MODULE(EncoderClassifier);

/// A classifier of the catalog.
struct ClassifierPreset {
  std::string name;            ///< e.g. "classifier_densenet121"
  std::string encoder;         ///< as the paper prints it
  std::string paper;           ///< empty for one of ours
  std::vector<int64_t> input;  ///< the paper's [C,H,W]
  EncoderClassifierOptions options;
};

/// The four classifiers of Degerli et al.: CheXNet, DenseNet-121, Inception-v3, ResNet-50. Then
/// ours on small encoders: ResNet-18, and MobileNetV2, which takes 2 x - 1 of the picture as its
/// published weights do.
const std::vector<ClassifierPreset>& classifier_presets();

}  // namespace groundglass
