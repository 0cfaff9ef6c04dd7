#include "groundglass/predict/lung_cut.h"

#include "groundglass/preprocess/disc.h"

namespace groundglass {

int64_t keep_near_lungs(const torch::Tensor& lungs, int64_t margin_px, torch::Tensor& labels,
                        torch::Tensor& probability) {
  const auto near = grown_by_disc(lungs, margin_px);
  labels = labels.contiguous();
  probability = probability.contiguous();
  const int64_t pixels = near.numel(), classes = probability.size(0);
  const uint8_t* inside = near.data_ptr<uint8_t>();
  uint8_t* label = labels.data_ptr<uint8_t>();
  float* p = probability.data_ptr<float>();
  int64_t dropped = 0;
  for (int64_t at = 0; at < pixels; ++at) {
    if (inside[at] != 0) continue;
    dropped += label[at] != 0 ? 1 : 0;
    label[at] = 0;
    for (int64_t c = 0; c < classes; ++c) p[c * pixels + at] = 0;
  }
  return dropped;
}

}  // namespace groundglass
