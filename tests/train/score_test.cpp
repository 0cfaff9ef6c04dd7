#include <csignal>

#include <gtest/gtest.h>

#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/models/mirrors.h"
#include "groundglass/models/unet.h"
#include "groundglass/train/image_score.h"
#include "groundglass/train/trainer.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

TEST(ScoreEntries, AgreesWithCountingByHand) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  const ModelPtr model = UNet(UNetOptions{.widths = {2, 4}}).ptr();
  model->eval();
  const std::vector<Entry> entries = {{3, 0, 0}, {7, 0, 0}, {20, 0, 0}};
  ScoreOptions options;
  options.loader.batch_size = 2;
  options.threshold = 0.4;
  const Scores scores = score_entries(*model, set, entries, options);
  ASSERT_EQ(scores.rows.size(), 3U);
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < 3; ++i) {
    const auto x = set.image(entries[i].row).to(torch::kFloat32).unsqueeze(0) / 255;
    const auto p = torch::sigmoid(model->forward(x).logits)[0][0];
    const auto truth = set.mask(entries[i].row).to(torch::kBool), positive = p >= 0.4;
    EXPECT_EQ(scores.rows[i].counts.tp, (positive & truth).sum().item<int64_t>());
    EXPECT_EQ(scores.rows[i].counts.fp, (positive & ~truth).sum().item<int64_t>());
    EXPECT_EQ(scores.rows[i].counts.fn, (~positive & truth).sum().item<int64_t>());
    EXPECT_NEAR(scores.rows[i].soft.overlap, (p * truth).sum().item<double>(), 1e-3);
    EXPECT_NEAR(scores.rows[i].soft.probability, p.sum().item<double>(), 1e-3);
    EXPECT_EQ(scores.rows[i].histogram.at(40), scores.rows[i].counts);
  }
}

TEST(ScoreEntries, AveragesTheViewsOfEachPicture) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  const ModelPtr model = UNet(UNetOptions{.widths = {2, 4}}).ptr();
  model->eval();
  ScoreOptions options;
  options.views = 2;
  const Scores scores = score_entries(*model, set, {{3, 0, 0}}, options);
  const torch::NoGradGuard no_grad;
  const auto x = set.image(3).to(torch::kFloat32).unsqueeze(0) / 255;
  const auto logits = (model->forward(x).logits + model->forward(x.flip({3})).logits.flip({3})) / 2;
  EXPECT_NEAR(scores.rows[0].soft.probability, torch::sigmoid(logits).sum().item<double>(), 1e-3);
  EXPECT_GT((logits - model->forward(x).logits).abs().max().item<double>(), 1e-4);
}

TEST(ScoreImages, AveragesTheViewsOfEachPicture) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  const ModelPtr model = UNet(UNetOptions{.widths = {2, 4}}).ptr();
  ScoreOptions options;
  options.views = 4;
  options.threshold = 0.4;
  const ImageOutcomes outcomes = score_images(*model, set, {{3, 0, 0}, {7, 0, 0}}, options);
  EXPECT_TRUE(model->is_training());  // as it came
  model->eval();
  const Scores scores = score_entries(*model, set, {{3, 0, 0}, {7, 0, 0}}, options);
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < 2; ++i) {
    const auto x = set.image(i == 0 ? 3 : 7).to(torch::kFloat32).unsqueeze(0) / 255;
    const auto of_one = model->forward(x).logits;
    const auto of_four =
        mean_of_views([&](const torch::Tensor& view) { return model->forward(view).logits; }, x, 4);
    const double highest = torch::sigmoid(of_four).max().item<double>();
    EXPECT_NEAR(outcomes.images[i].highest, highest, 1e-6);
    EXPECT_GT(std::abs(torch::sigmoid(of_one).max().item<double>() - highest), 1e-5);
    EXPECT_EQ(outcomes.images[i].pixels, scores.rows[i].counts);
  }
}

