#include "groundglass/predict/batch_choice.h"

#include <algorithm>

namespace groundglass {
namespace {

constexpr int64_t kMost = 32;              // memory grows with it, speed no longer does
constexpr double kWorthMoreMemory = 0.98;  // a larger batch must be faster by 2 %

}  // namespace

BatchChoice::BatchChoice(int64_t threads) {
  for (const int64_t each : {1, 2, 4, 8}) {
    const int64_t batch = std::min(kMost, each * std::max<int64_t>(threads, 1));
    if (candidates_.empty() || candidates_.back().batch < batch) candidates_.push_back({batch, 0});
  }
}

BatchChoice BatchChoice::fixed(int64_t batch) {
  BatchChoice choice(1);
  choice.candidates_ = {{batch, 0}};
  return choice;
}

int64_t BatchChoice::next(int64_t most) const {
  const auto& turn = candidates_[turn_ % candidates_.size()];
  return std::min(most, settled() ? chosen_ : turn.batch);
}

void BatchChoice::took(int64_t slices, double seconds) {
  if (settled()) return;
  Candidate& turn = candidates_[turn_ % candidates_.size()];
  if (slices != turn.batch) return;  // the rest of a volume, or less for want of memory
  const double each = seconds / static_cast<double>(slices);
  turn.seconds = turn.seconds > 0 ? std::min(turn.seconds, each) : each;
  ++turn_;
  if (!settled()) return;
  const Candidate* best = &candidates_.front();
  for (const Candidate& c : candidates_) {
    if (c.seconds < kWorthMoreMemory * best->seconds) best = &c;
  }
  chosen_ = best->batch;
}

}  // namespace groundglass
