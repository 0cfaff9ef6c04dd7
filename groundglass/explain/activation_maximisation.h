#pragma once

#include <string>

#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// Which places of an image drive a layer: the gradient of the mean of the layer's filters, with
/// respect to the latest layer of its size that it reads (or the latest at all), averaged over
/// places, weighs that layer's maps; what is negative is dropped, the rest is up-sampled bilinearly
/// and stretched to [0,1].
///
/// Punn, Agarwal, "CHS-Net", https://arxiv.org/abs/2012.07079, Fig. 14, names "activation
/// maximisation loss" of its attention layer; this is that loss's map as the keras-vis package
/// draws it. Differs: the paper prints no formula.
///
/// image    [1,C,H,W] float, one image.
/// layer    one of the network's layer_names(), not the first.
/// returns  [H,W] float32 in [0,1]; zeros where nothing drives the layer.
/// throws   Error(usage) for a layer that the network does not have, or has first.
torch::Tensor activation_map(SegmentationModel& model, const torch::Tensor& image,
                             const std::string& layer);

struct PatternOptions {
  std::string layer = "dec1";  ///< one of the network's layer_names()
  int64_t filter = -1;         ///< of the layer; -1 for the mean of all
  int64_t steps = 100;
  double step = 0.05;       ///< how far the gray values move in one, root mean square
  double smoothness = 0.1;  ///< weight of the mean absolute difference of neighbours
  uint64_t seed = 1;
};

/// The image that a layer answers to most, found by gradient ascent from gray noise: normalised
/// steps along the gradient of the mean activation less `smoothness` times the total variation,
/// held in [0,1]. The activation never ends below where it began: the best image seen is returned.
///
/// Erhan, Bengio, Courville, Vincent, "Visualizing higher-layer features of a deep network", 2009.
///
/// returns  [C,side,side] float32 in [0,1].
/// throws   Error(usage) for a layer or filter that there is not, or a side that does not fit.
torch::Tensor activation_pattern(SegmentationModel& model, int64_t side,
                                 const PatternOptions& options = {});

}  // namespace groundglass
