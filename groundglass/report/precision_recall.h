#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "groundglass/evaluate/detection.h"

namespace groundglass {

/// A named precision-recall curve.
struct NamedCurve {
  std::string name;
  std::vector<PrPoint> points;
};

/// Precision over recall, both from 0 to 1, a colour for each curve and its average precision
/// beside its name: a picture [3,H,W]. At most eight curves are drawn.
torch::Tensor precision_recall_figure(const std::string& title,
                                      const std::vector<NamedCurve>& curves);

}  // namespace groundglass
