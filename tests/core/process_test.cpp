#include "groundglass/core/process.h"

#include <csignal>
#include <cstdlib>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "groundglass/core/bf16_pays.h"
#include "groundglass/core/blas_kernels.h"
#include "groundglass/core/events.h"
#include "groundglass/core/version.h"

namespace groundglass {
namespace {

TEST(Process, CountsItsProcessors) {
  EXPECT_GE(usable_processors(), 1);
  EXPECT_LE(usable_processors(), 4096);
}

TEST(Process, SetsTheNumberOfThreads) {
  const int before = at::get_num_threads();
  set_threads(1);
  EXPECT_EQ(at::get_num_threads(), 1);
  set_threads(2);
  EXPECT_EQ(at::get_num_threads(), 2);
  set_threads(0);
  EXPECT_EQ(at::get_num_threads(), usable_processors());
  set_threads(before);
}

TEST(Process, MeasuresItsMemory) {
  const double before = rss_mib();
  EXPECT_GT(before, 5);
  EXPECT_GE(peak_rss_mib(), 0.9 * before);
  std::vector<char> block(200 << 20, 1);  // touched, so resident
  EXPECT_GT(rss_mib(), before + 150);
  EXPECT_GT(peak_rss_mib(), before + 150);
  EXPECT_EQ(block.back(), 1);
}

TEST(Process, NamesItsProcessor) {
  EXPECT_FALSE(cpu_name().empty());
  for (const auto& feature : cpu_features()) EXPECT_FALSE(feature.empty());
}

TEST(BlasKernels, FollowWhatAnIntelProcessorHas) {
  const std::vector<std::string> half = {"avx2", "avx512f", "fma"},
                                 avx512 = {"avx512f", "avx512cd", "avx512bw", "avx512dq",
                                           "avx512vl"};
  EXPECT_EQ(blas_kernels("GenuineIntel", avx512), "SkylakeX");
  EXPECT_EQ(blas_kernels("GenuineIntel", half), "Haswell");
  EXPECT_EQ(blas_kernels("GenuineIntel", {"avx2"}), "");
  EXPECT_EQ(blas_kernels("AuthenticAMD", avx512), "");
}

TEST(Bf16, PaysWithTilesOrOnOtherMakersThanIntel) {
  const std::vector<std::string> plain = {"avx2", "avx512f"}, products = {"avx512f", "avx512_bf16"},
                                 tiles = {"avx512f", "avx512_bf16", "amx_bf16"};
  for (const char* maker : {"GenuineIntel", "AuthenticAMD", ""}) {
    EXPECT_FALSE(bf16_pays(maker, plain)) << maker;
    EXPECT_TRUE(bf16_pays(maker, tiles)) << maker;
  }
  EXPECT_TRUE(bf16_pays("AuthenticAMD", products));
  EXPECT_FALSE(bf16_pays("GenuineIntel", products));
}

TEST(Process, IsAskedToStopByASignal) {
  catch_stop_signals();
  EXPECT_EQ(stop_signal(), 0);
  std::raise(SIGTERM);
  EXPECT_EQ(stop_signal(), SIGTERM);
  request_stop(0);
  EXPECT_EQ(stop_signal(), 0);
  request_stop(SIGINT);
  EXPECT_EQ(stop_signal(), SIGINT);
  catch_stop_signals();  // begins anew
  EXPECT_EQ(stop_signal(), 0);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

TEST(ProcessDeathTest, EndsAtOnceOnASecondSignal) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        catch_stop_signals();
        std::raise(SIGINT);
        std::raise(SIGINT);
        std::_Exit(0);
      },
      testing::ExitedWithCode(130), "");
}

TEST(Process, WatchesThePeakFromNowOn) {
  keep_freed_memory();
  constexpr size_t kMiB = 1 << 20;
  for (const size_t earlier : {300, 0}) {  // neither a peak nor free memory of before hides the new
    { const std::vector<char> freed(earlier * kMiB, 1); }
    const double before = watch_peak_mib();
    { const std::vector<char> used(100 * kMiB, 1); }
    EXPECT_NEAR(watched_peak_mib() - before, 100, 10);
    EXPECT_NEAR(watched_peak_mib() - before, 100, 10);
  }
}

TEST(Version, SaysWhatThisIs) {
  EXPECT_FALSE(version().empty());
  EXPECT_FALSE(commit().empty());
  EXPECT_TRUE(build_shape() == "full" || build_shape() == "core");
}

TEST(SilentObserver, ListensToNothing) {
  silent_observer().on(Progress{"slices", 1, 2, ""});
  silent_observer().on(Warning{"careful"});
  silent_observer().on(EpochDone{});
}

}  // namespace
}  // namespace groundglass
