#pragma once

#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// How the first network's answer meets the image.
enum class CascadeGate {
  hard,  ///< image where the probability exceeds the threshold, else 0; nothing flows back
  soft   ///< image times probability; the second network's loss reaches the first
};

/// How images were normalised, each channel by itself, so that what is left of them can be
/// normalised as if it had been the image from the beginning.
enum class GatedNorm {
  none,    ///< black is 0, and stays so
  zscore,  ///< mean 0 and deviation 1
  minmax,  ///< from 0 to 1
};

struct CascadeOptions {
  double threshold = 0.5;  ///< of the first network's foreground probability
  CascadeGate gate = CascadeGate::hard;
  GatedNorm renormalise = GatedNorm::none;
};

/// Two networks, one after the other: the first finds the lungs, the second finds the infection in
/// what is left of the image when everything else is set to 0, or, where images do not keep black
/// at 0 (renormalise), to the darkest value of the image.
///
/// Punn, Agarwal, "CHS-Net", https://arxiv.org/abs/2012.07079, sec. 3 and Fig. 5.
/// Differs: the threshold is not printed. The paper trains the two separately; here each may also
/// come with its own trained weights, and `soft` trains them together.
///
/// encode: [N,C,H,W] -> the first network's logits [N,K_lung,H,W] as map 0, then the second's maps.
/// decode: those -> logits of the second network; side: the logits of the first.
/// layers: those of the first as "lung.NAME", then those of the second as "infection.NAME".
/// Checkpoint keys begin likewise.
class CascadeImpl : public SegmentationModel {
 public:
  /// Throws Error(recipe) unless both take the same channels, or the second three gray ones.
  CascadeImpl(ModelPtr first, ModelPtr second, const CascadeOptions& options = {});
  ~CascadeImpl() override;
  CascadeImpl(const CascadeImpl&) = delete;
  CascadeImpl& operator=(const CascadeImpl&) = delete;

  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override;
  int64_t in_channels() const override { return lung->in_channels(); }
  int64_t out_channels() const override { return infection->out_channels(); }
  std::vector<std::string> layer_names() const override;

  const CascadeOptions& options() const { return options_; }

  /// What the second network sees: [N,C,H,W] from the image and the first network's logits.
  torch::Tensor gated(const torch::Tensor& image, const torch::Tensor& lung_logits) const;

  /// The same before it is normalised anew: of an image of grays, the image to be normalised.
  torch::Tensor left_of(const torch::Tensor& image, const torch::Tensor& lung_logits) const;

 private:
  CascadeOptions options_;
  ModelPtr lung, infection;  // names are checkpoint keys
};
TORCH_MODULE(Cascade);

}  // namespace groundglass
