#include <csignal>
#include <filesystem>

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/data/phantom.h"
#include "groundglass/io/safetensors.h"
#include "groundglass/losses/dice_loss.h"
#include "groundglass/models/attention_unet.h"
#include "groundglass/models/inf_net.h"
#include "groundglass/models/unet.h"
#include "groundglass/train/trainer.h"
#include "groundglass/train/training_state.h"
#include "tests/complaint.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// A small job: dropout, augmentation and averaged weights on, so that all randomness takes part.
TrainJob small_job(const PreparedSet& set, const fs::path& run) {
  TrainJob job;
  at::manual_seed(1);
  job.model = AttentionUNet(AttentionUNetOptions{.widths = {4, 8, 8}, .dropout = 0.2}).ptr();
  job.loss = [](const torch::Tensor& logits, const torch::Tensor& target) {
    return dice_loss(logits, target);
  };
  job.options.epochs = 3;
  job.options.batch_size = 8;
  job.options.learning_rate = 1e-2;
  job.options.ema_decay = 0.9;
  job.set = &set;
  SplitOptions split;
  split.folds = 2;
  job.split = make_splits(set.rows(), split, 0).front();
  job.run = run;
  fs::create_directories(run);
  return job;
}

std::map<std::string, torch::Tensor> weights_in(const fs::path& run) {
  return read_safetensors(run / "weights.safetensors").tensors;
}

void expect_equal_weights(const fs::path& a, const fs::path& b) {
  for (const char* file : {"weights.safetensors", "state.safetensors"}) {
    const auto left = read_safetensors(a / file).tensors,
               right = read_safetensors(b / file).tensors;
    ASSERT_EQ(left.size(), right.size());
    for (const auto& [name, tensor] : left) {
      EXPECT_TRUE(torch::equal(tensor, right.at(name))) << file << ": " << name;
    }
  }
}

/// Asks for a stop at a step of an epoch.
class StopAt final : public Observer {
 public:
  StopAt(int64_t epoch, int64_t step) : epoch_(epoch), step_(step) {}
  void on(const EpochDone& e) override { done_ = e.epoch; }
  void on(const Progress& e) override {
    if (done_ == epoch_ && e.done == step_) request_stop(SIGTERM);
  }

 private:
  int64_t epoch_, step_, done_ = 0;
};

class Collector final : public Observer {
 public:
  void on(const EpochDone& e) override { epochs.push_back(e); }
  std::vector<EpochDone> epochs;
};

TEST(Train, EndsWithTheSameBitsWhetherItWasInterruptedOrNot) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  train(small_job(set, folder / "whole"));
  const TrainJob job = small_job(set, folder / "parts");
  StopAt first(0, 2);
  try {
    train(job, first);
    FAIL() << "was not stopped";
  } catch (const Stopped& e) {
    EXPECT_EQ(e.exit_code(), 128 + SIGTERM);
  }
  request_stop(0);
  EXPECT_TRUE(has_unfinished_state(folder / "parts"));
  StopAt second(1, 3);
  EXPECT_THROW(train(small_job(set, folder / "parts"), second), Stopped);
  request_stop(0);
  const TrainResult result = train(small_job(set, folder / "parts"));
  EXPECT_EQ(result.epochs, 3);
  EXPECT_FALSE(has_unfinished_state(folder / "parts"));
  expect_equal_weights(folder / "whole", folder / "parts");
  EXPECT_EQ(read_history(folder / "parts").size(), 3U);
}

TEST(Train, DoesNotDependOnTheNumberOfLoaderThreads) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  train(small_job(set, folder / "one"));
  TrainJob job = small_job(set, folder / "three");
  job.options.loader_threads = 3;
  train(job);
  const auto a = weights_in(folder / "one"), b = weights_in(folder / "three");
  for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
}

