#include <gtest/gtest.h>

#include "groundglass/preprocess/axial.h"
#include "groundglass/preprocess/normalise.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

/// A grid whose index axes run along the given patient axes, some of them backwards.
Geometry grid(std::array<int, 3> patient_axis, std::array<bool, 3> reversed) {
  Geometry g;
  g.direction = {};
  for (size_t c = 0; c < 3; ++c) {
    g.direction[3 * static_cast<size_t>(patient_axis[c]) + c] = reversed[c] ? -1 : 1;
  }
  return g;
}

TEST(AxialView, TurnsEveryOrientationUprightAndBack) {
  const std::array<std::array<int, 3>, 6> permutations = {
      {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}};
  const auto stored = torch::arange(3 * 4 * 5).view({3, 4, 5});
  for (const auto& permutation : permutations) {
    for (int signs = 0; signs < 8; ++signs) {
      const Geometry g = grid(permutation, {(signs & 1) != 0, (signs & 2) != 0, (signs & 4) != 0});
      const AxialView view = axial_view(g);
      const auto upright = view.apply(stored);
      EXPECT_TRUE(torch::equal(view.undo(upright), stored));
      // Where a voxel lies in the patient, found by its value: columns must run to the patient's
      // left (+x), rows to the back (+y).
      const auto place = [&](const torch::Tensor& value) {
        const int64_t v = value.item<int64_t>();
        return to_patient_mm(g, {double(v % 5), double(v / 5 % 4), double(v / 20)});
      };
      const auto origin = place(upright[0][0][0]);
      EXPECT_GT(place(upright[0][0][1])[0], origin[0]);
      EXPECT_GT(place(upright[0][1][0])[1], origin[1]);
      EXPECT_NE(place(upright[1][0][0])[2], origin[2]);
    }
  }
}

TEST(AxialView, TurnsSingleSlicesAsTheWholeVolume) {
  const auto stored = torch::arange(3 * 4 * 5).view({3, 4, 5});
  for (const std::array<int, 3>& axes :
       {std::array<int, 3>{0, 1, 2}, std::array<int, 3>{1, 0, 2}}) {
    for (int signs = 0; signs < 4; ++signs) {
      const AxialView view = axial_view(grid(axes, {(signs & 1) != 0, (signs & 2) != 0, true}));
      ASSERT_TRUE(view.slices_are_axial());
      const auto whole = view.apply(stored);
      for (int64_t k = 0; k < 3; ++k) {
        EXPECT_TRUE(torch::equal(view.apply_to_slice(stored[k]), whole[k]));
        EXPECT_TRUE(torch::equal(view.undo_on_slice(whole[k]), stored[k]));
      }
    }
  }
}

TEST(AxialView, KnowsThatSagittalSlicesAreNotAxial) {
  EXPECT_FALSE(axial_view(grid({1, 2, 0}, {})).slices_are_axial());
}

TEST(Normalised, DividesStandardisesOrStretches) {
  const auto image = torch::tensor({10, 20, 30, 40}, torch::kUInt8).view({1, 1, 2, 2});
  EXPECT_NEAR(normalised(image, Normalise::unit)[0][0][1][1].item<double>(), 40.0 / 255, 1e-7);
  const auto z = normalised(image, Normalise::zscore);  // mean 25, deviation sqrt(125)
  EXPECT_NEAR(z[0][0][0][0].item<double>(), -15 / std::sqrt(125.0), 1e-6);
  EXPECT_NEAR(normalised(image, Normalise::minmax)[0][0][0][1].item<double>(), 1.0 / 3, 1e-6);
  const auto flat = torch::full({1, 1, 2, 2}, 9, torch::kUInt8);
  EXPECT_TRUE(torch::isfinite(normalised(flat, Normalise::zscore)).all().item<bool>());
}

TEST(Normalised, TreatsEachImageByItself) {
  const auto dark = torch::randint(0, 50, {1, 1, 8, 8}, torch::kUInt8);
  const auto bright = torch::randint(100, 255, {1, 1, 8, 8}, torch::kUInt8);
  for (const auto& [word, how] : words_of(Normalise{})) {
    const auto together = normalised(torch::cat({dark, bright}), how);
    EXPECT_TRUE(torch::equal(together[1], normalised(bright, how)[0])) << word;
  }
}

}  // namespace
}  // namespace groundglass
