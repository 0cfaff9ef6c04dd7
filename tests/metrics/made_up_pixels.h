#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "groundglass/metrics/calibration.h"

namespace groundglass {

/// The generator of tools/reference/calibration.py: the same numbers there and here.
class Lcg {
 public:
  explicit Lcg(int64_t seed) : state_(seed) {}
  double next() {
    state_ = (1103515245 * state_ + 12345) % (int64_t{1} << 31);
    return static_cast<double>(state_) / static_cast<double>(int64_t{1} << 31);
  }

 private:
  int64_t state_;
};

/// A class drawn from softmax(`sharpness` z).
inline int64_t drawn(Lcg& random, const std::vector<double>& z, double sharpness) {
  double total = 0;
  for (const double v : z) total += std::exp(sharpness * v);
  const double u = random.next();
  double sum = 0;
  for (size_t k = 0; k + 1 < z.size(); ++k) {
    sum += std::exp(sharpness * z[k]) / total;
    if (u < sum) return static_cast<int64_t>(k);
  }
  return static_cast<int64_t>(z.size()) - 1;
}

inline PixelLogits pixels_of(const std::vector<double>& z, const std::vector<int64_t>& truth) {
  const auto n = static_cast<int64_t>(truth.size());
  return {torch::tensor(z, torch::kFloat64).reshape({n, -1}), torch::tensor(truth, torch::kInt64)};
}

/// Logits (0, z) in [-6,6] whose truth goes by z / temperature.
inline PixelLogits sigmoid_pixels(int64_t n, double temperature = 2, int64_t seed = 7) {
  Lcg random(seed);
  std::vector<double> z;
  std::vector<int64_t> truth;
  for (int64_t i = 0; i < n; ++i) {
    const double logit = 12 * random.next() - 6;
    z.insert(z.end(), {0, logit});
    truth.push_back(drawn(random, {0, logit}, 1 / temperature));
  }
  return pixels_of(z, truth);
}

/// Logits of three classes in [-3,3] whose truth goes by 1.5 z.
inline PixelLogits softmax_pixels(int64_t n) {
  Lcg random(11);
  std::vector<double> z;
  std::vector<int64_t> truth;
  for (int64_t i = 0; i < n; ++i) {
    std::vector<double> logits;
    for (int k = 0; k < 3; ++k) logits.push_back(6 * random.next() - 3);
    z.insert(z.end(), logits.begin(), logits.end());
    truth.push_back(drawn(random, logits, 1.5));
  }
  return pixels_of(z, truth);
}

}  // namespace groundglass
