// A training on ranks again: the same bits each time, stopped and gone on with, and with gradients
// that are sent as bf16.
#include <atomic>

#include <gtest/gtest.h>

#include "groundglass/core/process.h"
#include "groundglass/train/training_state.h"
#include "tests/complaint.h"
#include "tests/distributed/trained_on_ranks.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

void send_bf16(TrainJob& job) {
  job.options.sent_gradients = SentGradients::bf16;
}

TEST(DistributedTraining, GivesTheSameBitsAndNearlyThoseOfFloat32WithGradientsSentAsBf16) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder, {.patients = 10});
  const auto a = train_on(3, set, folder / "a", attention_unet_with_dropout, send_bf16);
  const auto b = train_on(3, set, folder / "b", attention_unet_with_dropout, send_bf16);
  EXPECT_EQ(difference_of(a, b), 0);
  const auto fine = train_on(3, set, folder / "fine", attention_unet_with_dropout);
  // Twenty steps of 0.05 with gradients of norm 1 move a weight by 1 at most; bf16 is true to 0.4
  // %.
  EXPECT_GT(difference_of(a, fine), 0);
  EXPECT_LT(difference_of(a, fine), 0.01);
  for (size_t e = 0; e < a.history.size(); ++e) {
    EXPECT_NEAR(a.history[e].loss, fine.history[e].loss, 1e-3);
    EXPECT_GT(a.history[e].exchange_wait_s, 0);
  }
}

TEST(DistributedTraining, RefusesRanksThatSendGradientsInDifferentWays) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder, {.patients = 10});
  int64_t rank = 0;
  EXPECT_EQ(complaint(ErrorKind::usage,
                      [&] {
                        train_on(2, set, folder / "run", attention_unet_with_dropout,
                                 [&](TrainJob& job) {
                                   if (rank++ == 1) send_bf16(job);
                                 });
                      }),
            "rank 1 differs from rank 0 in the arithmetic, expected the same on all 2 ranks; start "
            "them with one program, one command line, one folder of data and processors of one "
            "kind");
}

TEST(DistributedTraining, SaysThatOneProcessSendsNoGradients) {
  class Warnings final : public Observer {
   public:
    void on(const Warning& e) override { all.push_back(e.message); }
    std::vector<std::string> all;
  };
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder, {.patients = 10});
  auto job = job_of(set, folder / "run", attention_unet_with_dropout);
  send_bf16(job);
  job.options.epochs = 1;
  Warnings warnings;
  train(job, warnings);
  EXPECT_EQ(std::count(warnings.all.begin(), warnings.all.end(),
                       "[train] sent_gradients is 'bf16', and one process sends none: they stay "
                       "float32"),
            1);
  const auto exact = train_on(1, set, folder / "exact", attention_unet_with_dropout,
                              [](TrainJob& j) { j.options.epochs = 1; });
  for (const auto& [name, tensor] : read_safetensors(folder / "run" / "state.safetensors").tensors)
    EXPECT_TRUE(torch::equal(tensor, exact.weights.at(name))) << name;
}

/// Asks one rank to stop at a step of the first epoch.
class StopAtStep final : public Observer {
 public:
  void on(const Progress& e) override {
    if (e.done == 3) request_stop(SIGTERM);
  }
};

/// A training on two ranks that was stopped goes on with each number of ranks: on two with the same
/// bits, on others with a difference below `tolerance`.
void expect_resumption(const std::vector<int64_t>& sizes, double tolerance,
                       const std::function<void(TrainJob&)>& change = {}) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder, {.patients = 10});
  const auto whole = train_on(2, set, folder / "whole", attention_unet_with_dropout, change);
  for (const int64_t second : sizes) {
    const fs::path run = folder / ("parts" + std::to_string(second));
    std::vector<TrainJob> jobs;
    for (int64_t r = 0; r < 2; ++r) {
      jobs.push_back(job_of(set, run, attention_unet_with_dropout));
      if (change) change(jobs.back());
    }
    std::atomic<int64_t> stopped = 0;
    on_ranks(2, [&](Team& ranks) {
      StopAtStep stop;
      try {
        train(jobs[static_cast<size_t>(ranks.rank())], stop);
      } catch (const Stopped& e) {
        EXPECT_EQ(e.exit_code(), 128 + SIGTERM);
        ++stopped;
      }
    });
    request_stop(0);
    EXPECT_EQ(stopped, 2);
    EXPECT_TRUE(has_unfinished_state(run));
    const auto rest = train_on(second, set, run, attention_unet_with_dropout, change);
    if (second == 2) {
      EXPECT_EQ(difference_of(whole, rest), 0);
    } else {
      EXPECT_LT(difference_of(whole, rest), tolerance);
    }
  }
}

TEST(DistributedTraining, GoesOnWithTheSameBitsOrOnAnotherNumberOfRanks) {
  expect_resumption({2, 4, 1}, 1e-5);
}

TEST(DistributedTraining, GoesOnWithGradientsSentAsBf16) {
  expect_resumption({2, 1}, 0.01, send_bf16);
}

}  // namespace
}  // namespace groundglass
