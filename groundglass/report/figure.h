#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "groundglass/core/events.h"
#include "groundglass/data/augment/augmentation.h"
#include "groundglass/data/prepared_set.h"

namespace groundglass {

/// A picture [3,H,W] with a line of text above it.
torch::Tensor captioned(const torch::Tensor& rgb, const std::string& text);

/// Pictures [3,H,W] of one height in a row, with a white gap between.
torch::Tensor side_by_side(const std::vector<torch::Tensor>& panels);

/// What the four panels show; `truth` may be undefined.
struct FourPanels {
  torch::Tensor gray;    ///< [H,W] uint8
  torch::Tensor truth;   ///< [H,W] uint8 labels
  torch::Tensor labels;  ///< [H,W] uint8 labels, predicted
  torch::Tensor heat;    ///< [H,W] float in [0,1], Grad-CAM
  std::string truth_caption = "ground truth";
  std::string heat_caption = "Grad-CAM";
  std::string labels_caption = "prediction";
  std::vector<std::string> class_names = {};  ///< of classes 1, 2, .. for a legend; empty for none
};

/// Image, ground truth, prediction in red on the image, heat map in jet colours: the panels of
/// Bakheet, Youssef et al., Sci Rep 2026, 16:1551. Without a truth there are three; with class
/// names each class has its class_colour() and a legend stands below.
torch::Tensor four_panel_figure(const FourPanels& panels);

/// Loss (left) and Dice (right; of each class as well, where there are several) over the epochs, as
/// a picture [3,H,W].
torch::Tensor curves_figure(const std::vector<EpochDone>& history);

/// How certain a network was of the slices of another hospital: a bar for each bin of [0,1], those
/// of slices that could be pseudo-labelled darker, and the limit as a line. [3,H,W].
///
/// histogram  slices in bins of equal width; at least one.
torch::Tensor certainty_figure(const std::vector<int64_t>& histogram, double limit);

/// A contact sheet for the eye: each row of pictures is a slice of the set, as it is and as drawn
/// by the options, with the outline of its mask.
torch::Tensor augmentation_sheet(const PreparedSet& set, const AugmentOptions& options,
                                 int64_t slices, int64_t draws, uint64_t seed);

}  // namespace groundglass
