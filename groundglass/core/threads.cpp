#include <dlfcn.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>

#include "groundglass/core/error.h"
#include "groundglass/core/process.h"

namespace groundglass {
namespace {

constexpr int64_t kBufferMib = 129;  ///< what OpenBLAS maps for each thread that multiplies
constexpr int64_t kWorkMib = 448;    ///< with 330 oneDNN crashed where it found no memory

int64_t address_space_mib() {
  std::ifstream in("/proc/self/statm");
  int64_t pages = 0;
  in >> pages;
  return pages * sysconf(_SC_PAGESIZE) >> 20;
}

/// OpenBLAS tries for ever to map the buffer of a thread if a limit of the address space forbids
/// it, in the middle of the work. Where there is a limit, it therefore gets all of its buffers now
/// (it keeps them), or the limit is refused.
void reserve_blas_buffers(int64_t threads) {
  rlimit limit = {};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  using Allocate = void* (*)(int);
  using Free = void (*)(void*);
  const auto allocate = reinterpret_cast<Allocate>(dlsym(RTLD_DEFAULT, "blas_memory_alloc"));
  const auto free_again = reinterpret_cast<Free>(dlsym(RTLD_DEFAULT, "blas_memory_free"));
  if (allocate == nullptr || free_again == nullptr) return;  // another BLAS
  const auto limit_mib = static_cast<int64_t>(limit.rlim_cur >> 20);
  const int64_t left_mib = limit_mib - address_space_mib();
  if (left_mib < threads * kBufferMib + kWorkMib) {
    fail(ErrorKind::device,
         "the address space is limited to " + std::to_string(limit_mib) +
             " MiB (ulimit -v), of which " + std::to_string(left_mib) + " MiB are left, expected " +
             std::to_string(kBufferMib) + " MiB for each of " + std::to_string(threads) +
             " threads and " + std::to_string(kWorkMib) +
             " MiB for the work; raise the limit or use fewer threads (--threads)");
  }
  std::vector<void*> buffers;
  for (int64_t i = 0; i < threads; ++i) buffers.push_back(allocate(0));
  for (void* buffer : buffers) free_again(buffer);
}

/// pthreadpool, which comes with LibTorch, waits for ever for a thread that could not be started.
/// Beside its threads OpenMP starts as many.
void refuse_threads_that_do_not_start(int64_t threads) {
  std::mutex guard;
  std::vector<std::thread> started;
  int why = 0;
  {
    const std::lock_guard held(guard);  // so that all of them are there at once
    try {
      for (int64_t i = 1; i < 2 * threads - 1; ++i) {
        started.emplace_back([&guard] { const std::lock_guard until_all_are_there(guard); });
      }
    } catch (const std::system_error& e) {
      why = e.code().value();
    }
  }
  for (auto& thread : started) thread.join();
  if (why == 0) return;
  fail(ErrorKind::device, std::to_string(threads) + " threads cannot be started (" +
                              std::strerror(why) +
                              "), as limits of processes forbid it (ulimit -u, or pids.max of a "
                              "control group); raise the limit or use fewer threads (--threads)");
}

}  // namespace

void set_threads(int64_t threads) {
  const int64_t used = threads > 0 ? threads : usable_processors();
  reserve_blas_buffers(used);
  refuse_threads_that_do_not_start(used);
  at::set_num_threads(static_cast<int>(used));
}

}  // namespace groundglass
