#include "groundglass/io/hu_check.h"

#include <algorithm>
#include <cmath>

#include "groundglass/core/text.h"

namespace groundglass {
namespace {

/// Air around or inside a patient lies near -1000; no scale of gray values goes below this.
constexpr double kSurelyHu = -200;
constexpr int64_t kEnough = 4096;
constexpr double kMostOfAir = -600;
constexpr double kLeastPadding = 0.02;  ///< share of a slice; body in a corner is never so even
constexpr int64_t kFewDistinct = 3;

/// How many numbers lie where; the lowest value of all is counted by itself.
struct HuCounts {
  int64_t all = 0, lowest = 0, air = 0, water = 0, bright = 0, deep = 0;

  double share(int64_t count) const {
    return all > lowest ? static_cast<double>(count) / static_cast<double>(all - lowest) : 0;
  }
};

HuCounts counts_of(const std::vector<torch::Tensor>& slices, float least) {
  HuCounts c;
  for (const auto& slice : slices) {
    const auto values = slice.to(torch::kFloat32).contiguous();
    const auto* v = values.data_ptr<float>();
    const int64_t n = values.numel();
    c.all += n;
    for (int64_t i = 0; i < n; ++i) {
      if (v[i] == least) {
        ++c.lowest;
        continue;
      }
      c.deep += v[i] < -1150;
      c.air += v[i] >= -1150 && v[i] <= -600;
      c.water += v[i] >= -250 && v[i] <= 350;
      c.bright += v[i] > 500;
    }
  }
  return c;
}

std::string percent(double share) {
  return fixed(100 * share, 1) + " %";
}

}  // namespace

std::string why_not_hu(const std::vector<torch::Tensor>& slices) {
  double least = INFINITY, most = -INFINITY;
  for (const auto& slice : slices) {
    least = std::min(least, slice.min().item<double>());
    most = std::max(most, slice.max().item<double>());
  }
  if (!(least < kSurelyHu)) return "values not below " + shortest(least);
  const HuCounts c = counts_of(slices, static_cast<float>(least));
  if (c.all < kEnough) return "";
  const bool least_is_air = least >= -1150 && least <= -600;
  const std::string found = "without the lowest value (" + shortest(least) + "), " +
                            percent(c.share(c.air)) + " lie near air, " +
                            percent(c.share(c.water)) + " near water and " +
                            percent(c.share(c.bright)) + " above 500";
  const bool no_air = c.share(c.air) < 0.005;
  if (no_air && (!least_is_air || c.share(c.bright) > 0.15)) return found;
  const bool few = c.all - c.lowest < c.all / 1000 ||
                   std::get<0>(at::_unique(slices.front())).numel() <= kFewDistinct;
  if (few) return "";
  if (c.share(c.water) < 0.01) return found;
  if (c.share(c.water) < 0.05 && c.share(c.deep) > 0.1) return found;
  if (c.share(c.deep) > 0.1 && c.share(c.air) < c.share(c.deep) / 2) {
    return found + "; " + percent(c.share(c.deep)) + " lie below air";  // ten times HU, twice HU
  }
  return "";
}

std::string corners_beyond_air(const std::vector<torch::Tensor>& slices) {
  double value = 0, share = 0;
  for (const auto& slice : slices) {
    const auto values = slice.to(torch::kFloat32);
    const auto at = values.accessor<float, 2>();
    const int64_t bottom = values.size(0) - 1, right = values.size(1) - 1;
    const float corner = at[0][0];
    const bool one =
        at[0][right] == corner && at[bottom][0] == corner && at[bottom][right] == corner;
    if (corner <= kMostOfAir || !one) continue;
    const double filled = (values == corner).to(torch::kFloat32).mean().item<double>();
    if (filled > share) {
      share = filled;
      value = corner;
    }
  }
  if (share < kLeastPadding) return "";
  return percent(share) + " of a slice and all of its corners hold just " + shortest(value) +
         " HU, expected air there; if that is padding, write -1024 in its place: it is segmented "
         "as tissue";
}

}  // namespace groundglass
