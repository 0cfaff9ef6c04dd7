#pragma once

#include <functional>

#include "groundglass/core/engine.h"
#include "groundglass/core/events.h"
#include "groundglass/data/loader.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// How a network looks at the slices of a set.
struct ViewOptions {
  LoaderOptions loader;  ///< without augmentation
  Engine engine;
  int64_t views = 1;  ///< 1, 2 or 4 flips
};

/// A slice as the views see it, every view turned back upright.
struct ViewedSlice {
  int64_t row = 0;
  torch::Tensor mean;   ///< [F,H,W] foreground probabilities, mean of the views
  torch::Tensor views;  ///< [V,H,W] probability of any foreground
};

/// Shows each slice to the network as it is, mirrored left-right and, with 4 views, upside down
/// both ways, in evaluation mode, and hands over what it says, in the order of the rows. Throws
/// Stopped if a stop signal came.
void view_slices(SegmentationModel& model, const PreparedSet& set, const std::vector<int64_t>& rows,
                 const ViewOptions& options, const std::function<void(const ViewedSlice&)>& take,
                 Observer& observer = silent_observer());

}  // namespace groundglass
