#include "groundglass/train/training.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/rng.h"
#include "groundglass/core/text.h"
#include "groundglass/distributed/global_batch.h"
#include "groundglass/distributed/gradient_buckets.h"
#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/train/memory_format.h"
#include "groundglass/train/norm_statistics.h"
#include "groundglass/train/optimizer.h"
#include "groundglass/train/patience.h"
#include "groundglass/train/training_state.h"
#include "groundglass/train/trusted_precision.h"
#include "groundglass/train/weight_average.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace {

/// Ranks up to which batch norm is global unless the recipe says something.
constexpr int64_t kGlobalUpTo = 8;

BatchStatistics batch_statistics(BatchNormOver over, int64_t ranks) {
  const bool global =
      over == BatchNormOver::global || (over == BatchNormOver::automatic && ranks <= kGlobalUpTo);
  return global ? BatchStatistics::global : BatchStatistics::local;
}

/// One training from its state to its end.
class Training {
 public:
  Training(const TrainingJob& job, TrainingTask& task, Observer& observer)
      : job_(job),
        task_(task),
        observer_(team().leads() ? observer : silent_observer()),
        ranks_(team()),
        statistics_(batch_statistics(job.options.batch_norm, ranks_.size())),
        engine_(trusted_precision(job.engine, job.set->header().height, job.set->header().width,
                                  observer)),
        network_(task.network()),
        parameters_(network_.parameters()) {
    network_.to(engine_.device);
    task_.prepare(engine_);
    if (trains_channels_last(engine_)) lay_channels_last(parameters_);
    optimizer_ = make_optimizer(parameters_, job_.options);
    average_ = WeightAverage(network_, job_.options.ema_decay);
    loader_.batch_size = job_.options.batch_size;
    loader_.threads = job_.options.loader_threads;
    loader_.seed = static_cast<uint64_t>(job_.options.seed);
    loader_.normalise = job_.normalise;
    loader_.augment = job_.augment;
    loader_.vary = job_.augment.mode == AugmentMode::online;
    loader_.rank = ranks_.rank();
    loader_.ranks = ranks_.size();
    if (job_.options.sampling == Sampling::small_lesions) {
      small_lesions_ = rows_with_small_lesions(*job_.set);
    }
    state_.forgetting_steps = judges_exactly() ? 0 : forgetting_steps(network_);
    if (state_exists(job_.run)) {
      state_ = load_state(job_.run, network_, *optimizer_, average_, task_.state_name());
    }
    if (ranks_.size() > 1) {
      meet_the_others();
    } else if (job_.options.sent_gradients != SentGradients::fp32) {
      observer_.on(
          Warning{"[train] sent_gradients is 'bf16', and one process sends none: they stay "
                  "float32"});
    }
    last_save_s_ = now_s();
  }

  TrainResult run() {
    tell_what_validation_means();
    while (state_.epoch < job_.options.epochs && !out_of_patience()) {
      if (pause_is_due()) return {state_.epoch, state_.best_epoch, state_.best_monitor};
      one_epoch();
    }
    state_.finished = true;
    save();
    if (ranks_.leads()) {
      load_weights(network_, read_safetensors(weights_path()).tensors, weights_path().string());
    }
    share_weights();  // not read by all: a file system may show other machines an older file
    return {state_.epoch, state_.best_epoch, state_.best_monitor};
  }

 private:
  void meet_the_others() {
    if (job_.options.batch_size < ranks_.size()) {
      fail(ErrorKind::recipe, "[train] batch_size is " + std::to_string(job_.options.batch_size) +
                                  " and " + std::to_string(ranks_.size()) +
                                  " processes share a batch, expected at least one slice for each; "
                                  "raise batch_size or start fewer");
    }
    if (statistics_ == BatchStatistics::global) check_norms_are_ours(network_);
    ranks_.check_same("the training state",
                      std::to_string(state_.epoch) + "/" + std::to_string(state_.step) + "/" +
                          shortest(state_.loss_sum) + "/" + std::to_string(state_.best_epoch));
    const bool narrow = job_.options.sent_gradients == SentGradients::bf16;
    ranks_.check_same("the arithmetic", std::string(precision_name(engine_.precision)) +
                                            (narrow ? ", gradients sent as bf16" : ""));
    share_weights();
    GradientBucketOptions options;
    if (narrow) options.float_travels_as = torch::kBFloat16;
    buckets_ = std::make_unique<GradientBuckets>(parameters_, ranks_, options);
  }

  /// Gives all ranks the weights of rank 0.
  void share_weights() {
    if (ranks_.size() == 1) return;
    const torch::NoGradGuard no_grad;
    for (auto& [name, tensor] : named_weights(network_)) {
      ranks_.broadcast(tensor, "sharing weights");
    }
  }

  std::filesystem::path weights_path() const { return job_.run / "weights.safetensors"; }

  bool judges_exactly() const { return job_.options.norm_statistics == ScoredNorms::re_estimated; }

