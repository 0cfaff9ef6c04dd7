#include "groundglass/core/parallel.h"

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>

#include "tests/complaint.h"

namespace groundglass {
namespace {

TEST(ParallelForEach, TakesEveryIndexOnce) {
  for (const int64_t threads : {1, 2, 5}) {
    for (const int64_t n : {0, 1, 3, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(n));
      parallel_for_each(n, threads, [&](int64_t i) { ++calls.at(static_cast<size_t>(i)); });
      for (const auto& c : calls) EXPECT_EQ(c, 1);
    }
  }
}

TEST(ParallelForEach, DoesTheWorkEvenIfAskedForNoThreads) {
  std::atomic<int> calls{0};
  parallel_for_each(3, 0, [&](int64_t) { ++calls; });
  EXPECT_EQ(calls, 3);
}

TEST(ParallelForEach, WorksOnSeveralThreadsAtOnce) {
  std::mutex guard;
  std::set<std::thread::id> seen;
  std::atomic<int> waiting{0};
  parallel_for_each(2, 2, [&](int64_t) {
    ++waiting;
    while (waiting < 2) std::this_thread::yield();  // ends only if both run side by side
    const std::lock_guard lock(guard);
    seen.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(seen.size(), 2U);
}

TEST(ParallelForEach, ThrowsTheFirstErrorAgainAndStops) {
  std::atomic<int> calls{0};
  const auto work = [&](int64_t i) {
    ++calls;
    if (i == 3) fail(ErrorKind::data, "case 3 is broken");
  };
  EXPECT_EQ(complaint(ErrorKind::data, [&] { parallel_for_each(1'000'000, 2, work); }),
            "case 3 is broken");
  EXPECT_LT(calls, 1'000'000);
  EXPECT_GE(calls, 4);
}

TEST(ParallelForEach, KeepsLibTorchOnOneThreadInside) {
  const int outside = at::get_num_threads();
  std::atomic<int> widest{0};
  parallel_for_each(4, 2, [&](int64_t) {
    at::parallel_for(0, 1 << 20, 1, [&](int64_t, int64_t) {
      if (at::get_thread_num() > widest) widest = at::get_thread_num();
    });
  });
  EXPECT_EQ(widest, 0);
  EXPECT_EQ(at::get_num_threads(), outside);
}

}  // namespace
}  // namespace groundglass
