#pragma once

#include <cstdint>
#include <functional>

namespace groundglass {

/// Calls `work(i)` for i in [0,n) on `threads` threads (at least one), each taking the next free
/// index. The first exception stops the handing out of further indices and is thrown again here.
/// Inside `work`, LibTorch and OpenMP run on one thread.
void parallel_for_each(int64_t n, int64_t threads, const std::function<void(int64_t)>& work);

/// Makes OpenMP regions started by the calling thread run on that thread alone; for threads that
/// work beside the main computation.
void use_one_openmp_thread();

}  // namespace groundglass
