#pragma once

#include <cstdint>
#include <vector>

namespace groundglass {

/// How many slices go through the network at once, chosen while the work goes on: each candidate
/// takes its turn twice on slices that have to be done anyway, then the fastest stays. Nothing is
/// done twice and nothing waits, so few slices cost nothing either.
///
/// Only for engines whose answer does not depend on the number of slices.
class BatchChoice {
 public:
  /// The candidates are one, two, four and eight slices for each thread, none above 32.
  explicit BatchChoice(int64_t threads);
  /// A batch that is given.
  static BatchChoice fixed(int64_t batch);

  /// The number of slices to take next, at most `most`.
  int64_t next(int64_t most) const;
  /// How long `slices` took from reading to writing.
  void took(int64_t slices, double seconds);

  /// True once a candidate stays.
  bool settled() const { return turn_ >= kRounds * candidates_.size(); }
  int64_t largest() const { return candidates_.back().batch; }

 private:
  static constexpr size_t kRounds = 2;
  struct Candidate {
    int64_t batch = 1;
    double seconds = 0;  ///< for a slice, at best; 0: not yet tried
  };

  std::vector<Candidate> candidates_;
  size_t turn_ = 0;
  int64_t chosen_ = 1;
};

}  // namespace groundglass