TEST(Train, KeepsTheEpochThatValidatedBest) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TrainJob job = small_job(set, folder / "run");
  job.options.epochs = 5;
  Collector seen;
  const TrainResult result = train(job, seen);
  ASSERT_EQ(seen.epochs.size(), 5U);
  double best = -1;
  int64_t best_epoch = 0;
  for (const auto& e : seen.epochs) {
    EXPECT_EQ(e.best, e.monitor > best);
    if (e.best) best_epoch = e.epoch;
    best = std::max(best, e.monitor);
    EXPECT_GT(e.images_per_s, 0);
    EXPECT_GT(e.loader_images_per_s, 0);
  }
  EXPECT_EQ(result.best_epoch, best_epoch);
  ScoreOptions options;
  options.loader.batch_size = 8;
  const Scores scores = score_entries(*job.model, set, job.split.validation, options);
  EXPECT_NEAR(*soft_dice(scores.soft_pooled()), best, 1e-9);  // job.model holds the best weights
}

// SPEC-000 section 9, number 4.
TEST(Train, OverfitsFourSlicesOfAPhantom) {
  const ScratchFolder folder;
  PreparedHeader header;
  header.height = header.width = 64;
  for (const char* name : {"0", "1", "2", "3"})
    header.rows.push_back({name, name, name, "", "", true});
  PreparedSetWriter writer(folder / "four.ggset", header);
  const Phantom phantom({.seed = 2, .slices = 8, .side = 64});
  for (int64_t i = 0; i < 4; ++i) {
    const auto slice = phantom.slice(2 + i);
    const auto gray = ((slice.hu.to(torch::kFloat32).clamp(-1000, 400) + 1000) * (255.0 / 1400));
    writer.write(i, gray.to(torch::kUInt8).unsqueeze(0), (slice.lesions != 0).to(torch::kUInt8));
  }
  writer.finish();
  const PreparedSet set(folder / "four.ggset");
  TrainJob job = small_job(set, folder / "run");
  job.model = AttentionUNet(AttentionUNetOptions{
                                .widths = {16, 32, 64}, .dropout = 0, .batch_norm_momentum = 0.1})
                  .ptr();
  job.split.train = job.split.validation = {{0, 0, 0}, {1, 0, 0}, {2, 0, 0}, {3, 0, 0}};
  job.options.epochs = 1;
  job.options.steps_per_epoch = 150;
  job.options.batch_size = 4;
  job.options.ema_decay = 0;
  job.augment.mode = AugmentMode::none;
  Collector seen;
  train(job, seen);
  EXPECT_GT(seen.epochs.back().hard_dice, 0.95);
}

TEST(Train, StopsWhenPatienceIsOver) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TrainJob job = small_job(set, folder / "run");
  job.model = AttentionUNet(AttentionUNetOptions{.widths = {4, 8}, .batch_norm_momentum = 0}).ptr();
  job.options.epochs = 20;
  job.options.learning_rate = 0;  // nothing ever gets better
  job.options.ema_decay = 0;
  job.options.patience = 2;
  const TrainResult result = train(job);
  EXPECT_LT(result.epochs, 20);
  EXPECT_EQ(result.epochs, result.best_epoch + 2);
}

TEST(Train, UsesNoMoreMemoryWithMoreEpochs) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TrainJob job = small_job(set, folder / "run");
  job.options.epochs = 12;
  Collector seen;
  train(job, seen);
  EXPECT_LT(seen.epochs.back().rss_mib, seen.epochs[3].rss_mib * 1.05 + 4);
}

TEST(Train, RefusesALossThatIsNoNumber) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TrainJob job = small_job(set, folder / "run");
  job.loss = [](const torch::Tensor& logits, const torch::Tensor&) { return logits.sum() * NAN; };
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [&] { train(job); }),
                   {"not a number", "epoch 1", "learning_rate"}));
}

