// Hand values, every pair of boundary voxels compared here, and the numbers of
// tools/reference/surface_distances.py.
#include "groundglass/metrics/surface_distance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <torch/types.h>

#include "groundglass/core/rng.h"
#include "groundglass/metrics/bootstrap.h"
#include "groundglass/metrics/distance_transform.h"
#include "tests/complaint.h"
#include "tests/metrics/ellipsoids.h"

namespace groundglass {
namespace {

using Place = std::array<double, 3>;  // mm
constexpr double kInfinite = std::numeric_limits<double>::infinity();

double between(const Place& a, const Place& b) {
  return std::sqrt(std::pow(a[0] - b[0], 2) + std::pow(a[1] - b[1], 2) + std::pow(a[2] - b[2], 2));
}

/// Boundary voxels of a mask [D,H,W], looked up one by one.
std::vector<Place> boundary(const torch::Tensor& mask, const Place& spacing) {
  const auto m = mask.to(torch::kUInt8).contiguous();
  const auto at = [&](int64_t k, int64_t j, int64_t i) {
    const bool inside =
        k >= 0 && j >= 0 && i >= 0 && k < m.size(0) && j < m.size(1) && i < m.size(2);
    return inside && m.data_ptr<uint8_t>()[(k * m.size(1) + j) * m.size(2) + i] != 0;
  };
  std::vector<Place> places;
  for (int64_t k = 0; k < m.size(0); ++k) {
    for (int64_t j = 0; j < m.size(1); ++j) {
      for (int64_t i = 0; i < m.size(2); ++i) {
        const bool deep = m.size(0) == 1 || (at(k - 1, j, i) && at(k + 1, j, i));
        const bool wide = at(k, j - 1, i) && at(k, j + 1, i) && at(k, j, i - 1) && at(k, j, i + 1);
        if (!at(k, j, i) || (deep && wide)) continue;
        places.push_back({spacing[0] * static_cast<double>(k), spacing[1] * static_cast<double>(j),
                          spacing[2] * static_cast<double>(i)});
      }
    }
  }
  return places;
}

std::vector<double> nearest(const std::vector<Place>& from, const std::vector<Place>& to) {
  std::vector<double> out;
  for (const auto& a : from) {
    double best = kInfinite;
    for (const auto& b : to) best = std::min(best, between(a, b));
    out.push_back(best);
  }
  return out;
}

torch::Tensor random_blobs(at::IntArrayRef size, uint64_t seed) {
  Rng rng(seed);
  auto mask = torch::zeros(size, torch::kUInt8);
  for (int piece = 0; piece < 3; ++piece) {
    auto part = mask;
    for (int64_t axis = 0; axis < 3; ++axis) {
      const int64_t from = rng.below(size[static_cast<size_t>(axis)]);
      part = part.slice(axis, from, from + 1 + rng.below(6));
    }
    part.fill_(1);
  }
  for (int64_t p = 0; p < mask.numel(); ++p) {
    if (rng.chance(0.02)) mask.data_ptr<uint8_t>()[p] ^= 1;
  }
  return mask;
}

TEST(SurfaceDistances, OfTwoPointsAreTheirDistance) {
  auto a = torch::zeros({6, 8}, torch::kUInt8), b = torch::zeros({6, 8}, torch::kUInt8);
  a[1][1] = 1;
  b[4][5] = 1;
  const SurfaceDistances square = surface_distances(a, b, {1, 1});  // 3 rows and 4 columns away
  EXPECT_FLOAT_EQ(static_cast<float>(*hausdorff95_mm(square)), 5);
  EXPECT_FLOAT_EQ(static_cast<float>(*average_surface_distance_mm(square)), 5);
  EXPECT_EQ(*surface_dice(square, 5), 1);
  EXPECT_EQ(*surface_dice(square, 4.99), 0);
  const SurfaceDistances tall = surface_distances(a, b, {4, 0.75});  // 12 mm and 3 mm
  EXPECT_NEAR(*hausdorff95_mm(tall), std::sqrt(153.0), 1e-5);
}

// A filled 5 x 5 square (16 boundary pixels) and the same one column to the right: the rows above
// and below share 8 pixels; the 5 of the near column and 3 between them on the far side lie 1 away.
TEST(SurfaceDistances, OfAShiftedSquareCanBeCounted) {
  auto a = torch::zeros({9, 9}, torch::kUInt8), b = torch::zeros({9, 9}, torch::kUInt8);
  a.slice(0, 2, 7).slice(1, 1, 6).fill_(1);
  b.slice(0, 2, 7).slice(1, 2, 7).fill_(1);
  const SurfaceDistances d = surface_distances(a, b, {1, 1});
  const std::map<float, int64_t> expected = {{0.0F, 8}, {1.0F, 8}};
  EXPECT_EQ(d.to_truth, expected);
  EXPECT_EQ(d.to_prediction, expected);
  EXPECT_EQ(*hausdorff95_mm(d), 1);
  EXPECT_EQ(*average_surface_distance_mm(d), 0.5);
  EXPECT_EQ(*surface_dice(d, 0.9), 0.5);
  EXPECT_EQ(*surface_dice(d, 1), 1);
}

// Distances are float32: 7 columns of 0.7 mm must not miss a tolerance of 4.9 mm by a rounding.
TEST(SurfaceDistances, ReachATolerance) {
  for (const double step : {0.1, 0.3, 0.7, 0.9765625}) {
    for (int64_t columns = 1; columns < 40; ++columns) {
      auto a = torch::zeros({3, 41}, torch::kUInt8), b = torch::zeros({3, 41}, torch::kUInt8);
      a[1][0] = 1;
      b[1][columns] = 1;
      const SurfaceDistances d = surface_distances(a, b, {1, step});
      EXPECT_EQ(*surface_dice(d, step * static_cast<double>(columns)), 1) << columns;
      EXPECT_EQ(*surface_dice(d, step * static_cast<double>(columns) * 0.9999), 0) << columns;
    }
  }
}

TEST(SurfaceDistances, OfAMaskFromItselfAreNothing) {
  const auto mask = random_blobs({6, 12, 12}, 3);
  const SurfaceDistances d = surface_distances(mask, mask, {2, 1, 1});
  EXPECT_EQ(*hausdorff95_mm(d), 0);
  EXPECT_EQ(*average_surface_distance_mm(d), 0);
  EXPECT_EQ(*surface_dice(d, 0), 1);
}

TEST(SurfaceDistances, AreThoseOfEveryPairOfBoundaryVoxels) {
  const Place spacing = {2.5, 0.8, 0.7};
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const int64_t depth = seed % 4 == 0 ? 1 : 9;
    const auto a = random_blobs({depth, 13, 15}, seed), b = random_blobs({depth, 13, 15}, ~seed);
    const auto edge_a = boundary(a, spacing), edge_b = boundary(b, spacing);
    const auto there = nearest(edge_a, edge_b), back = nearest(edge_b, edge_a);
    const SurfaceDistances d = surface_distances(a, b, {2.5, 0.8, 0.7});
    ASSERT_TRUE(hausdorff95_mm(d)) << seed;
    EXPECT_NEAR(*hausdorff95_mm(d), std::max(quantile(there, 0.95), quantile(back, 0.95)), 1e-5);
    double sum = 0, near = 0;
    for (const auto* list : {&there, &back}) {
      for (const double mm : *list) {
        sum += mm;
        near += mm <= 2;
      }
    }
    const auto all = static_cast<double>(there.size() + back.size());
    EXPECT_NEAR(*average_surface_distance_mm(d), sum / all, 1e-5) << seed;
    EXPECT_DOUBLE_EQ(*surface_dice(d, 2), near / all) << seed;
  }
}

TEST(SurfaceDistances, AgreeWithSciPy) {
  const auto [prediction, truth] = ellipsoids();
  const SurfaceDistances d = surface_distances(prediction, truth, {2.5, 0.8, 0.7});
  EXPECT_NEAR(*hausdorff95_mm(d), 7.249133792327, 1e-5);
  EXPECT_NEAR(*average_surface_distance_mm(d), 1.660575467627, 1e-6);
  EXPECT_NEAR(*surface_dice(d, 1.5), 0.522072936660, 1e-12);
  const auto [flat, flat_truth] = ellipses();
  const SurfaceDistances f = surface_distances(flat, flat_truth, {0.8, 0.7});
  EXPECT_NEAR(*hausdorff95_mm(f), 2.1, 1e-5);
  EXPECT_NEAR(*average_surface_distance_mm(f), 0.938072736235, 1e-6);
  EXPECT_NEAR(*surface_dice(f, 1.5), 0.726190476190, 1e-12);
}

TEST(SurfaceDistances, TakeAVolumeOfOneSliceForAPicture) {
  const auto [flat, flat_truth] = ellipses();
  const SurfaceDistances picture = surface_distances(flat, flat_truth, {0.8, 0.7});
  const SurfaceDistances volume =
      surface_distances(flat.unsqueeze(0), flat_truth.unsqueeze(0), {5, 0.8, 0.7});
  EXPECT_EQ(volume.to_truth, picture.to_truth);
  EXPECT_EQ(volume.to_prediction, picture.to_prediction);
}

TEST(SurfaceDistances, LeaveIgnoredPixelsOut) {
  const auto [flat, flat_truth] = ellipses();
  auto ignoring = flat_truth.clone();
  ignoring.slice(1, 12).fill_(255);
  auto without = flat.clone(), truth_without = flat_truth.clone();
  without.slice(1, 12).fill_(0);
  truth_without.slice(1, 12).fill_(0);
  EXPECT_EQ(surface_distances(flat, ignoring, {1, 1}).to_truth,
            surface_distances(without, truth_without, {1, 1}).to_truth);
}

TEST(SurfaceDistances, AreNotMadeUpWhereAMaskIsEmpty) {
  const auto [flat, flat_truth] = ellipses();
  const auto empty = torch::zeros_like(flat);
  const SurfaceDistances missed = surface_distances(empty, flat_truth, {1, 1});
  EXPECT_EQ(missed.alone, 42);
  EXPECT_FALSE(hausdorff95_mm(missed) || average_surface_distance_mm(missed));
  EXPECT_EQ(*surface_dice(missed, 100), 0);
  const SurfaceDistances added = surface_distances(flat, empty, {1, 1});
  EXPECT_EQ(added.alone, 42);
  EXPECT_FALSE(hausdorff95_mm(added));
  const SurfaceDistances nothing = surface_distances(empty, empty, {1, 1});
  EXPECT_FALSE(hausdorff95_mm(nothing) || average_surface_distance_mm(nothing) ||
               surface_dice(nothing, 1));
}

TEST(SurfaceDistances, CanBeAdded) {
  SurfaceDistances sum{{{0.0F, 2}, {1.0F, 1}}, {{2.0F, 1}}, 0};
  sum += {{{1.0F, 3}}, {{2.0F, 1}, {4.0F, 1}}, 4};
  EXPECT_EQ(sum.to_truth, (std::map<float, int64_t>{{0.0F, 2}, {1.0F, 4}}));
  EXPECT_DOUBLE_EQ(*average_surface_distance_mm(sum), 12.0 / 9);
  EXPECT_NEAR(*hausdorff95_mm(sum), 3.8, 1e-9);  // of 2, 2, 4: 0.9 of the way from 2 to 4
  EXPECT_DOUBLE_EQ(*surface_dice(sum, 1), 6.0 / 13);
}

TEST(SurfaceDistances, RefuseASpacingThatDoesNotFit) {
  const auto [flat, flat_truth] = ellipses();
  const auto refusal = [&](const std::vector<double>& spacing) {
    return complaint(ErrorKind::usage, [&] { surface_distances(flat, flat_truth, spacing); });
  };
  EXPECT_EQ(refusal({1}), "spacing is 1 mm, expected a positive number for each of 2 axes");
  EXPECT_TRUE(says(refusal({1, 0}), {"1 and 0 mm"}));
  EXPECT_TRUE(says(refusal({1, kInfinite}), {"2 axes"}));
  EXPECT_TRUE(says(refusal({1, 1, 1}), {"1, 1 and 1 mm"}));
}

TEST(DistanceToSeeds, IsTheLeastOfAllDistances) {
  const Place spacing = {3, 0.5, 1.25};
  Rng rng(5);
  auto seeds = torch::zeros({7, 18, 21}, torch::kUInt8);
  std::vector<Place> places;
  for (int n = 0; n < 9; ++n) {
    const int64_t k = rng.below(7), j = rng.below(18), i = rng.below(21);
    seeds[k][j][i] = 1;
    places.push_back({3.0 * static_cast<double>(k), 0.5 * static_cast<double>(j),
                      1.25 * static_cast<double>(i)});
  }
  const auto distance = distance_to_seeds(seeds, spacing);
  double worst = 0;
  for (int64_t p = 0; p < seeds.numel(); ++p) {
    const Place here = {3.0 * static_cast<double>(p / (18 * 21)),
                        0.5 * static_cast<double>(p / 21 % 18), 1.25 * static_cast<double>(p % 21)};
    double best = kInfinite;
    for (const auto& place : places) best = std::min(best, between(here, place));
    worst = std::max(worst, std::abs(best - static_cast<double>(distance.data_ptr<float>()[p])));
  }
  EXPECT_LT(worst, 1e-5);
  EXPECT_TRUE(distance_to_seeds(torch::zeros({2, 3, 4}, torch::kUInt8), spacing)
                  .isinf()
                  .all()
                  .item<bool>());
}

}  // namespace
}  // namespace groundglass
