#include "groundglass/train/classifier_trainer.h"

#include <chrono>
#include <cmath>
#include <set>

#include <nlohmann/json.hpp>

#include "groundglass/core/clock.h"
#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/rng.h"
#include "groundglass/core/text.h"
#include "groundglass/core/torch_version.h"
#include "groundglass/train/answers.h"
#include "groundglass/train/optimizer.h"
#include "groundglass/train/trusted_precision.h"
#include "groundglass/train/weights.h"

namespace groundglass {
using nlohmann::json;
namespace {

/// Where a training stands, beside its weights.
struct Standing {
  int64_t epoch = 0, step = 0;
  double loss_sum = 0;
  int64_t best_epoch = 0;
  double best_monitor = -1;
  std::vector<std::vector<std::string>> progress;  ///< lines of progress.csv

  json numbers() const {
    return {{"epoch", epoch},
            {"step", step},
            {"loss_sum", loss_sum},
            {"best_epoch", best_epoch},
            {"best_monitor", best_monitor},
            {"progress", progress}};
  }
  static Standing of(const json& j) {
    return {j.at("epoch"),      j.at("step"),         j.at("loss_sum"),
            j.at("best_epoch"), j.at("best_monitor"), j.at("progress")};
  }
};

torch::Tensor forward(EncoderClassifier& model, const torch::Tensor& image, const Engine& engine) {
  const Autocast autocast(engine.device, engine.precision);
  return model->forward(image.to(engine.device));
}

/// One training from its state to its end.
class ClassifierTraining {
 public:
  ClassifierTraining(const ClassifierJob& job, Observer& observer)
      : job_(job),
        observer_(observer),
        engine_(trusted_precision(job.engine, job.set->header().height, job.set->header().width,
                                  observer)),
        model_(job.model),
        parameters_(model_->parameters()) {
    model_->to(engine_.device);
    optimizer_ = make_optimizer(parameters_, job_.options);
    loader_.batch_size = job_.options.batch_size;
    loader_.threads = job_.options.loader_threads;
    loader_.seed = static_cast<uint64_t>(job_.options.seed);
    loader_.normalise = job_.normalise;
    loader_.augment = job_.augment;
    loader_.vary = job_.augment.mode == "online";
    if (std::filesystem::exists(state_path())) load();
    last_save_s_ = now_s();
  }

  ClassifierResult run() {
    while (state_.epoch < job_.options.epochs) one_epoch();
    save();
    load_weights(*model_, read_safetensors(weights_path()).tensors, weights_path().string());
    return {state_.epoch, state_.best_epoch, state_.best_monitor};
  }

 private:
  std::filesystem::path weights_path() const { return job_.run / "weights.safetensors"; }
  std::filesystem::path state_path() const { return job_.run / "state.safetensors"; }

  void one_epoch() {
    const auto order = epoch_order(job_.split.train, job_.set->rows(), job_.options.sampling,
                                   loader_.seed, static_cast<uint64_t>(state_.epoch),
                                   job_.options.steps_per_epoch * job_.options.batch_size);
    const auto batch = static_cast<size_t>(job_.options.batch_size);
    const auto steps = static_cast<int64_t>((order.size() + batch - 1) / batch);
    loader_.epoch = static_cast<uint64_t>(state_.epoch);
    const double begin = now_s();
    int64_t images = 0;
    {
      Loader loader(*job_.set, order, loader_, state_.step);
      model_->train();
      while (auto next = loader.next()) {
        const double loss = one_step(*next, steps);
        images += next->image.size(0);
        observer_.on(Progress{"steps", state_.step, steps,
                              "epoch " + std::to_string(state_.epoch + 1) + "/" +
                                  std::to_string(job_.options.epochs) + ", loss " +
                                  fixed(loss, 4)});
        save_or_stop();
      }
    }
    EpochDone done;
    done.images_per_s = static_cast<double>(images) / std::max(now_s() - begin, 1e-9);
    done.loss = state_.loss_sum / static_cast<double>(std::max<int64_t>(steps, 1));
    done.learning_rate = scheduled_rate(job_.options, static_cast<double>(state_.epoch));
    finish_epoch(done, begin);
  }

  torch::Tensor targets(const Batch& batch) const {
    std::vector<int64_t> classes;
    for (const int64_t row : batch.rows) classes.push_back(job_.classes[static_cast<size_t>(row)]);
    return torch::tensor(classes, torch::kInt64).to(engine_.device);
  }

  double one_step(const Batch& batch, int64_t steps) {
    const double progress = static_cast<double>(state_.epoch) +
                            static_cast<double>(state_.step) / static_cast<double>(steps);
    at::manual_seed(mix_keys(loader_.seed, static_cast<uint64_t>(state_.epoch),
                             static_cast<uint64_t>(state_.step), 0xd40b));
    for (auto& p : parameters_) p.mutable_grad().reset();
    const auto logits = forward(model_, batch.image, engine_).to(torch::kFloat32);
    const auto loss = torch::nll_loss(torch::log_softmax(logits, 1), targets(batch));
    const double value = loss.item<double>();
    if (!std::isfinite(value)) {
      fail(ErrorKind::recipe,
           "the loss is not a number in epoch " + std::to_string(state_.epoch + 1) + ", step " +
               std::to_string(state_.step + 1) + "; lower [train] learning_rate or set clip_norm");
    }
    loss.backward();
    if (job_.options.clip_norm > 0) clip_gradients(parameters_, job_.options.clip_norm);
    optimizer_->step(scheduled_rate(job_.options, progress));
    state_.loss_sum += value;
    ++state_.step;
    return value;
  }

