#pragma once

#include "groundglass/predict/segmenter.h"
#include "tests/models/gray_is_class.h"

namespace groundglass {

/// HU between -1000 and 0 become 0 to 255.
inline Segmenter class_segmenter(int64_t side = 64) {
  SegmenterOptions options;
  options.model = std::make_shared<GrayIsClass>();
  options.preprocess.window_hu = {-1000, 0};
  options.preprocess.contrast = Contrast::none;
  options.preprocess.size = {side, side};
  options.batch_size = 4;
  options.threads = 2;
  options.threshold = 0.95;  // of no meaning here: a threshold would leave nothing
  return Segmenter(options);
}

}  // namespace groundglass