  int64_t steps_of_an_epoch() const {
    const int64_t images = job_.options.steps_per_epoch > 0
                               ? job_.options.steps_per_epoch * job_.options.batch_size
                               : static_cast<int64_t>(job_.split.train.size());
    return (images + job_.options.batch_size - 1) / job_.options.batch_size;
  }

  /// The first epoch that is judged by statistics of the images; 1 is the first.
  int64_t first_judged_epoch() const {
    return first_epoch_from(state_.forgetting_steps, steps_of_an_epoch());
  }

  bool out_of_patience() const {
    return job_.options.patience > 0 &&
           epochs_without_progress(job_.options, state_.history, first_judged_epoch()) >=
               job_.options.patience;
  }

  void tell_what_validation_means() {
    if (state_.forgetting_steps == 0 || state_.epoch >= first_judged_epoch()) return;
    const int64_t all = job_.options.epochs * steps_of_an_epoch();
    const std::string text =
        "validation means nothing before step " + std::to_string(state_.forgetting_steps) +
        ", the end of epoch " + std::to_string(first_judged_epoch()) +
        ": until then batch norm's moving statistics are more than 1 % what they started from";
    if (all < state_.forgetting_steps) {
      observer_.on(Warning{text + ", and this training has " + std::to_string(all) +
                           " steps; set [train] norm_statistics = \"re-estimated\" to judge it by "
                           "exact ones"});
    } else {
      observer_.on(Note{text + (job_.options.patience > 0 ? "; patience counts from there" : "")});
    }
  }

  bool pause_is_due() const { return job_.pause_after > 0 && state_.epoch >= job_.pause_after; }

  void one_epoch() {
    const int64_t draws = job_.options.steps_per_epoch * job_.options.batch_size;
    const auto order =
        epoch_order(job_.split.train, job_.set->rows(), job_.options.sampling, loader_.seed,
                    static_cast<uint64_t>(state_.epoch), draws, small_lesions_);
    const auto batch = static_cast<size_t>(job_.options.batch_size);
    const auto steps = static_cast<int64_t>((order.size() + batch - 1) / batch);
    loader_.epoch = static_cast<uint64_t>(state_.epoch);
    const double begin = now_s();
    const double waited_before_s = buckets_ ? buckets_->waited_s() : 0;
    int64_t images = 0;
    EpochDone done;
    {
      Loader loader(*job_.set, order, loader_, state_.step);
      network_.train();
      while (auto next = loader.next()) {
        const int64_t in_batch =
            std::min<int64_t>(job_.options.batch_size, static_cast<int64_t>(order.size()) -
                                                           state_.step * job_.options.batch_size);
        const double loss = one_step(*next, in_batch, steps);
        images += in_batch;
        observer_.on(Progress{"steps", state_.step, steps,
                              "epoch " + std::to_string(state_.epoch + 1) + "/" +
                                  std::to_string(job_.options.epochs) + ", loss " +
                                  fixed(loss, 4)});
        save_or_stop();
      }
      done.waited_s = loader.waited_s();
      done.loader_images_per_s = loader.images_per_s();
    }
    const double trained_s = now_s() - begin;
    if (buckets_) done.exchange_wait_s = buckets_->waited_s() - waited_before_s;
    done.images_per_s = trained_s > 0 ? static_cast<double>(images) / trained_s : 0;
    done.loss = state_.loss_sum / static_cast<double>(std::max<int64_t>(steps, 1));
    done.training_dice = soft_dice(state_.soft).value_or(-1);
    done.learning_rate = scheduled_rate(job_.options, static_cast<double>(state_.epoch));
    finish_epoch(done, begin);
  }

  /// images  of the batch, over all ranks
  double one_step(const Batch& batch, int64_t images, int64_t steps) {
    const double progress = static_cast<double>(state_.epoch) +
                            static_cast<double>(state_.step) / static_cast<double>(steps);
    // Dropout draws from LibTorch's generator: seeded for each step, it has no history to save.
    const uint64_t key = mix_keys(loader_.seed, static_cast<uint64_t>(state_.epoch),
                                  static_cast<uint64_t>(state_.step), 0xd40b);
    at::manual_seed(key);
    std::optional<GlobalBatch> global;
    if (buckets_) global.emplace(ranks_, images, statistics_, key);
    for (auto& p : parameters_) p.mutable_grad().reset();
    auto image = batch.image.to(engine_.device);
    if (trains_channels_last(engine_)) image = channels_last(image);
    const auto loss = task_.loss(batch, image, engine_);
    const double value = loss.item<double>();
    if (!std::isfinite(value)) {
      fail(ErrorKind::recipe,
           "the loss is not a number in epoch " + std::to_string(state_.epoch + 1) + ", step " +
               std::to_string(state_.step + 1) + "; lower [train] learning_rate or set clip_norm");
    }
    if (buckets_) buckets_->begin();
    loss.backward();
    if (buckets_) buckets_->finish();
    if (job_.options.clip_norm > 0) clip_gradients(parameters_, job_.options.clip_norm);
    optimizer_->step(scheduled_rate(job_.options, progress));
    average_.update(network_);
    state_.loss_sum += value;
    state_.soft += over_all_ranks(task_.last_batch());
    ++state_.step;
    return value;
  }

