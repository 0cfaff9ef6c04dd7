#include "groundglass/train/training.h"

#include <cmath>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/rng.h"
#include "groundglass/core/text.h"
#include "groundglass/train/memory_format.h"
#include "groundglass/train/optimizer.h"
#include "groundglass/train/training_state.h"
#include "groundglass/train/trusted_precision.h"
#include "groundglass/train/weight_average.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace {

/// One training from its state to its end.
class Training {
 public:
  Training(const TrainingJob& job, TrainingTask& task, Observer& observer)
      : job_(job),
        task_(task),
        observer_(observer),
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
    if (job_.options.sampling == Sampling::small_lesions) {
      small_lesions_ = rows_with_small_lesions(*job_.set);
    }
    if (state_exists(job_.run)) {
      state_ = load_state(job_.run, network_, *optimizer_, average_, task_.state_name());
    }
    last_save_s_ = now_s();
  }

  TrainResult run() {
    while (state_.epoch < job_.options.epochs && !out_of_patience()) {
      if (pause_is_due()) return {state_.epoch, state_.best_epoch, state_.best_monitor};
      one_epoch();
    }
    state_.finished = true;
    save();
    load_weights(network_, read_safetensors(weights_path()).tensors, weights_path().string());
    return {state_.epoch, state_.best_epoch, state_.best_monitor};
  }

 private:
  std::filesystem::path weights_path() const { return job_.run / "weights.safetensors"; }

  bool out_of_patience() const {
    return job_.options.patience > 0 && state_.epoch - state_.best_epoch >= job_.options.patience;
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
    int64_t images = 0;
    EpochDone done;
    {
      Loader loader(*job_.set, order, loader_, state_.step);
      network_.train();
      while (auto next = loader.next()) {
        const double loss = one_step(*next, steps);
        images += next->image.size(0);
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
    done.images_per_s = trained_s > 0 ? static_cast<double>(images) / trained_s : 0;
    done.loss = state_.loss_sum / static_cast<double>(std::max<int64_t>(steps, 1));
    done.learning_rate = scheduled_rate(job_.options, static_cast<double>(state_.epoch));
    finish_epoch(done, begin);
  }

  double one_step(const Batch& batch, int64_t steps) {
    const double progress = static_cast<double>(state_.epoch) +
                            static_cast<double>(state_.step) / static_cast<double>(steps);
    // Dropout draws from LibTorch's generator: seeded for each step, it has no history to save.
    at::manual_seed(mix_keys(loader_.seed, static_cast<uint64_t>(state_.epoch),
                             static_cast<uint64_t>(state_.step), 0xd40b));
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
    loss.backward();
    if (job_.options.clip_norm > 0) clip_gradients(parameters_, job_.options.clip_norm);
    optimizer_->step(scheduled_rate(job_.options, progress));
    average_.update(network_);
    state_.loss_sum += value;
    ++state_.step;
    return value;
  }

  /// Between two steps: a checkpoint if one is due, and the end if a signal asked for it.
  void save_or_stop() {
    if (stop_signal() != 0) {
      save();
      throw Stopped(stop_signal(), "stopped after step " + std::to_string(state_.step) +
                                       " of epoch " + std::to_string(state_.epoch + 1) + "; " +
                                       task_.how_to_go_on());
    }
    if (now_s() - last_save_s_ > 60 * job_.options.checkpoint_minutes) save();
  }

  void finish_epoch(EpochDone& done, double begin) {
    LoaderOptions plain = loader_;
    plain.vary = false;
    WeightAverage::Swapped averaged(average_, network_);
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
      write_safetensors(weights_path(), {named_weights(network_), job_.weights_notes});
    }
    ++state_.epoch;
    state_.step = 0;
    state_.loss_sum = 0;
    state_.history.push_back(done);
    averaged.restore();
    save();
    task_.write_progress(job_.run, state_.history);
    observer_.on(done);
  }

  void save() {
    save_state(job_.run, state_, network_, *optimizer_, average_);
    last_save_s_ = now_s();
  }

  const TrainingJob& job_;
  TrainingTask& task_;
  Observer& observer_;
  Engine engine_;
  torch::nn::Module& network_;
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<Optimizer> optimizer_;
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
