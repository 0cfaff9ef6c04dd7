// Scores of networks that tell several lesions apart: each class by itself beside any lesion.
#include <gtest/gtest.h>

#include "groundglass/train/score.h"
#include "groundglass/train/train_options.h"
#include "tests/models/gray_is_class.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

/// Two slices of 8 x 8 whose gray GrayIsClass reads as classes, and masks that differ from it: 8
/// pixels of class 2 called class 1, 4 of class 1 missed, 3 ignored.
PreparedSet two_slices(const ScratchFolder& folder) {
  PreparedHeader header;
  header.height = header.width = 8;
  header.class_count = 3;
  header.rows = {{"a", "a", "a", "", "", true}, {"b", "b", "b", "", "", true}};
  PreparedSetWriter writer(folder / "set.ggset", header);
  auto image = torch::zeros({1, 8, 8}, torch::kUInt8);
  image.narrow(1, 0, 2).fill_(128);  // 16 pixels called class 1
  image.narrow(1, 6, 1).fill_(255);  // 8 pixels called class 2
  auto mask = torch::zeros({8, 8}, torch::kUInt8);
  mask[0].fill_(1);
  mask[1].fill_(2);
  mask[6].fill_(2);
  mask[3].narrow(0, 0, 4).fill_(1);
  mask[6].narrow(0, 0, 3).fill_(255);
  writer.write(0, image, mask);
  writer.write(1, torch::zeros_like(image), torch::zeros_like(mask));
  writer.finish();
  return PreparedSet(folder / "set.ggset");
}

Scores scores_of(const PreparedSet& set) {
  GrayIsClass model;
  ScoreOptions options;
  options.loader.batch_size = 2;
  options.threshold = 0.99;  // must not matter
  return score_entries(model, set, {{0, 0, 0}, {1, 0, 0}}, options);
}

TEST(ClassScores, CountEachClassAgainstAllElse) {
  const ScratchFolder folder;
  const PreparedSet set = two_slices(folder);
  const Scores scores = scores_of(set);
  EXPECT_EQ(scores.pooled(), (Counts{8 + 8 + 5, 0, 4, 128 - 3 - 25}));
  const auto classes = scores.class_pooled();
  ASSERT_EQ(classes.size(), 2U);
  EXPECT_EQ(classes[0], (Counts{8, 8, 4, 128 - 3 - 20}));
  EXPECT_EQ(classes[1], (Counts{5, 0, 8, 128 - 3 - 13}));
  EXPECT_NEAR(class_mean_dice(scores), (16.0 / 28 + 10.0 / 18) / 2, 1e-12);
}

TEST(ClassScores, LeaveOutAClassThatIsNeitherThereNorCalled) {
  Scores scores;
  RowScore row;
  row.counts = {1, 1, 0, 2};
  scores.rows = {row};
  EXPECT_NEAR(class_mean_dice(scores), 2.0 / 3, 1e-12);  // one class: its Dice
  scores.rows[0].classes = {{1, 1, 0, 2}, {0, 0, 0, 4}};
  EXPECT_NEAR(class_mean_dice(scores), 2.0 / 3, 1e-12);
  scores.rows[0].classes = {{0, 0, 0, 4}};
  EXPECT_EQ(class_mean_dice(scores), -1);
}

TEST(ClassScores, MayChooseTheBestEpoch) {
  TrainOptions options;
  options.monitor = Monitor::class_dice;
  EXPECT_NO_THROW(options.check());
}

}  // namespace
}  // namespace groundglass