  SoftCounts over_all_ranks(const SoftCounts& mine) {
    if (ranks_.size() == 1) return mine;
    auto sums = torch::tensor({mine.overlap, mine.probability, mine.truth}, torch::kFloat64);
    ranks_.sum(sums, "adding up the training Dice");
    return {sums[0].item<double>(), sums[1].item<double>(), sums[2].item<double>()};
  }

  /// Between two steps: a checkpoint if one is due, and the end if a signal asked for it.
  void save_or_stop() {
    const int signal = ranks_.size() > 1 ? ranks_.agreed_stop(stop_signal()) : stop_signal();
    if (signal != 0) {
      save();
      throw Stopped(signal, "stopped after step " + std::to_string(state_.step) + " of epoch " +
                                std::to_string(state_.epoch + 1) + "; " + task_.how_to_go_on());
    }
    if (now_s() - last_save_s_ > 60 * job_.options.checkpoint_minutes) save();
  }

  void finish_epoch(EpochDone& done, double begin) {
    LoaderOptions plain = loader_;
    plain.vary = false;
    plain.rank = 0;
    plain.ranks = 1;
    WeightAverage::Swapped averaged(average_, network_);
    agree_on_weights();
    // The next epoch goes on with the moving statistics, so that a resumed one does not differ.
    std::optional<KeptNormStatistics> kept;
    if (judges_exactly()) {
      kept.emplace(network_);
      judge_exactly(plain);
    }
    done.epoch = state_.epoch + 1;
    done.epochs = job_.options.epochs;
    task_.validate(plain, engine_, done);
    done.best = job_.options.monitor == Monitor::last || state_.best_epoch == 0 ||
                done.monitor > state_.best_monitor;
    done.seconds = now_s() - begin;
    done.rss_mib = rss_mib();
    if (done.best) {
      state_.best_monitor = done.monitor;
      state_.best_epoch = done.epoch;
      if (ranks_.leads()) {
        write_safetensors(weights_path(), {named_weights(network_), job_.weights_notes});
      }
    }
    ++state_.epoch;
    state_.step = 0;
    state_.loss_sum = 0;
    state_.soft = {};
    state_.history.push_back(done);
    kept.reset();
    averaged.restore();
    save();
    if (ranks_.leads()) task_.write_progress(job_.run, state_.history);
    observer_.on(done);
  }

  /// Gives batch norm its exact statistics over training entries, drawn as those of an epoch are
  /// and the same ones each time.
  void judge_exactly(const LoaderOptions& plain) {
    const int64_t wanted = job_.options.norm_slices;
    const auto all = static_cast<int64_t>(job_.split.train.size());
    constexpr uint64_t kKey = 0x57a715;
    const auto entries = epoch_order(job_.split.train, job_.set->rows(), job_.options.sampling,
                                     mix_keys(loader_.seed, kKey), 0,
                                     wanted > 0 ? std::min(wanted, all) : all, small_lesions_);
    reestimate_norms(network_, [this](const torch::Tensor& x) { return task_.run(x); }, *job_.set,
                     entries, {.loader = plain, .engine = engine_});
  }

  /// Before an epoch is judged: moving statistics of local batches are rank 0's; everything else
  /// has to be the same on all ranks, which processors of several kinds may fail to keep up.
  void agree_on_weights() {
    if (ranks_.size() == 1) return;
    const torch::NoGradGuard no_grad;
    if (statistics_ == BatchStatistics::local) {
      for (auto& buffer : network_.buffers()) ranks_.broadcast(buffer, "sharing statistics");
    }
    ranks_.check_same("the weights after epoch " + std::to_string(state_.epoch + 1),
                      std::to_string(digest_of_weights(network_)));
  }

  void save() {
    if (ranks_.leads()) save_state(job_.run, state_, network_, *optimizer_, average_);
    last_save_s_ = now_s();
  }

  const TrainingJob& job_;
  TrainingTask& task_;
  Observer& observer_;
  Team& ranks_;
  BatchStatistics statistics_;
  Engine engine_;
  torch::nn::Module& network_;
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<GradientBuckets> buckets_;  ///< of several ranks
  WeightAverage average_;
  LoaderOptions loader_;
  std::vector<bool> small_lesions_;
  TrainingState state_;
  double last_save_s_ = 0;
};

}  // namespace

TrainResult run_training(const TrainingJob& job, TrainingTask& task, Observer& observer) {
  if (job.split.train.empty()) fail(ErrorKind::data, "the split has no training rows");
  return Training(job, task, observer).run();
}

}  // namespace groundglass
