#include "groundglass/models/encoders/encoder.h"

#include "groundglass/core/error.h"

namespace groundglass {

torch::Tensor scaled_input(const torch::Tensor& image, InputScale scale) {
  switch (scale) {
    case InputScale::unit:
      return image;
    case InputScale::symmetric:
      return 2 * image - 1;
    case InputScale::bytes:
      return 255 * image;
    case InputScale::imagenet:
      break;
  }
  if (image.size(1) != 3) {
    fail(ErrorKind::recipe, "input_scale = \"imagenet\" needs 3 channels, found " +
                                std::to_string(image.size(1)) + "; set model.in_channels = 3");
  }
  const auto per_channel = [&](double r, double g, double b) {
    return torch::tensor({r, g, b}, image.options()).view({1, 3, 1, 1});
  };
  return (image - per_channel(0.485, 0.456, 0.406)) / per_channel(0.229, 0.224, 0.225);
}

void freeze_convolutions(torch::nn::Module& module) {
  module.apply([](torch::nn::Module& part) {
    auto own = part.named_parameters(/*recurse=*/false);
    const auto* weight = own.find("weight");
    if (weight == nullptr || weight->dim() != 4) return;
    for (auto& p : own) p.value().set_requires_grad(false);
  });
}

}  // namespace groundglass
