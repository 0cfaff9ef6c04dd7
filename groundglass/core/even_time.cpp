#include "groundglass/core/even_time.h"

#include <cmath>
#include <ctime>

namespace groundglass {
namespace {

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

int64_t even_time_s() {
  static const double begun_s = seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME);
  return static_cast<int64_t>(std::floor(begun_s + seconds_of(CLOCK_BOOTTIME)));
}

}  // namespace groundglass
