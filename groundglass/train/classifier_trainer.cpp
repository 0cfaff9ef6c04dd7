#include "groundglass/train/classifier_trainer.h"

#include <cmath>
#include <set>

#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/torch_version.h"
#include "groundglass/distributed/global_batch.h"
#include "groundglass/train/answers.h"
#include "groundglass/train/training_state.h"

namespace groundglass {
namespace {

/// Classification of whole images as the training loop sees it.
class ClassificationTask final : public TrainingTask {
 public:
  explicit ClassificationTask(const ClassifierJob& job) : job_(job), model_(job.model) {}

  torch::nn::Module& network() const override { return *model_.ptr(); }

  torch::Tensor loss(const Batch& batch, const torch::Tensor& image,
                     const Engine& engine) override {
    torch::Tensor logits;
    {
      const Autocast autocast(engine.device, engine.precision);
      logits = model_->forward(image);
    }
    std::vector<int64_t> classes;
    for (const int64_t row : batch.rows) classes.push_back(class_of(row));
    const auto log_p = torch::log_softmax(logits.to(torch::kFloat32), 1);
    const auto truth = torch::tensor(classes, torch::kInt64).to(engine.device);
    if (GlobalBatch::current() == nullptr) return torch::nll_loss(log_p, truth);
    const auto held = static_cast<int64_t>(classes.size());  // none: the image is nobody's
    const auto sum = -log_p.narrow(0, 0, held).gather(1, truth.unsqueeze(1)).sum();
    return over_ranks(sum) / static_cast<double>(images_in_batch(held));
  }

  torch::Tensor run(const torch::Tensor& image) override { return model_->forward(image); }

  void validate(const LoaderOptions& loader, const Engine& engine, EpochDone& done) override {
    const auto images = classify(model_, *job_.set, job_.split.validation, loader, engine);
    double loss = 0;
    for (const auto& image : images) {
      const double share = image.shares[static_cast<size_t>(class_of(image.row))];
      loss -= std::log(std::max(share, 1e-12));
    }
    done.validation_loss = loss / static_cast<double>(std::max<size_t>(images.size(), 1));
    done.monitor = auc(class_scores(images, job_.classes)).value_or(-1);
  }

  void write_progress(const std::filesystem::path& run,
                      const std::vector<EpochDone>& history) const override {
    std::string text =
        csv_line({"epoch", "loss", "validation_loss", "auc", "learning_rate", "seconds", "best"});
    for (const auto& e : history) {
      text += csv_line({std::to_string(e.epoch), shortest(e.loss), shortest(e.validation_loss),
                        e.monitor < 0 ? "" : shortest(e.monitor), shortest(e.learning_rate),
                        fixed(e.seconds, 2), e.best ? "1" : "0"});
    }
    write_file(run / "progress.csv", text);
  }

  std::string how_to_go_on() const override { return "the same command goes on"; }
  std::string state_name() const override { return "state of a classifier"; }

 private:
  int64_t class_of(int64_t row) const { return job_.classes[static_cast<size_t>(row)]; }

  const ClassifierJob& job_;
  EncoderClassifier model_;
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

TrainResult train_classifier(const ClassifierJob& job, Observer& observer) {
  check_classifier_options(job.options);
  check_classes(job);
  ClassificationTask task(job);
  return run_training(job, task, observer);
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
