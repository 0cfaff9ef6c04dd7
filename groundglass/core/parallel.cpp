#include "groundglass/core/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include <ATen/Parallel.h>

namespace groundglass {

void use_one_openmp_thread() {
  at::get_num_threads();  // LibTorch sets this thread's OpenMP width on first use: let it, then
                          // undo
  omp_set_num_threads(1);
}

void parallel_for_each(int64_t n, int64_t threads, const std::function<void(int64_t)>& work) {
  if (n <= 0) return;
  std::exception_ptr first_error;
  std::mutex guard;
  std::atomic<bool> failed{false};
  const auto team = static_cast<int>(std::min(std::max<int64_t>(threads, 1), n));
  // OpenMP's own threads, since those of the network that ran before still turn round, waiting for
  // work: others beside them would share the processors with idlers.
#pragma omp parallel num_threads(team)
  {
    use_one_openmp_thread();
#pragma omp for schedule(dynamic, 1)
    for (int64_t i = 0; i < n; ++i) {
      if (failed) continue;
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(guard);
        if (!failed.exchange(true)) first_error = std::current_exception();
      }
    }
  }
  if (first_error) std::rethrow_exception(first_error);
}

}  // namespace groundglass
