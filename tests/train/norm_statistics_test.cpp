#include <csignal>

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/losses/dice_loss.h"
#include "groundglass/models/attention_unet.h"
#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/batch_norm_no_scale.h"
#include "groundglass/models/unet.h"
#include "groundglass/train/classifier_trainer.h"
#include "groundglass/train/norm_statistics.h"
#include "groundglass/train/patience.h"
#include "groundglass/train/trainer.h"
#include "groundglass/train/training_state.h"
#include "groundglass/train/weights.h"
#include "tests/complaint.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// A training with Keras' momentum, of 3 or 4 steps an epoch.
TrainJob keras_job(const PreparedSet& set, const fs::path& run, ScoredNorms statistics) {
  TrainJob job;
  at::manual_seed(1);
  job.model = AttentionUNet(AttentionUNetOptions{.widths = {4, 8, 8}, .dropout = 0.2}).ptr();
  job.loss = [](const torch::Tensor& logits, const torch::Tensor& target) {
    return dice_loss(logits, target);
  };
  job.options.epochs = 3;
  job.options.batch_size = 8;
  job.options.learning_rate = 1e-2;
  job.options.norm_statistics = statistics;
  job.options.norm_slices = 16;
  job.set = &set;
  SplitOptions split;
  split.folds = 2;
  job.split = make_splits(set.rows(), split, 0).front();
  job.run = run;
  fs::create_directories(run);
  return job;
}

class Everything final : public Observer {
 public:
  void on(const EpochDone& e) override { epochs.push_back(e); }
  void on(const Note& e) override { notes.push_back(e.message); }
  void on(const Warning& e) override { warnings.push_back(e.message); }
  void on(const Progress& e) override {
    if (static_cast<int64_t>(epochs.size()) == stop_epoch && e.done == 2) request_stop(SIGTERM);
  }
  std::vector<EpochDone> epochs;
  std::vector<std::string> notes, warnings;
  int64_t stop_epoch = -1;
};

std::map<std::string, torch::Tensor> tensors_of(const fs::path& file) {
  return read_safetensors(file).tensors;
}

void expect_same_files(const fs::path& a, const fs::path& b) {
  for (const char* file : {"weights.safetensors", "state.safetensors"}) {
    const auto left = tensors_of(a / file), right = tensors_of(b / file);
    ASSERT_EQ(left.size(), right.size());
    for (const auto& [name, tensor] : left) {
      EXPECT_TRUE(torch::equal(tensor, right.at(name))) << file << ": " << name;
    }
  }
}

/// Two batch norms of the two kinds, one after the other, and images of one channel.
struct TwoNormsImpl : torch::nn::Module {
  TwoNormsImpl() {
    first = register_module("first", BatchNorm2d(torch::nn::BatchNorm2dOptions(1).momentum(0.01)));
    second = register_module("second", BatchNormNoScale(1));
    const torch::NoGradGuard no_grad;
    first->weight.fill_(2);
    first->bias.fill_(3);
  }
  torch::Tensor forward(const torch::Tensor& image) {
    return second->forward(first->forward(image));
  }
  BatchNorm2d first{nullptr};
  BatchNormNoScale second{nullptr};
};
TORCH_MODULE(TwoNorms);

std::vector<Entry> first_entries(int64_t n) {
  std::vector<Entry> entries;
  for (int64_t row = 0; row < n; ++row) entries.push_back({row, 0, 0});
  return entries;
}

/// Mean and variance of what the layers see of these entries, by two passes in double.
TEST(NormStatistics, AreExactlyThoseOfTheActivations) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TwoNorms net;
  const Network run = [&](const torch::Tensor& x) { return net->forward(x); };
  NormPass pass;
  pass.loader.batch_size = 3;  // 3, 3, 1
  EXPECT_EQ(reestimate_norms(*net, run, set, first_entries(7), pass), 2);
  std::vector<torch::Tensor> images, seen;
  for (int64_t row = 0; row < 7; ++row) images.push_back(set.image(row).to(torch::kFloat64) / 255);
  for (const auto& [begin, n] : {std::pair{0, 3}, {3, 3}, {6, 1}}) {
    const auto batch = torch::stack(images).narrow(0, begin, n);
    const auto spread = batch.var(c10::IntArrayRef{}, /*unbiased=*/false) + 1e-5;
    seen.push_back((batch - batch.mean()) / spread.sqrt() * 2 + 3);
  }
  const auto all = torch::stack(images), normed = torch::cat(seen);
  const auto variance = [](const torch::Tensor& x) {
    return (x - x.mean()).square().mean().item<double>();
  };
  EXPECT_NEAR(net->first->running_mean.item<double>(), all.mean().item<double>(), 1e-7);
  EXPECT_NEAR(net->first->running_var.item<double>(), variance(all), 1e-8);
  EXPECT_NEAR(net->second->running_mean.item<double>(), normed.mean().item<double>(), 1e-5);
  EXPECT_NEAR(net->second->running_var.item<double>(), variance(normed), 1e-5);
  EXPECT_EQ(net->first->num_batches_tracked.item<int64_t>(), 0);  // nothing was trained
  EXPECT_TRUE(net->is_training());                                // as it came
}