TEST(ForEachBatch, LeavesTheNetworkInItsModeWhateverHappens) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  const ModelPtr model = UNet(UNetOptions{.widths = {2, 4}}).ptr();
  const auto visit = [&](const Batch&) {
    EXPECT_FALSE(model->is_training());
    request_stop(SIGTERM);
  };
  LoaderOptions loader;
  loader.batch_size = 1;
  EXPECT_THROW(for_each_batch(*model, set, {{0, 0, 0}, {1, 0, 0}}, loader, "stopped", visit),
               Stopped);
  request_stop(0);
  EXPECT_TRUE(model->is_training());
}

TEST(BestThreshold, IsTheOneThatSeparatesBest) {
  std::vector<PreparedRow> rows = {{"a", "a", "a", "d", "", true}};
  Scores scores;
  RowScore row;
  row.histogram.rest[10] = 1000;
  row.histogram.rest[29] = 60;
  row.histogram.truth[30] = 100;  // everything true lies at or above 0.30
  row.histogram.truth[80] = 100;
  scores.rows.push_back(row);
  EXPECT_DOUBLE_EQ(best_threshold(scores, rows), 0.30);
}

TEST(DomainMeanDice, WeighsDomainsAlike) {
  std::vector<PreparedRow> rows = {{"a", "a", "a", "large", "", true},
                                   {"b", "b", "b", "small", "", true},
                                   {"c", "c", "c", "clean", "", true}};
  Scores scores;
  for (int64_t i = 0; i < 3; ++i) {
    RowScore row;
    row.row = i;
    if (i == 0) row.counts = {9000, 1000, 1000, 0};  // Dice 0.9
    if (i == 1) row.counts = {1, 1, 1, 0};           // Dice 0.5
    if (i == 2) row.counts = {0, 0, 0, 50};          // no foreground: left out
    scores.rows.push_back(row);
  }
  EXPECT_NEAR(domain_mean_dice(scores, rows), 0.7, 1e-12);
}

TEST(DomainMeanDice, SharesOutWhatIsMarkedWhereNothingIs) {
  std::vector<PreparedRow> rows = {{"a", "a", "a", "large", "", true},
                                   {"b", "b", "b", "small", "", true},
                                   {"c", "c", "c", "clean", "", true}};
  Scores scores;
  scores.rows = {
      {0, {900, 100, 100, 0}, {}, {}}, {1, {90, 10, 10, 0}, {}, {}}, {2, {0, 200, 0, 50}, {}, {}}};
  // 100 more false positives for each: 1800 / 2100 and 180 / 300.
  EXPECT_NEAR(domain_mean_dice(scores, rows), (1800.0 / 2100 + 0.6) / 2, 1e-12);
}

TEST(BestThreshold, StaysNearOneHalfWhereOthersAreHardlyBetter) {
  std::vector<PreparedRow> rows = {{"a", "a", "a", "d", "", true}};
  RowScore row;
  row.histogram.truth[90] = 10000;
  row.histogram.rest[60] = 20;  // .61 to .90 are perfect, .50 has a Dice of .999
  row.histogram.rest[48] = 1000;
  Scores scores;
  scores.rows.push_back(row);
  EXPECT_DOUBLE_EQ(best_threshold(scores, rows), 0.50);
  scores.rows[0].histogram.rest[60] = 2000;
  EXPECT_DOUBLE_EQ(best_threshold(scores, rows), 0.61);
}

TEST(BestThreshold, IsNotDecidedByADomainWithoutForeground) {
  std::vector<PreparedRow> rows = {{"a", "a", "a", "infected", "", true},
                                   {"b", "b", "b", "normal", "", true}};
  RowScore infected, normal;
  infected.row = 0;
  infected.histogram.truth[60] = 1000;
  infected.histogram.rest[40] = 500;
  normal.row = 1;
  normal.histogram.rest[90] = 5;  // a few specks that no threshold below .91 removes
  Scores scores;
  scores.rows = {infected, normal};
  EXPECT_DOUBLE_EQ(best_threshold(scores, rows), 0.50);
}

}  // namespace
}  // namespace groundglass
