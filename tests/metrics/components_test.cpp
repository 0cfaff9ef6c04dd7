// Counts of a flood fill written here, and of SciPy: tools/reference/surface_distances.py.
#include "groundglass/metrics/components.h"

#include <algorithm>
#include <vector>

#include <torch/types.h>

#include "groundglass/core/rng.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

torch::Tensor random_mask(at::IntArrayRef size, double share, uint64_t seed) {
  Rng rng(seed);
  auto mask = torch::zeros(size, torch::kUInt8);
  for (int64_t p = 0; p < mask.numel(); ++p) mask.data_ptr<uint8_t>()[p] = rng.chance(share);
  return mask;
}

/// Pieces by flood fill: the slow way, without provisional numbers.
torch::Tensor flooded(const torch::Tensor& mask3) {
  const int64_t d = mask3.size(0), h = mask3.size(1), w = mask3.size(2);
  auto labels = torch::zeros({d, h, w}, torch::kInt32);
  auto* label = labels.data_ptr<int32_t>();
  int32_t n = 0;
  for (int64_t first = 0; first < mask3.numel(); ++first) {
    if (mask3.data_ptr<uint8_t>()[first] == 0 || label[first] != 0) continue;
    ++n;
    std::vector<int64_t> open = {first};
    label[first] = n;
    while (!open.empty()) {
      const int64_t p = open.back(), k = p / (h * w), j = p / w % h, i = p % w;
      open.pop_back();
      for (int64_t step = 0; step < 27; ++step) {
        const int64_t kk = k + step / 9 - 1, jj = j + step / 3 % 3 - 1, ii = i + step % 3 - 1;
        if (kk < 0 || kk >= d || jj < 0 || jj >= h || ii < 0 || ii >= w) continue;
        const int64_t q = (kk * h + jj) * w + ii;
        if (mask3.data_ptr<uint8_t>()[q] == 0 || label[q] != 0) continue;
        label[q] = n;
        open.push_back(q);
      }
    }
  }
  return labels;
}

TEST(ConnectedComponents, AreNumberedByTheirFirstPixel) {
  const auto mask = torch::tensor({{0, 0, 1, 0, 0, 1},    // a V, whose arms have two numbers until
                                   {1, 0, 0, 0, 1, 0},    // the pixel between them is read
                                   {1, 0, 0, 0, 0, 7},    //
                                   {0, 1, 0, 1, 0, 0},    //
                                   {0, 0, 1, 0, 0, 0}});  //
  const Components pieces = connected_components(mask);
  const auto expected = torch::tensor({{0, 0, 1, 0, 0, 2},
                                       {3, 0, 0, 0, 2, 0},
                                       {3, 0, 0, 0, 0, 2},
                                       {0, 3, 0, 3, 0, 0},
                                       {0, 0, 3, 0, 0, 0}},
                                      torch::kInt32);
  EXPECT_TRUE(torch::equal(pieces.labels, expected)) << pieces.labels;
  EXPECT_EQ(pieces.sizes, (std::vector<int64_t>{1, 3, 5}));
}

TEST(ConnectedComponents, DoNotJoinARowsEndWithTheNextOnesBeginning) {
  const auto mask = torch::tensor({{0, 0, 1}, {1, 0, 0}});
  EXPECT_EQ(connected_components(mask).sizes.size(), 2U);
  EXPECT_EQ(connected_components(mask.view({2, 1, 3})).sizes.size(), 2U);
  EXPECT_EQ(connected_components(torch::tensor({{{0, 1}, {0, 0}}, {{0, 0}, {1, 0}}})).sizes.size(),
            1U);  // through a corner of the cube
}

TEST(ConnectedComponents, AreThoseOfAFloodFill) {
  uint64_t seed = 0;
  for (const double share : {0.05, 0.15, 0.3, 0.5, 0.7}) {
    for (const auto& size : {std::vector<int64_t>{7, 9, 11}, {1, 31, 33}, {5, 1, 17}}) {
      const auto mask = random_mask(size, share, ++seed);
      const Components pieces = connected_components(mask);
      EXPECT_TRUE(torch::equal(pieces.labels, flooded(mask))) << "seed " << seed;
      if (size[0] > 1) continue;
      EXPECT_TRUE(torch::equal(connected_components(mask[0]).labels, pieces.labels[0]));
    }
  }
}

TEST(ConnectedComponents, AreAsManyAsSciPyCounts) {
  const auto k = torch::arange(9).view({9, 1, 1}), j = torch::arange(10).view({10, 1}),
             i = torch::arange(11);
  const auto sum = k * k * 3 + j * j * 5 + i * i * 7 + k * j * i;
  const auto dense = sum.remainder(11) < 3, sparse = sum.remainder(29) < 2;
  EXPECT_EQ(connected_components(dense).sizes.size(), 2U);
  EXPECT_EQ(connected_components(dense[0]).sizes.size(), 8U);
  const Components pieces = connected_components(sparse);
  EXPECT_EQ(pieces.sizes.size(), 32U);
  EXPECT_EQ(*std::max_element(pieces.sizes.begin(), pieces.sizes.end()), 7);
}

TEST(ConnectedComponents, TakeEmptyMasksAndRefuseOtherShapes) {
  EXPECT_TRUE(connected_components(torch::zeros({4, 5}, torch::kUInt8)).sizes.empty());
  EXPECT_TRUE(connected_components(torch::zeros({0, 0, 0}, torch::kUInt8)).sizes.empty());
  EXPECT_EQ(complaint(ErrorKind::usage, [] { connected_components(torch::zeros({4})); }),
            "mask is [4], expected [H,W] or [D,H,W]");
}

}  // namespace
}  // namespace groundglass
