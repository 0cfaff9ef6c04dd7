#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

namespace groundglass {

/// What is drawn of one bin of [0,1]; bins without pixels are left out of the line.
struct ReliabilityPoint {
  int64_t count = 0;
  double probability = 0;  ///< mean of the bin
  double share = 0;        ///< that came true
};

struct ReliabilityCurve {
  std::string name;  ///< beside its colour, with a number or two
  std::vector<ReliabilityPoint> points;
};

/// One diagram: at most three curves over the same bins.
struct ReliabilityPanel {
  std::string title;
  std::vector<ReliabilityCurve> curves;
};

/// Panels side by side: what came true over what was foretold, with the diagonal of a calibrated
/// network, and below a strip with the pixels of each bin, on a logarithmic scale. A picture
/// [3,H,W]; `axis` says what is foretold.
torch::Tensor reliability_figure(const std::string& axis,
                                 const std::vector<ReliabilityPanel>& panels);

}  // namespace groundglass
