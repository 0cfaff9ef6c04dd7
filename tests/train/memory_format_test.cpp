#include "groundglass/train/memory_format.h"

#include <gtest/gtest.h>

#include <torch/types.h>

namespace groundglass {
namespace {

constexpr auto kChannelsLast = torch::MemoryFormat::ChannelsLast;

TEST(MemoryFormat, OnlyBfloat16OnTheProcessorTrainsChannelsLast) {
  EXPECT_TRUE(trains_channels_last({torch::kCPU, torch::kBFloat16}));
  EXPECT_FALSE(trains_channels_last({torch::kCPU, torch::kFloat32}));
  EXPECT_FALSE(trains_channels_last({torch::kCUDA, torch::kBFloat16}));
}

TEST(MemoryFormat, ASingleChannelIsTakenForChannelsLastWithoutACopy) {
  const auto image = torch::rand({2, 1, 6, 8});
  const auto seen = channels_last(image);
  EXPECT_EQ(seen.data_ptr(), image.data_ptr());
  EXPECT_EQ(seen.suggest_memory_format(), kChannelsLast);
  EXPECT_TRUE(torch::equal(seen, image));
}

TEST(MemoryFormat, SeveralChannelsAreLaidAnew) {
  const auto image = torch::rand({2, 3, 6, 8});
  const auto seen = channels_last(image);
  EXPECT_TRUE(seen.is_contiguous(kChannelsLast));
  EXPECT_TRUE(torch::equal(seen, image));
}

TEST(MemoryFormat, KernelsKeepTheirNumbersAndIdentity) {
  const auto kernel = torch::rand({4, 3, 3, 3}).requires_grad_(), bias = torch::rand({4});
  const auto before = kernel.detach().clone();
  lay_channels_last({kernel, bias});
  EXPECT_TRUE(kernel.is_contiguous(kChannelsLast));
  EXPECT_TRUE(torch::equal(kernel.detach(), before));
  EXPECT_TRUE(kernel.requires_grad());
}

}  // namespace
}  // namespace groundglass