TEST(NormStatistics, DoNotDependOnHowTheEntriesAreBatchedInTheFirstLayer) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  std::vector<double> variances;
  for (const int64_t batch : {1, 4, 60}) {
    TwoNorms net;
    NormPass pass;
    pass.loader.batch_size = batch;
    reestimate_norms(
        *net, [&](const torch::Tensor& x) { return net->forward(x); }, set, first_entries(60),
        pass);
    variances.push_back(net->first->running_var.item<double>());
  }
  EXPECT_NEAR(variances[0], variances[2], 1e-8);
  EXPECT_NEAR(variances[1], variances[2], 1e-8);
}

TEST(NormStatistics, AreForgottenAfterAsManyStepsAsTheMomentumSays) {
  TwoNorms net;
  EXPECT_EQ(forgetting_steps(*net), 459);  // ceil(ln .01 / ln .99)
  EXPECT_LT(std::pow(0.99, 459), 0.01);
  EXPECT_GT(std::pow(0.99, 458), 0.01);
  net->first->options.momentum(0.001);
  EXPECT_EQ(forgetting_steps(*net), 4603);
  {
    const torch::NoGradGuard no_grad;
    net->first->running_mean.fill_(0.1);  // trained already
  }
  EXPECT_EQ(forgetting_steps(*net), 459);
  EXPECT_EQ(forgetting_steps(*UNet(UNetOptions{.widths = {2, 4}})), 44);  // LibTorch's .1
  net->second->running_var.fill_(2);
  EXPECT_EQ(forgetting_steps(*net), 0);
}

TEST(NormStatistics, AreReplacedForTheScoreAndForTheKeptWeightsAlone) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  Everything moving, exact;
  train(keras_job(set, folder / "moving", ScoredNorms::moving), moving);
  TrainJob job = keras_job(set, folder / "exact", ScoredNorms::re_estimated);
  train(job, exact);
  // The same steps: losses and the training state are those of a training with moving statistics.
  const auto a = tensors_of(folder / "moving/state.safetensors"),
             b = tensors_of(folder / "exact/state.safetensors");
  for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
  // After a dozen steps with momentum .01 the moving ones are mostly what they started from.
  double better = 0;
  for (size_t e = 0; e < exact.epochs.size(); ++e) {
    EXPECT_EQ(moving.epochs[e].loss, exact.epochs[e].loss);
    EXPECT_NE(moving.epochs[e].soft_dice, exact.epochs[e].soft_dice);
    better += exact.epochs[e].soft_dice - moving.epochs[e].soft_dice;
  }
  EXPECT_GT(better, 0.1);
  // What is kept scores what was told.
  ScoreOptions options;
  options.loader.batch_size = 8;
  const Scores scores = score_entries(*job.model, set, job.split.validation, options);
  double best = -1;
  for (const auto& e : exact.epochs) best = std::max(best, e.monitor);
  EXPECT_NEAR(*soft_dice(scores.soft_pooled()), best, 1e-9);
}

TEST(NormStatistics, LeaveAResumedTrainingTheSameToTheBit) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  for (const double decay : {0.0, 0.9}) {
    const std::string name = decay > 0 ? "mean" : "last";
    const auto job = [&](const std::string& run) {
      TrainJob one = keras_job(set, folder / (name + run), ScoredNorms::re_estimated);
      one.options.ema_decay = decay;
      return one;
    };
    train(job("whole"));
    Everything stop;
    stop.stop_epoch = 1;
    EXPECT_THROW(train(job("parts"), stop), Stopped);
    request_stop(0);
    train(job("parts"));
    expect_same_files(folder / (name + "whole"), folder / (name + "parts"));
    const auto a = read_history(folder / (name + "whole")),
               b = read_history(folder / (name + "parts"));
    for (size_t e = 0; e < a.size(); ++e) {
      EXPECT_EQ(a[e].training_dice, b[e].training_dice);
      EXPECT_EQ(a[e].soft_dice, b[e].soft_dice);
      EXPECT_GT(a[e].training_dice, 0);
    }
  }
}

