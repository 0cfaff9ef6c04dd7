#pragma once

#include "groundglass/models/segmentation_model.h"
#include "groundglass/predict/segmenter.h"

namespace groundglass {

/// A network whose answer is known: what is brighter than half of white is infected.
class BrightIsLesion final : public SegmentationModel {
 public:
  Features encode(torch::Tensor image) override { return {{image}, {}, {}}; }
  Prediction decode(const Features& f) override { return {(f.maps[0] - 0.5) * 200, {}}; }
  int64_t stride() const override { return 1; }
  int64_t in_channels() const override { return 1; }
  int64_t out_channels() const override { return 1; }
  std::vector<std::string> layer_names() const override { return {}; }
};

/// HU between -1000 and 0 become 0 to 255, so -500 HU is half of white.
inline Segmenter bright_segmenter(int64_t side = 64) {
  SegmenterOptions options;
  options.model = std::make_shared<BrightIsLesion>();
  options.preprocess.window_hu = {-1000, 0};
  options.preprocess.contrast = Contrast::none;
  options.preprocess.size = {side, side};
  options.batch_size = 4;
  options.threads = 2;
  return Segmenter(options);
}

}  // namespace groundglass
