#pragma once

#include <cstdint>
#include <vector>

namespace groundglass {

/// A small, portable source of random numbers (SplitMix64: Steele, Lea, Flood, OOPSLA 2014).
/// The same key gives the same numbers on every machine, compiler and thread count; the
/// distributions of the standard library do not promise that.
class Rng {
 public:
  explicit Rng(uint64_t key) : state_(key) {}

  uint64_t bits();                          ///< 64 random bits
  double uniform();                         ///< in [0,1)
  double uniform(double low, double high);  ///< in [low,high)
  int64_t below(int64_t n);                 ///< whole number in [0,n), n > 0
  double normal();                          ///< mean 0, standard deviation 1
  bool chance(double probability);          ///< true with that probability

 private:
  uint64_t state_;
};

/// One well-mixed key out of several numbers; the order of the numbers matters.
uint64_t mix_keys(uint64_t a, uint64_t b, uint64_t c = 0, uint64_t d = 0);

/// The generator of one case in one epoch: randomness is an argument, never a shared state.
Rng rng_for(uint64_t seed, uint64_t epoch, uint64_t case_index);

/// 0..n-1 in random order (Fisher-Yates).
std::vector<int64_t> permutation(int64_t n, Rng& rng);

}  // namespace groundglass
