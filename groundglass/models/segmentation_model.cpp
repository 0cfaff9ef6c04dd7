#include "groundglass/models/segmentation_model.h"

#include <sstream>

#include "groundglass/core/error.h"
#include "groundglass/models/multiply_accumulates.h"

namespace groundglass {

Prediction SegmentationModel::forward(const torch::Tensor& given) {
  const int64_t s = stride(), c = in_channels();
  const bool gray = given.dim() == 4 && given.size(1) == 1 && c == 3;
  const auto image = gray ? given.expand({-1, 3, -1, -1}) : given;
  const auto up = [s](int64_t n) { return std::max<int64_t>(1, (n + s - 1) / s) * s; };
  const auto fits = [s](int64_t n) { return n > 0 && n % s == 0; };
  if (image.dim() != 4 || image.size(1) != c || !fits(image.size(2)) || !fits(image.size(3))) {
    std::ostringstream text;
    text << name() << ": image is " << image.sizes() << ", expected [N," << c
         << ",H,W] with H and W multiples of " << s;
    if (image.dim() == 4) {
      text << "; [" << image.size(0) << ", " << c << ", " << up(image.size(2)) << ", "
           << up(image.size(3)) << "] would work";
    }
    fail(ErrorKind::usage, text.str());
  }
  return decode(encode(image));
}

const std::vector<int64_t>& checked_widths(const std::vector<int64_t>& widths) {
  if (widths.empty())
    fail(ErrorKind::recipe, "widths is empty, expected one number for each scale");
  return widths;
}

ParameterCount count_parameters(const torch::nn::Module& module) {
  ParameterCount count;
  for (const auto& p : module.parameters()) {
    (p.requires_grad() ? count.trainable : count.non_trainable) += p.numel();
  }
  for (const auto& b : module.named_buffers()) {
    const bool counter = b.key().find("num_batches_tracked") != std::string::npos;
    if (!counter) count.non_trainable += b.value().numel();
  }
  return count;
}

double count_gmacs(SegmentationModel& model, int64_t height, int64_t width) {
  return count_gmacs(model, [&](const torch::Tensor& image) { return model.forward(image).logits; },
                     model.in_channels(), model.stride(), {height, width});
}

}  // namespace groundglass
