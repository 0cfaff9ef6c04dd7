#include "groundglass/preprocess/normalise.h"

namespace groundglass {
torch::Tensor normalised(const torch::Tensor& images, Normalise how) {
  const auto x = images.to(torch::kFloat32);
  const auto flat = x.flatten(2);  // [N,C,H*W]
  const auto shaped = [](const torch::Tensor& t) { return t.unsqueeze(-1).unsqueeze(-1); };
  if (how == Normalise::unit) return x / 255;
  if (how == Normalise::zscore) {
    return (x - shaped(flat.mean(2))) / (shaped(flat.std(2, /*unbiased=*/false)) + 1e-8);
  }
  const auto low = shaped(flat.amin(2)), high = shaped(flat.amax(2));
  return (x - low) / (high - low).clamp_min(1);
}

}  // namespace groundglass