  /// Between two steps: a checkpoint if one is due, and the end if a signal asked for it.
  void save_or_stop() {
    if (stop_signal() != 0) {
      save();
      throw Stopped(stop_signal(), "stopped after step " + std::to_string(state_.step) +
                                       " of epoch " + std::to_string(state_.epoch + 1) +
                                       "; the same command goes on");
    }
    if (now_s() - last_save_s_ > 60 * job_.options.checkpoint_minutes) save();
  }

  void finish_epoch(EpochDone& done, double begin) {
    LoaderOptions plain = loader_;
    plain.vary = false;
    const auto images = classify(model_, *job_.set, job_.split.validation, plain, engine_);
    const auto area = auc(class_scores(images, job_.classes));
    double loss = 0;
    for (const auto& image : images) {
      const auto own = static_cast<size_t>(job_.classes[static_cast<size_t>(image.row)]);
      loss -= std::log(std::max(image.shares[own], 1e-12));
    }
    done.validation_loss = loss / static_cast<double>(std::max<size_t>(images.size(), 1));
    done.epoch = state_.epoch + 1;
    done.epochs = job_.options.epochs;
    done.monitor = area.value_or(-1);
    const bool last = job_.options.monitor == "last";
    done.best = last || state_.best_epoch == 0 || done.monitor > state_.best_monitor;
    done.seconds = now_s() - begin;
    done.rss_mib = rss_mib();
    if (done.best) {
      state_.best_monitor = done.monitor;
      state_.best_epoch = done.epoch;
      write_safetensors(weights_path(), {named_weights(*model_), job_.weights_notes});
    }
    ++state_.epoch;
    state_.step = 0;
    state_.loss_sum = 0;
    state_.progress.push_back({std::to_string(done.epoch), shortest(done.loss),
                               shortest(done.validation_loss), area ? shortest(*area) : "",
                               shortest(done.learning_rate), fixed(done.seconds, 2),
                               done.best ? "1" : "0"});
    save();
    std::string text =
        csv_line({"epoch", "loss", "validation_loss", "auc", "learning_rate", "seconds", "best"});
    for (const auto& line : state_.progress) text += csv_line(line);
    write_file(job_.run / "progress.csv", text);
    observer_.on(done);
  }

  void save() {
    TensorArchive archive;
    for (const auto& [name, tensor] : named_weights(*model_)) {
      archive.tensors["weights/" + name] = tensor;
    }
    for (const auto& [name, tensor] : optimizer_->state()) {
      archive.tensors["optimizer/" + name] = tensor;
    }
    archive.metadata["classifier"] = state_.numbers().dump();
    write_safetensors(state_path(), archive);
    last_save_s_ = now_s();
  }

  void load() {
    const TensorArchive archive = read_safetensors(state_path());
    try {
      state_ = Standing::of(json::parse(archive.metadata.at("classifier")));
    } catch (const std::exception& e) {
      fail(ErrorKind::checkpoint,
           state_path().string() + ": is no state of a classifier (" + e.what() + ")");
    }
    load_weights(*model_, tensors_below(archive, "weights/"), state_path().string());
    optimizer_->load(tensors_below(archive, "optimizer/"));
  }

  const ClassifierJob& job_;
  Observer& observer_;
  Engine engine_;
  EncoderClassifier model_;
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<Optimizer> optimizer_;
  LoaderOptions loader_;
  Standing state_;
  double last_save_s_ = 0;
};

void check_classes(const ClassifierJob& job) {
  if (job.split.train.empty()) fail(ErrorKind::data, "the split has no training rows");
  std::set<int64_t> present;
  for (const auto& entry : job.split.train) {
    const int64_t c = job.classes.at(static_cast<size_t>(entry.row));
    if (c < 0 || c >= job.model->classes()) {
      fail(ErrorKind::data, job.set->rows()[static_cast<size_t>(entry.row)].id + ": class " +
                                std::to_string(c) + ", expected 0 to " +
                                std::to_string(job.model->classes() - 1));
    }
    present.insert(c);
  }
  if (present.size() < 2) {
    fail(ErrorKind::data, "the training rows are of one class only, expected at least two");
  }
}

}  // namespace

ClassifierResult train_classifier(const ClassifierJob& job, Observer& observer) {
  check_classes(job);
  return ClassifierTraining(job, observer).run();
}

std::vector<ClassifiedImage> classify(EncoderClassifier& model, const PreparedSet& set,
                                      const std::vector<Entry>& entries,
                                      const LoaderOptions& options, const Engine& engine) {
  const Network network = [&](const torch::Tensor& x) { return model->forward(x); };
  std::vector<ClassifiedImage> images;
  for_each_batch(*model, set, entries, options, "stopped while scoring", [&](const Batch& batch) {
    const auto logits = answer(network, batch.image, engine).cpu();
    const auto shares = torch::softmax(logits, 1).to(torch::kFloat64).contiguous();
    for (int64_t i = 0; i < shares.size(0); ++i) {
      const double* first = shares.data_ptr<double>() + i * shares.size(1);
      images.push_back({batch.rows[static_cast<size_t>(i)], {first, first + shares.size(1)}});
    }
  });
  return images;
}

std::vector<ImageScore> class_scores(const std::vector<ClassifiedImage>& images,
                                     const std::vector<int64_t>& classes) {
  std::vector<ImageScore> scores;
  for (const auto& image : images) {
    scores.push_back({image.shares.at(1), classes.at(static_cast<size_t>(image.row)) == 1});
  }
  return scores;
}

}  // namespace groundglass
