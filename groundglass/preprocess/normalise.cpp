#include "groundglass/preprocess/normalise.h"

#include "groundglass/core/field.h"

namespace groundglass {
torch::Tensor normalised(const torch::Tensor& images, const std::string& how) {
  const auto x = images.to(torch::kFloat32);
  const auto flat = x.flatten(2);  // [N,C,H*W]
  const auto shaped = [](const torch::Tensor& t) { return t.unsqueeze(-1).unsqueeze(-1); };
  if (how == "unit") return x / 255;
  if (how == "zscore") {
    return (x - shaped(flat.mean(2))) / (shaped(flat.std(2, /*unbiased=*/false)) + 1e-8);
  }
  if (how != "minmax") check_word("preprocess", "normalise", how, {"unit", "zscore", "minmax"});
  const auto low = shaped(flat.amin(2)), high = shaped(flat.amax(2));
  return (x - low) / (high - low).clamp_min(1);
}

}  // namespace groundglass
