#include <gtest/gtest.h>

#include "groundglass/io/paint.h"
#include "groundglass/report/infection_map.h"
#include "groundglass/report/precision_recall.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

struct Painted {
  int64_t gray;
  double probability;
  int64_t red, green, blue;
};

// tools/reference/infection_map.py, which uses Python's colorsys.
const Painted kPainted[] = {
    {0, 0.5, 0, 0, 0},         {10, 0.0, 10, 10, 10},  {200, 0.003, 200, 200, 200},
    {200, 0.004, 0, 0, 200},   {200, 0.1, 0, 0, 200},  {90, 0.2, 0, 27, 90},
    {255, 0.25, 0, 128, 255},  {31, 0.4, 3, 31, 28},   {128, 0.5, 64, 128, 64},
    {180, 0.55, 126, 180, 54}, {77, 0.7, 77, 54, 0},   {255, 0.75, 255, 128, 0},
    {140, 0.8, 140, 42, 0},    {250, 0.95, 250, 0, 0}, {61, 1.0, 61, 0, 0}};

TEST(InfectionMap, AgreesWithColorsys) {
  for (const auto& p : kPainted) {
    const auto map = infection_map(torch::full({1, 1}, p.gray, torch::kUInt8),
                                   torch::full({1, 1}, p.probability, torch::kFloat64));
    EXPECT_EQ(map[0].item<int64_t>(), p.red) << p.gray << " " << p.probability;
    EXPECT_EQ(map[1].item<int64_t>(), p.green) << p.gray << " " << p.probability;
    EXPECT_EQ(map[2].item<int64_t>(), p.blue) << p.gray << " " << p.probability;
  }
}

TEST(InfectionMap, IsTheXrayWhereNothingIsInfected) {
  torch::manual_seed(3);
  const auto gray = torch::randint(256, {24, 31}, torch::kUInt8);
  const auto probability = torch::rand({24, 31});
  probability.narrow(1, 0, 12).mul_(0.0039);  // below 1/255
  const auto map = infection_map(gray, probability);
  EXPECT_TRUE(torch::equal(map.narrow(2, 0, 12), gray_to_rgb(gray).narrow(2, 0, 12)));
  EXPECT_FALSE(torch::equal(map, gray_to_rgb(gray)));
}

TEST(InfectionMap, HasTheBrightnessOfTheXrayEverywhere) {
  torch::manual_seed(4);
  const auto gray = torch::randint(256, {16, 16}, torch::kUInt8);
  const auto map = infection_map(gray, torch::rand({16, 16}));
  EXPECT_TRUE(torch::equal(std::get<0>(map.max(0)), gray));
}

TEST(InfectionMap, RefusesAnotherSize) {
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage,
                     [] {
                       infection_map(torch::zeros({4, 5}, torch::kUInt8), torch::zeros({5, 4}));
                     }),
           {"[4, 5]", "[5, 4]"}));
}

TEST(Hsv, GoesThereAndBack) {
  torch::manual_seed(5);
  const auto rgb = torch::rand({3, 9, 9}, torch::kFloat64);
  EXPECT_TRUE(torch::allclose(hsv_to_rgb(rgb_to_hsv(rgb)), rgb, 1e-9, 1e-9));
  const auto gray = torch::full({3, 1, 1}, 0.3, torch::kFloat64);
  EXPECT_TRUE(
      torch::equal(rgb_to_hsv(gray).flatten(), torch::tensor({0.0, 0.0, 0.3}, torch::kFloat64)));
}

TEST(PrecisionRecallFigure, DrawsEachCurveInItsColour) {
  const auto empty = precision_recall_figure("images", {});
  const auto drawn = precision_recall_figure(
      "images", {{"U-Net", {{0.9, 0.5, 1.0}, {0.1, 1.0, 0.6}}}, {"DLA", {}}});
  EXPECT_EQ(drawn.size(0), 3);
  EXPECT_EQ(drawn.sizes(), empty.sizes());
  const auto blue = (drawn[0] == 60) & (drawn[1] == 110) & (drawn[2] == 200);
  EXPECT_GT(blue.sum().item<int64_t>(), 300);  // a line of two pixels over a plot of 420
}

}  // namespace
}  // namespace groundglass
