#pragma once

#include <string>

#include "groundglass/models/encoder_classifier.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// Which number of the network's output the map explains.
enum class CamScore {
  lesion,  ///< sum of the logits of the pixels that are predicted infected; of all if there is none
  all,     ///< sum of the logits of all pixels
  peak,    ///< the highest logit
};

struct GradCamOptions {
  std::string layer = "dec1";  ///< one of the network's layer_names()
  CamScore score = CamScore::lesion;
  int64_t label = 1;       ///< the class that is explained, for K >= 2
  double threshold = 0.5;  ///< from which a pixel is predicted infected

  template <class V>
  void fields(V& v) {
    v.field({"layer", "whose maps are weighed; see the network's layer names"}, layer);
    v.choice({"score", "what is explained"}, score,
             {{"lesion", CamScore::lesion}, {"all", CamScore::all}, {"peak", CamScore::peak}});
  }
};

/// Gradient-weighted class activation map: L = relu(sum_k alpha_k A^k), alpha_k the mean gradient
/// of the score with respect to map k of the layer; up-sampled bilinearly and divided by its
/// maximum.
///
/// Selvaraju et al., ICCV 2017, https://arxiv.org/abs/1610.02391; for segmentation, with a sum of
/// logits as score, Vinogradova, Dibrov, Myers, AAAI 2020, https://arxiv.org/abs/2002.11434.
/// Differs: nothing known. Bakheet, Youssef et al. name neither layer nor score.
///
/// image   [1,C,H,W] float, one image.
/// returns [H,W] float32 in [0,1]; zeros where nothing speaks for the class.
/// throws  Error(usage) for a layer that the network does not have, or a class out of range.
torch::Tensor grad_cam(SegmentationModel& model, const torch::Tensor& image,
                       const GradCamOptions& options = {});

/// The same of a classifier: how much each place of the encoder's coarsest map (1/32 of the image)
/// speaks for a class, before the softmax.
///
/// Degerli et al., https://arxiv.org/abs/2009.12698, Section III-C: alpha_k = (1/Z) sum dm_c/dA_k,
/// L = relu(sum_k alpha_k A_k), m_c the class's value before the softmax.
/// Differs: nothing known. The paper does not name the map; it is the last one here.
///
/// image   [1,C,H,W] float, one image; label: the class that is explained.
/// returns [H,W] float32 in [0,1]; zeros where nothing speaks for the class.
/// throws  Error(usage) for a class out of range.
torch::Tensor grad_cam(EncoderClassifier& model, const torch::Tensor& image, int64_t label);

}  // namespace groundglass
