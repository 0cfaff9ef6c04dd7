#include "groundglass/models/blocks/he_init.h"

#include <cmath>

namespace groundglass {

void start_he_normal(torch::nn::Module& module, Fan fan) {
  const torch::NoGradGuard no_grad;
  module.apply([fan](torch::nn::Module& part) {
    auto* conv = part.as<torch::nn::Conv2d>();
    if (conv == nullptr) return;
    const auto& w = conv->weight;  // [out, in / groups, kh, kw]
    const int64_t ends = w.size(fan == Fan::in ? 1 : 0);
    const auto reach = static_cast<double>(ends * w.size(2) * w.size(3));
    conv->weight.normal_(0, std::sqrt(2 / reach));
    if (conv->bias.defined()) conv->bias.zero_();
  });
}

}  // namespace groundglass
