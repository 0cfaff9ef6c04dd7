#include "groundglass/metrics/temperature.h"

#include <array>
#include <cmath>

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

constexpr double kLowest = 0.05, kHighest = 20;
constexpr int64_t kPlaces = 25, kWalks = 3;

/// Log b from `low` to `high`, and the slope of the likelihood in b there.
struct Places {
  std::array<double, kPlaces> log_b{};
  std::array<double, kPlaces> slope{};
  int64_t background = 0, foreground = 0;
};

Places slopes_between(double low, double high, const PixelWalk& walk) {
  Places places;
  for (size_t i = 0; i < kPlaces; ++i) {
    places.log_b[i] = low + (high - low) * static_cast<double>(i) / (kPlaces - 1);
  }
  walk([&](const PixelLogits& pixels) {
    const auto& z = pixels.logits;
    const auto right = z.gather(1, pixels.truth.unsqueeze(1)).squeeze(1);
    const auto infected = (pixels.truth != 0).sum().item<int64_t>();
    places.foreground += infected;
    places.background += pixels.truth.numel() - infected;
    for (size_t i = 0; i < kPlaces; ++i) {
      const auto expected = (torch::softmax(z * std::exp(places.log_b[i]), 1) * z).sum(1);
      places.slope[i] += (expected - right).sum().item<double>();
    }
  });
  return places;
}

void check(const Places& places) {
  if (places.background + places.foreground == 0) {
    fail(ErrorKind::data, "there is no pixel to choose a temperature on");
  }
  if (places.background == 0 || places.foreground == 0) {
    fail(ErrorKind::data,
         std::string("every pixel is ") + (places.foreground == 0 ? "background" : "infected") +
             "; a temperature is chosen on both kinds: choose a split with both in its validation");
  }
  for (const double slope : places.slope) {
    if (!std::isfinite(slope)) fail(ErrorKind::data, "the network's logits are not finite numbers");
  }
  if (places.slope.back() <= 0) {
    fail(ErrorKind::data,
         "the network is hardly ever wrong, so that no temperature above 0.05 is cold enough; "
         "choose on more, or on harder, validation patients");
  }
  if (places.slope.front() >= 0) {
    fail(ErrorKind::data,
         "the network is so often wrong that no temperature below 20 is warm enough; train it "
         "before it is calibrated");
  }
}

}  // namespace

double fit_temperature(const PixelWalk& walk) {
  double low = -std::log(kHighest), high = -std::log(kLowest), log_b = 0;
  for (int64_t i = 0; i < kWalks; ++i) {
    const Places places = slopes_between(low, high, walk);
    if (i == 0) check(places);
    size_t above = 1;  // the slope grows with b: the first place where it is no longer negative
    while (above + 1 < kPlaces && places.slope[above] < 0) ++above;
    low = places.log_b[above - 1];
    high = places.log_b[above];
    const double before = places.slope[above - 1], after = places.slope[above];
    log_b = after > before ? low + (high - low) * -before / (after - before) : low;
  }
  return std::exp(-log_b);
}

}  // namespace groundglass
