#include "groundglass/core/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>

namespace groundglass {

void use_one_openmp_thread() {
  at::get_num_threads();  // LibTorch sets this thread's OpenMP width on first use: let it, then
                          // undo
  omp_set_num_threads(1);
}

void parallel_for_each(int64_t n, int64_t threads, const std::function<void(int64_t)>& work) {
  std::atomic<int64_t> next{0};
  std::exception_ptr first_error;
  std::mutex guard;
  const auto loop = [&] {
    use_one_openmp_thread();
    for (int64_t i = next++; i < n; i = next++) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(guard);
        if (!first_error) first_error = std::current_exception();
        next = n;
      }
    }
  };
  std::vector<std::thread> team;
  for (int64_t t = 0; t < std::min(std::max<int64_t>(threads, 1), n); ++t) team.emplace_back(loop);
  for (auto& thread : team) thread.join();
  if (first_error) std::rethrow_exception(first_error);
}

}  // namespace groundglass
