#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "groundglass/losses/dice_loss.h"
#include "groundglass/losses/focal_tversky_loss.h"
#include "groundglass/models/attention_unet.h"
#include "groundglass/train/trainer.h"
#include "groundglass/train/weights.h"
#include "tests/data/made_up_set.h"
#include "tests/distributed/threads_as_ranks.h"

namespace groundglass {

using MakeModel = std::function<ModelPtr()>;

struct TrainedOn {
  std::map<std::string, torch::Tensor> weights;  ///< after the last step
  std::vector<EpochDone> history;
};

/// Keeps its epochs.
class Epochs final : public Observer {
 public:
  void on(const EpochDone& e) override { all.push_back(e); }
  std::vector<EpochDone> all;
};

inline ModelPtr attention_unet_with_dropout() {
  return AttentionUNet(AttentionUNetOptions{.widths = {4, 8, 8}, .dropout = 0.2}).ptr();
}

/// Twenty steps and more: with 30 images in batches of 7, each epoch ends with a batch of 2, of
/// which two of four ranks hold none. Augmentation, momentum and clipping take part.
inline TrainJob job_of(const PreparedSet& set, const std::filesystem::path& run,
                       const MakeModel& make) {
  TrainJob job;
  at::manual_seed(1);
  job.model = make();
  job.loss = [](const torch::Tensor& logits, const torch::Tensor& target) {
    return 0.5 * dice_loss(logits, target) + 0.5 * focal_tversky_loss(logits, target);
  };
  job.options.epochs = 4;
  job.options.batch_size = 7;
  job.options.optimizer = OptimizerKind::sgd;
  job.options.learning_rate = 0.05;
  job.options.clip_norm = 1;
  job.augment.mode = AugmentMode::online;
  job.set = &set;
  SplitOptions split;
  split.folds = 2;
  job.split = make_splits(set.rows(), split, 0).front();
  job.split.train.resize(30);
  job.run = run;
  std::filesystem::create_directories(run);
  return job;
}

/// Trains on so many ranks. All ranks' weights have to be the same bits.
inline TrainedOn train_on(int64_t size, const PreparedSet& set, const std::filesystem::path& run,
                          const MakeModel& make,
                          const std::function<void(TrainJob&)>& change = {}) {
  TrainedOn result;
  std::vector<uint64_t> digests(static_cast<size_t>(size));
  std::vector<TrainJob> jobs;
  for (int64_t r = 0; r < size; ++r) {  // made one by one: they share LibTorch's generator
    jobs.push_back(job_of(set, run, make));
    if (change) change(jobs.back());
  }
  on_ranks(size, [&](Team& ranks) {
    auto& job = jobs[static_cast<size_t>(ranks.rank())];
    Epochs epochs;
    train(job, epochs);
    digests[static_cast<size_t>(ranks.rank())] = digest_of_weights(*job.model);
    if (ranks.leads()) {
      result.history = epochs.all;
    } else {
      EXPECT_TRUE(epochs.all.empty());
    }
  });
  for (const uint64_t digest : digests) EXPECT_EQ(digest, digests.front());
  result.weights = read_safetensors(run / "state.safetensors").tensors;
  return result;
}

inline double difference_of(const TrainedOn& a, const TrainedOn& b, std::string* where = nullptr) {
  double largest = 0;
  EXPECT_EQ(a.weights.size(), b.weights.size());
  for (const auto& [name, tensor] : a.weights) {
    const double d = (tensor.to(torch::kFloat64) - b.weights.at(name).to(torch::kFloat64))
                         .abs()
                         .max()
                         .item<double>();
    if (!(d <= largest)) {
      largest = d;
      if (where != nullptr) *where = name;
    }
  }
  return largest;
}

}  // namespace groundglass