TEST(Train, RefusesAnEmptySplitAndAForeignState) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TrainJob job = small_job(set, folder / "run");
  job.split.train.clear();
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { train(job); }), {"no training rows"}));
  job = small_job(set, folder / "run");
  job.split.validation.clear();
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { train(job); }), {"no validation rows"}));
  train(small_job(set, folder / "run"));
  job = small_job(set, folder / "run");
  job.model = UNet(UNetOptions{.widths = {2, 4}}).ptr();
  EXPECT_TRUE(
      says(complaint(ErrorKind::checkpoint, [&] { train(job); }), {"do not fit", "missing"}));
  write_file(folder / "run/state.safetensors",
             read_file(folder / "run/state.safetensors").substr(0, 5000));
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { train(small_job(set, folder / "run")); }),
                   {"state.safetensors"}));
}

TEST(Train, SideOutputsLearnWhereTheyHaveAWeight) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  const auto change_of_side_heads = [&](double weight) {
    TrainJob job = small_job(set, folder / ("run" + std::to_string(weight)));
    at::manual_seed(4);
    const UNet net(UNetOptions{.widths = {4, 8, 8}, .side_outputs = 1});
    const auto before = net->named_parameters()["side_heads.0.weight"].detach().clone();
    job.model = net.ptr();
    job.options.epochs = 1;
    job.options.side_weight = weight;
    train(job);
    return (net->named_parameters()["side_heads.0.weight"] - before).abs().max().item<double>();
  };
  EXPECT_LT(change_of_side_heads(0), 1e-6);  // the mean of the weights rounds
  EXPECT_GT(change_of_side_heads(0.5), 1e-3);
}

TEST(Train, RefusesASideWeightWithoutSideOutputs) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TrainJob job = small_job(set, folder / "run");
  job.options.side_weight = 0.5;
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [&] { train(job); }),
                   {"side_weight", "no side outputs", "side_outputs"}));
}

TEST(Train, EdgesOfMasksLieOnBothSidesOfTheBorder) {
  auto mask = torch::zeros({1, 6, 7}, torch::kUInt8);
  mask[0].narrow(0, 2, 3).narrow(1, 2, 3).fill_(2);
  mask[0][0][0] = kIgnoreLabel;
  const auto edges = edges_of(mask)[0];
  auto expected = torch::zeros({6, 7}, torch::kUInt8);
  expected.narrow(0, 1, 5).narrow(1, 1, 5).fill_(1);
  expected[3][3] = 0;  // only its middle has foreground all around
  expected[0][0] = kIgnoreLabel;
  EXPECT_TRUE(torch::equal(edges, expected)) << edges;
  EXPECT_EQ(edges_of(torch::ones({1, 4, 4}, torch::kUInt8)).sum().item<int64_t>(), 0);
}

TEST(Train, TheEdgeBranchOfAnInfNetLearnsWhereItHasAWeight) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder, {.domains = 1, .patients = 4, .slices = 2});
  const auto loss_with = [&](double weight) {
    TrainJob job = small_job(set, folder / ("run" + std::to_string(weight)));
    at::manual_seed(4);
    job.model =
        InfNet(InfNetOptions{
                   .in_channels = 1, .encoder = {.encoder = EncoderKind::resnet34}, .channels = 4})
            .ptr();
    job.options.epochs = 1;
    job.options.learning_rate = 0;
    job.options.edge_weight = weight;
    Collector seen;
    train(job, seen);
    return seen.epochs.back().loss;
  };
  EXPECT_GT(loss_with(1), loss_with(0) + 0.1);
}

TEST(Train, RefusesAnEdgeWeightWithoutEdges) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TrainJob job = small_job(set, folder / "run");
  job.options.edge_weight = 1;
  EXPECT_EQ(complaint(ErrorKind::recipe, [&] { train(job); }),
            "[train] edge_weight is set and the network finds no edges; set it to 0, or take "
            "[model] name = \"inf_net\"");
}

}  // namespace
}  // namespace groundglass
