#pragma once

#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// A network of three classes whose answer is known: dark is background, gray (a third to two
/// thirds of white) class 1, brighter class 2; 0.8 for the winner, 0.1 for each of the others.
class GrayIsClass final : public SegmentationModel {
 public:
  Features encode(torch::Tensor image) override { return {{image}, {}, {}}; }
  Prediction decode(const Features& f) override {
    const auto x = f.maps[0];
    const auto bright = (x > 2.0 / 3).to(torch::kFloat32);
    const auto gray = (x > 1.0 / 3).to(torch::kFloat32) - bright;
    const auto p = 0.1 + 0.7 * torch::cat({1 - gray - bright, gray, bright}, 1);
    return {p.log(), {}};
  }
  int64_t stride() const override { return 1; }
  int64_t in_channels() const override { return 1; }
  int64_t out_channels() const override { return 3; }
  std::vector<std::string> layer_names() const override { return {}; }
};

}  // namespace groundglass
