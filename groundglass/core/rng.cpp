#include "groundglass/core/rng.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace groundglass {
namespace {

uint64_t scramble(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

uint64_t Rng::bits() {
  state_ += 0x9e3779b97f4a7c15ULL;
  return scramble(state_);
}

double Rng::uniform() {
  return static_cast<double>(bits() >> 11) * 0x1.0p-53;
}

double Rng::uniform(double low, double high) {
  return low + (high - low) * uniform();
}

int64_t Rng::below(int64_t n) {
  return static_cast<int64_t>(uniform() * static_cast<double>(n));
}

double Rng::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

bool Rng::chance(double probability) {
  return uniform() < probability;
}

uint64_t mix_keys(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  uint64_t key = 0x2545f4914f6cdd1dULL;
  for (const uint64_t part : {a, b, c, d}) key = scramble(key + 0x9e3779b97f4a7c15ULL + part);
  return key;
}

Rng rng_for(uint64_t seed, uint64_t epoch, uint64_t case_index) {
  return Rng(mix_keys(seed, epoch, case_index));
}

std::vector<int64_t> permutation(int64_t n, Rng& rng) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t i = n - 1; i > 0; --i) {
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(rng.below(i + 1))]);
  }
  return order;
}

}  // namespace groundglass