TEST(NormStatistics, OfAClassifierAreReEstimatedToo) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder, {.domains = 1, .patients = 4, .slices = 5});
  std::map<ScoredNorms, Everything> told;
  for (const auto which : {ScoredNorms::moving, ScoredNorms::re_estimated}) {
    ClassifierJob job;
    at::manual_seed(11);
    job.model = EncoderClassifier(EncoderClassifierOptions{.in_channels = 1});
    job.options.epochs = 1;
    job.options.batch_size = 6;
    job.options.learning_rate = 1e-3;
    job.options.monitor = Monitor::last;
    job.options.norm_statistics = which;
    job.set = &set;
    for (int64_t row = 0; row < set.size(); ++row) {
      job.classes.push_back(row % 5 == 4 ? 0 : 1);
      (row < 15 ? job.split.train : job.split.validation).push_back({row, 0});
    }
    job.run = folder / word_of(which);
    make_folder(job.run);
    train_classifier(job, told[which]);
  }
  const auto &moving = told[ScoredNorms::moving], &exact = told[ScoredNorms::re_estimated];
  EXPECT_EQ(moving.epochs[0].loss, exact.epochs[0].loss);
  EXPECT_NE(moving.epochs[0].validation_loss, exact.epochs[0].validation_loss);
  EXPECT_EQ(moving.warnings.size(), 1U);
  EXPECT_TRUE(exact.warnings.empty());
}

TEST(NormStatistics, SayFromWhichStepOnValidationMeansSomething) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TrainJob job = keras_job(set, folder / "short", ScoredNorms::moving);
  job.split.train.resize(24);  // three steps an epoch
  Everything told;
  train(job, told);
  ASSERT_EQ(told.warnings.size(), 1U);
  EXPECT_EQ(
      told.warnings[0],
      "validation means nothing before step 459, the end of epoch 153: until then batch "
      "norm's moving statistics are more than 1 % what they started from, and this training "
      "has 9 steps; set [train] norm_statistics = \"re-estimated\" to judge it by exact ones");
  job = keras_job(set, folder / "patient", ScoredNorms::moving);
  job.model =
      AttentionUNet(AttentionUNetOptions{.widths = {4, 8}, .batch_norm_momentum = 0.5}).ptr();
  job.split.train.resize(24);
  job.options.patience = 2;  // 7 steps: epoch 3 is the first that is judged
  job.options.learning_rate = 0;
  job.options.epochs = 40;
  Everything slow;
  const TrainResult result = train(job, slow);
  ASSERT_EQ(slow.notes.size(), 1U);
  EXPECT_TRUE(says(slow.notes[0], {"before step 7", "the end of epoch 3", "patience counts from"}));
  EXPECT_GE(result.epochs, 5);  // the third, and two without anything better
}

EpochDone epoch(int64_t number, double monitor, double loss) {
  EpochDone e;
  e.epoch = number;
  e.monitor = monitor;
  e.validation_loss = loss;
  return e;
}

TEST(Patience, CountsFromTheFirstEpochThatIsJudged) {
  TrainOptions options;
  const std::vector<EpochDone> history = {epoch(1, 0.9, 0.1), epoch(2, 0.1, 0.9),
                                          epoch(3, 0.3, 0.5), epoch(4, 0.2, 0.4),
                                          epoch(5, 0.3, 0.6)};
  EXPECT_EQ(epochs_without_progress(options, history, 1), 4);
  EXPECT_EQ(epochs_without_progress(options, history, 2), 2);  // 5 is as good as 3, not better
  EXPECT_EQ(epochs_without_progress(options, history, 6), 0);
  options.patience_on = PatienceOn::validation_loss;
  EXPECT_EQ(epochs_without_progress(options, history, 1), 4);
  EXPECT_EQ(epochs_without_progress(options, history, 2), 1);  // 4 had the lowest loss
  options.patience_on = PatienceOn::monitor;
  options.monitor = Monitor::last;
  EXPECT_EQ(epochs_without_progress(options, history, 1), 0);
  EXPECT_EQ(first_epoch_from(0, 10), 1);
  EXPECT_EQ(first_epoch_from(10, 10), 1);
  EXPECT_EQ(first_epoch_from(11, 10), 2);
}

TEST(Patience, OnTheValidationLossEndsATrainingWhoseLossRises) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TrainJob job = keras_job(set, folder / "run", ScoredNorms::re_estimated);
  job.options.epochs = 12;
  job.options.learning_rate = 0;
  job.options.monitor = Monitor::last;  // whose patience never ends
  job.options.patience = 2;
  job.options.patience_on = PatienceOn::validation_loss;
  EXPECT_EQ(train(job).epochs, 3);  // the loss stays what it was in the first
}

TEST(NormStatistics, OfNoSliceAreRefused) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  TwoNorms net;
  EXPECT_EQ(
      complaint(
          ErrorKind::data,
          [&] { reestimate_norms(*net, [](const torch::Tensor& x) { return x; }, set, {}, {}); }),
      "batch norm cannot be re-estimated on no slice");
}

}  // namespace
}  // namespace groundglass
