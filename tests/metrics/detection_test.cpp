#include <gtest/gtest.h>

#include "groundglass/metrics/detection.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

// Degerli et al., https://arxiv.org/abs/2009.12698: Table IV's matrices give the rows of Table III.
struct Published {
  Counts c;
  double sensitivity, specificity, precision, f1, f2, accuracy;
};

TEST(FScore, OfTableFourIsTableThree) {
  for (const auto& p :
       {Published{{2903, 244, 48, 12300}, 98.37, 98.05, 92.25, 95.21, 97.08, 98.12},
        Published{{2848, 105, 103, 12439}, 96.51, 99.16, 96.44, 96.48, 96.50, 98.66}}) {
    EXPECT_NEAR(100 * *sensitivity(p.c), p.sensitivity, 0.005);
    EXPECT_NEAR(100 * *specificity(p.c), p.specificity, 0.005);
    EXPECT_NEAR(100 * *precision(p.c), p.precision, 0.005);
    EXPECT_NEAR(100 * *f_score(p.c, 1), p.f1, 0.005);
    EXPECT_NEAR(100 * *f_score(p.c, 2), p.f2, 0.005);
    EXPECT_NEAR(100 * *accuracy(p.c), p.accuracy, 0.005);
  }
}

TEST(FScore, WeighsSensitivityByBetaSquared) {
  const Counts c{3, 1, 2, 0};  // precision 3/4, sensitivity 3/5
  EXPECT_DOUBLE_EQ(*f_score(c, 1), *dice(c));
  EXPECT_DOUBLE_EQ(*f_score(c, 2), 5 * 0.75 * 0.6 / (4 * 0.75 + 0.6));
  EXPECT_DOUBLE_EQ(*f_score(c, 0.5), 1.25 * 0.75 * 0.6 / (0.25 * 0.75 + 0.6));
  EXPECT_FALSE(f_score({0, 0, 0, 9}, 1).has_value());
}

TEST(CalledInfected, IfAnyPixelReachesTheCutoffAsLabelsDo) {
  const auto map = torch::tensor({{{0.1F, 0.35F}, {0.2F, 0.0F}}});
  EXPECT_FLOAT_EQ(highest_probability(map), 0.35F);
  EXPECT_FLOAT_EQ(highest_probability(torch::cat({map, map})), 0.7F);  // classes as one
  EXPECT_TRUE(called_infected(highest_probability(map), 0.35));        // float(.35) is below .35
  EXPECT_FALSE(called_infected(highest_probability(map), 0.3501));
}

TEST(CountImages, TakesTheCutoffItself) {
  EXPECT_EQ(count_images({{0.5, true}, {0.49, true}, {0.5, false}, {0.1, false}}, 0.5),
            (Counts{1, 1, 1, 1}));
}

TEST(Auc, CountsPairsAndHalvesTies) {
  // positives 0.9, 0.5; negatives 0.5, 0.1: pairs 1, 1, 1/2, 1 of 4.
  EXPECT_DOUBLE_EQ(*auc({{0.9, true}, {0.5, true}, {0.5, false}, {0.1, false}}), 0.875);
  EXPECT_DOUBLE_EQ(*auc({{0.1, true}, {0.9, false}}), 0);
  EXPECT_FALSE(auc({{0.1, true}}).has_value());
}

TEST(Auc, OfBinsIsThatOfTheirPixels) {
  // bin 0: one negative; bin 1: one of each; bin 2: one positive.
  EXPECT_DOUBLE_EQ(*auc_of_bins({0, 1, 1}, {1, 1, 0}), 0.875);
  EXPECT_FALSE(auc_of_bins({0, 0}, {1, 1}).has_value());
  EXPECT_TRUE(says(complaint(ErrorKind::internal, [] { auc_of_bins({1}, {1, 2}); }), {"1", "2"}));
}

TEST(PrecisionRecall, FallsFromTheHighestCutoffToTheLowest) {
  const auto curve =
      precision_recall_curve({{0.9, true}, {0.8, false}, {0.8, true}, {0.2, true}, {0.1, false}});
  ASSERT_EQ(curve.size(), 4U);
  EXPECT_DOUBLE_EQ(curve[0].recall, 1.0 / 3);
  EXPECT_DOUBLE_EQ(curve[0].precision, 1);
  EXPECT_DOUBLE_EQ(curve[1].precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(curve[2].recall, 1);
  EXPECT_DOUBLE_EQ(curve[2].precision, 0.75);
  EXPECT_DOUBLE_EQ(curve[3].precision, 0.6);
  EXPECT_NEAR(*average_precision(curve), (1 + 2.0 / 3 + 0.75) / 3, 1e-12);
  EXPECT_TRUE(precision_recall_curve({{0.9, false}}).empty());
  EXPECT_FALSE(average_precision({}).has_value());
}

TEST(Youden, CutsBetweenTheClassesAndFallsBackWithoutThem) {
  EXPECT_DOUBLE_EQ(best_youden_cutoff({{0.9, true}, {0.7, true}, {0.3, false}, {0.1, false}}, 0.5),
                   0.5);
  EXPECT_DOUBLE_EQ(best_youden_cutoff({{0.9, true}, {0.8, false}, {0.2, false}}, 0.5), 0.85);
  EXPECT_DOUBLE_EQ(best_youden_cutoff({{0.9, true}}, 0.5), 0.5);
}

TEST(DiceThreshold, IsTheBorderOfTheBestDice) {
  // From the top: 1 true; 2 true, 1 false; 1 true, 9 false. Dice 2/5, 6/8, 8/18.
  EXPECT_DOUBLE_EQ(best_dice_threshold({0, 1, 2, 1}, {50, 9, 1, 0}, 0.5), 0.5);
  EXPECT_DOUBLE_EQ(best_dice_threshold({0, 1, 2, 1}, {50, 0, 1, 0}, 0.5), 0.25);
  EXPECT_DOUBLE_EQ(best_dice_threshold({0, 0}, {5, 5}, 0.3), 0.3);
}

}  // namespace
}  // namespace groundglass
