#include "groundglass/data/typicality.h"

#include <gtest/gtest.h>

#include "groundglass/core/rng.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

/// A bright body with two dark lungs, a little different for each key.
torch::Tensor chest(uint64_t key) {
  Rng rng(key);
  const double width = rng.uniform(0.15, 0.2), height = rng.uniform(0.28, 0.36);
  const double middle = rng.uniform(0.45, 0.55), lung = rng.uniform(30, 60);
  auto slice = torch::zeros({1, 96, 96}, torch::kUInt8);
  auto pixel = slice.accessor<uint8_t, 3>();
  for (int64_t y = 0; y < 96; ++y) {
    for (int64_t x = 0; x < 96; ++x) {
      const double u = static_cast<double>(x) / 96, v = static_cast<double>(y) / 96;
      const auto inside = [&](double cx, double cy, double rx, double ry) {
        return (u - cx) * (u - cx) / rx / rx + (v - cy) * (v - cy) / ry / ry < 1;
      };
      double gray = inside(0.5, 0.5, 0.48, 0.46) ? 180 : 5;
      if (inside(0.29, middle, width, height) || inside(0.71, middle, width, height)) gray = lung;
      pixel[0][y][x] = static_cast<uint8_t>(gray + rng.uniform(0, 20));
    }
  }
  return slice;
}

std::vector<Typicality::Example> chests(uint64_t count) {
  std::vector<Typicality::Example> examples;
  for (uint64_t i = 0; i < count; ++i) {
    examples.push_back({slice_features(chest(i)), "one", "patient " + std::to_string(i / 3)});
  }
  return examples;
}

TEST(Typicality, SlicesOfTheKindItWasFittedToStayBelowTheLimit) {
  const auto typicality = Typicality::of(chests(120));
  int above = 0;
  for (uint64_t i = 1000; i < 1050; ++i) above += typicality(chest(i)) > 1 ? 1 : 0;
  EXPECT_LE(above, 3);
}

TEST(Typicality, InvertedTurnedBlankAndNoisySlicesStandAboveTheLimit) {
  const auto typicality = Typicality::of(chests(120));
  const auto slice = chest(1000);
  EXPECT_GT(typicality(255 - slice), 1);
  EXPECT_GT(typicality(slice.transpose(1, 2).contiguous()), 1);
  EXPECT_GT(typicality(torch::full({1, 96, 96}, 80, torch::kUInt8)), 1);
  EXPECT_GT(typicality(torch::zeros({1, 96, 96}, torch::kUInt8)), 1);
  at::manual_seed(1);
  EXPECT_GT(typicality(torch::randint(0, 255, {1, 96, 96}, torch::kUInt8)), 1);
}

TEST(Typicality, ASliceIsMeasuredAgainstTheNearestSource) {
  auto examples = chests(120);
  for (uint64_t i = 0; i < 60; ++i) {
    examples.push_back({slice_features(255 - chest(500 + i)), "inverting", std::to_string(i)});
  }
  const auto typicality = Typicality::of(examples);
  EXPECT_LT(typicality(255 - chest(2000)), 1.5);
  EXPECT_LT(typicality(chest(2001)), 1.5);
}

TEST(Typicality, MirroringASliceChangesNothing) {
  const auto typicality = Typicality::of(chests(120));
  const auto slice = chest(1003);
  EXPECT_NEAR(typicality(slice), typicality(slice.flip(2)), 1e-9);
}

TEST(Typicality, AFlatSliceHasFeaturesThatAreNumbers) {
  for (const double f : slice_features(torch::full({96, 96}, 17, torch::kUInt8))) {
    EXPECT_EQ(f, 0);
  }
}

TEST(Typicality, FeaturesOfAHandMadeSliceAreThoseOfTheirDefinition) {
  auto slice = torch::zeros({64, 64}, torch::kUInt8);
  slice.narrow(0, 0, 32).fill_(200);  // the upper half is bright
  const auto f = slice_features(slice);
  const double spread = 100.0 / 255, unit = spread / (spread + 1e-3);
  EXPECT_NEAR(f[0], spread, 1e-6);
  EXPECT_NEAR(f[1], unit * unit, 1e-6);  // its own mirror image
  EXPECT_NEAR(f[2], unit, 1e-6);         // first row of fields, outer
  EXPECT_NEAR(f[9], -unit, 1e-6);        // last row, inner
  EXPECT_NEAR(f[10], 0.5, 1e-9);         // half is dark
  EXPECT_NEAR(f[11], 10000.0 / 10001, 1e-6);
  EXPECT_EQ(f[12], 0);                             // nothing changes along the rows
  EXPECT_NEAR(f[13], 64 * 2 * unit / 4096, 1e-6);  // one step of 2 in each column
  EXPECT_NEAR(f[14], 0, 1e-6);
}

TEST(Typicality, ItIsTheSameAfterBeingWrittenAndRead) {
  const auto typicality = Typicality::of(chests(60));
  const auto again = Typicality::from_json(typicality.json(), "FILE");
  EXPECT_EQ(typicality(chest(3)), again(chest(3)));
}

TEST(Typicality, DamagedAndForeignNotesAreRefused) {
  const auto refusal = [](const std::string& text) {
    return complaint(ErrorKind::checkpoint, [&] { Typicality::from_json(text, "FILE"); });
  };
  EXPECT_TRUE(says(refusal("{\"limit\": 1, \"sour"),
                   {"FILE: the note 'typicality' is damaged", "export the model again"}));
  EXPECT_TRUE(
      says(refusal(R"({"limit": 1, "sources": [{"name": "a", "mean": [1, 2], "inverse": [1]}]})"),
           {"FILE", "has 2 features, expected 15"}));
}

TEST(Typicality, AFewRowsOfOnePatientAreEnough) {
  std::vector<Typicality::Example> examples;
  for (uint64_t i = 0; i < 5; ++i) examples.push_back({slice_features(chest(i)), "one", "only"});
  EXPECT_LE(Typicality::of(examples)(chest(2)), 1);
}

}  // namespace
}  // namespace groundglass
