#include <dlfcn.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include <ATen/Parallel.h>

#include "groundglass/core/error.h"
#include "groundglass/core/process.h"

namespace groundglass {
namespace {

constexpr int64_t kBufferMib = 129;  ///< what OpenBLAS maps for each thread that multiplies
constexpr int64_t kWorkMib = 256;    ///< without which no network runs

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

}  // namespace

void set_threads(int64_t threads) {
  const int64_t used = threads > 0 ? threads : usable_processors();
  reserve_blas_buffers(used);
  at::set_num_threads(static_cast<int>(used));
}

}  // namespace groundglass
