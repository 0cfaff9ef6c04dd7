#include "groundglass/train/memory_format.h"

namespace groundglass {

bool trains_channels_last(const Engine& engine) {
  return engine.device.is_cpu() && engine.precision == torch::kBFloat16;
}

void lay_channels_last(const std::vector<torch::Tensor>& parameters) {
  for (auto p : parameters) {
    if (p.dim() == 4) p.set_data(p.contiguous(torch::MemoryFormat::ChannelsLast));
  }
}

torch::Tensor channels_last(const torch::Tensor& image) {
  if (image.size(1) != 1) return image.contiguous(torch::MemoryFormat::ChannelsLast);
  const auto h = image.size(2), w = image.size(3);
  return image.contiguous().as_strided(image.sizes(), {h * w, 1, w, 1});
}

}  // namespace groundglass
