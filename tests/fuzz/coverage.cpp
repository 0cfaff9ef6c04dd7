// GCC reports each place that the program comes through by __sanitizer_cov_trace_pc, which
// libFuzzer no longer supports: here it counts in a section that libFuzzer knows by name, and
// stands in for libFuzzer's own, which only complains. Comparisons are reported as libFuzzer
// expects them, but for those of floating-point numbers, which it does not ask for.
#include <cstddef>
#include <cstdint>

namespace {

constexpr size_t kCounters = 1 << 16;
__attribute__((section("__libfuzzer_extra_counters"))) uint8_t counters[kCounters];

}  // namespace

#define GROUNDGLASS_UNWATCHED \
  __attribute__((no_sanitize_coverage, no_sanitize("address"), no_sanitize("undefined")))

extern "C" {

GROUNDGLASS_UNWATCHED void __sanitizer_cov_trace_pc() {
  // Relative to a function of ours: the program lies elsewhere in each run.
  const auto here = reinterpret_cast<uintptr_t>(__builtin_return_address(0)) -
                    reinterpret_cast<uintptr_t>(&__sanitizer_cov_trace_pc);
  uint8_t& counter = counters[(here ^ here >> 16) % kCounters];
  if (counter < 255) ++counter;
}

GROUNDGLASS_UNWATCHED void __sanitizer_cov_trace_cmpf(float, float) {}
GROUNDGLASS_UNWATCHED void __sanitizer_cov_trace_cmpd(double, double) {}
}
