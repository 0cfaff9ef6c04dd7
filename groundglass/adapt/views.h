#pragma once

#include <functional>

#include "groundglass/core/events.h"
#include "groundglass/train/answers.h"

namespace groundglass {

/// A slice as the views see it, every view turned back upright.
struct ViewedSlice {
  int64_t row = 0;
  torch::Tensor mean;   ///< [F,H,W] foreground probabilities, mean of the views
  torch::Tensor views;  ///< [V,F,H,W] those of each view
};

/// Shows each slice to the network as it is, mirrored left-right and, with 4 views, upside down
/// both ways, in evaluation mode, and hands over what it says, in the order of the rows. The
/// network moves to the engine's device. Throws Stopped if a stop signal came.
void view_slices(SegmentationModel& model, const PreparedSet& set, const std::vector<int64_t>& rows,
                 const AnswerOptions& options, const std::function<void(const ViewedSlice&)>& take,
                 Observer& observer = silent_observer());

}  // namespace groundglass
