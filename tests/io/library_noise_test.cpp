#include "groundglass/io/library_noise.h"

#include <iostream>
#include <thread>

#include <gtest/gtest.h>

namespace groundglass {
namespace {

TEST(LibraryNoise, IsCollectedAndNotShown) {
  testing::internal::CaptureStderr();
  {
    const LibraryNoise noise;
    std::cerr << "data not\n   read " << 42 << std::endl;
    EXPECT_EQ(noise.text(), "data not read 42");
    const LibraryNoise inner;
    std::cerr << "more";
    EXPECT_EQ(inner.text(), "more");
  }
  std::cerr << "shown";
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "shown");
}

TEST(LibraryNoise, LeavesOtherThreadsAlone) {
  testing::internal::CaptureStderr();
  const LibraryNoise noise;
  std::thread([] { std::cerr << "from a neighbour"; }).join();
  EXPECT_EQ(noise.text(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "from a neighbour");
}

}  // namespace
}  // namespace groundglass
