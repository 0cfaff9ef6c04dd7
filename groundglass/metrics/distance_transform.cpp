#include "groundglass/metrics/distance_transform.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace groundglass {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr int64_t kTile = 16;  ///< lines that are copied together: a cache line of floats

/// One line of squared distances: values[x] becomes the least of values[q] + ((x - q) step)^2.
class Envelope {
 public:
  Envelope(int64_t length, double step)
      : step2_(step * step),
        values_(static_cast<size_t>(length)),
        places_(static_cast<size_t>(length)),
        starts_(static_cast<size_t>(length)) {}

  void transform(float* line, int64_t stride) {
    const auto n = static_cast<int64_t>(values_.size());
    for (int64_t x = 0; x < n; ++x) values_[at(x)] = static_cast<double>(line[x * stride]);
    const int64_t last = build();
    if (last < 0) return;  // no seed anywhere on the line
    for (int64_t x = 0, k = 0; x < n; ++x) {
      while (k < last && starts_[at(k + 1)] < static_cast<double>(x)) ++k;
      const int64_t q = places_[at(k)];
      const auto away = static_cast<double>(x - q);
      line[x * stride] = static_cast<float>(values_[at(q)] + step2_ * away * away);
    }
  }

 private:
  static size_t at(int64_t i) { return static_cast<size_t>(i); }

  /// Where the parabola of q gets below that of p, p < q.
  double crossing(int64_t p, int64_t q) const {
    const auto a = static_cast<double>(p), b = static_cast<double>(q);
    return (values_[at(q)] - values_[at(p)]) / (2 * step2_ * (b - a)) + (a + b) / 2;
  }

  /// Finds the parabolas of the lower envelope from left to right; the last one's number, or -1.
  int64_t build() {
    int64_t last = -1;
    for (int64_t q = 0; q < static_cast<int64_t>(values_.size()); ++q) {
      if (values_[at(q)] == kInfinite) continue;
      double start = -kInfinite;
      while (last >= 0) {
        start = crossing(places_[at(last)], q);
        if (start > starts_[at(last)]) break;
        --last;
        start = -kInfinite;
      }
      places_[at(++last)] = q;
      starts_[at(last)] = start;
    }
    return last;
  }

  double step2_;
  std::vector<double> values_;
  std::vector<int64_t> places_;  ///< lowest points of the envelope's parabolas
  std::vector<double> starts_;   ///< where each takes over
};

/// Transforms all lines along an axis of `length` voxels that lie `inner` numbers apart. Lines
/// beside each other are copied into a tile first: far strides would load a cache line for each
/// number.
void transform_axis(float* data, int64_t outer, int64_t length, int64_t inner, double step) {
  Envelope envelope(length, step);
  std::vector<float> tile(static_cast<size_t>(length * kTile));
  for (int64_t o = 0; o < outer; ++o) {
    float* block = data + o * length * inner;
    for (int64_t first = 0; first < inner; first += kTile) {
      const int64_t lines = std::min(kTile, inner - first);
      for (int64_t x = 0; x < length; ++x) {
        std::copy_n(block + x * inner + first, lines, tile.data() + x * kTile);
      }
      for (int64_t line = 0; line < lines; ++line) envelope.transform(tile.data() + line, kTile);
      for (int64_t x = 0; x < length; ++x) {
        std::copy_n(tile.data() + x * kTile, lines, block + x * inner + first);
      }
    }
  }
}

}  // namespace

torch::Tensor distance_to_seeds(const torch::Tensor& seeds, const std::array<double, 3>& spacing) {
  auto squared = torch::full(seeds.sizes(), std::numeric_limits<float>::infinity(), torch::kFloat32)
                     .masked_fill_(seeds != 0, 0);
  auto* data = squared.data_ptr<float>();
  const int64_t d = seeds.size(0), h = seeds.size(1), w = seeds.size(2);
  if (squared.numel() == 0) return squared;
  transform_axis(data, d * h, w, 1, spacing[2]);
  transform_axis(data, d, h, w, spacing[1]);
  transform_axis(data, 1, d, h * w, spacing[0]);
  return squared.sqrt_();
}

}  // namespace groundglass
