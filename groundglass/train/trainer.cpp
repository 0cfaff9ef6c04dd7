#include "groundglass/train/trainer.h"

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/core/torch_version.h"
#include "groundglass/losses/cross_entropy_loss.h"
#include "groundglass/models/inf_net.h"
#include "groundglass/train/memory_format.h"
#include "groundglass/train/training_state.h"

namespace groundglass {
namespace {

/// Segmentation as the training loop sees it.
class SegmentationTask final : public TrainingTask {
 public:
  explicit SegmentationTask(const TrainJob& job) : job_(job) {}

  torch::nn::Module& network() const override { return *job_.model; }

  void prepare(const Engine& engine) override {
    if (!job_.teacher) return;
    job_.teacher->model->to(engine.device);
    job_.teacher->model->eval();
    if (trains_channels_last(engine)) lay_channels_last(job_.teacher->model->parameters());
  }

  torch::Tensor loss(const Batch& batch, const torch::Tensor& image,
                     const Engine& engine) override {
    torch::Tensor taught;
    if (job_.teacher) taught = answer(*job_.teacher->model, image, engine);
    Prediction said;
    {
      const Autocast autocast(engine.device, engine.precision);
      said = job_.model->forward(image);
    }
    if (batch.rows.empty()) {  // a rank without a place: the image is nobody's and counts nowhere
      const auto none = [](torch::Tensor& x) {
        if (x.defined()) x = x.narrow(0, 0, 0);
      };
      none(said.logits);
      none(taught);
      for (auto& side : said.side) none(side);
    }
    const auto target = batch.target.to(engine.device);
    note_batch(said.logits, target);
    return supervised_loss(said, taught, target);
  }

  torch::Tensor run(const torch::Tensor& image) override {
    return job_.model->forward(image).logits;
  }

  SoftCounts last_batch() const override { return last_batch_; }

  void validate(const LoaderOptions& loader, const Engine& engine, EpochDone& done) override {
    ScoreOptions options;
    options.loader = loader;
    options.engine = engine;
    options.threshold = job_.threshold;
    const Scores scores =
        score_entries(*job_.model, *job_.set, job_.split.validation, options, job_.loss);
    done.validation_loss = scores.loss;
    done.soft_dice = soft_dice(scores.soft_pooled()).value_or(-1);
    done.hard_dice = dice(scores.pooled()).value_or(-1);
    for (const auto& counts : scores.class_pooled()) {
      done.class_dice.push_back(dice(counts).value_or(-1));
    }
    done.monitor = monitor_of(scores, done);
  }

  void write_progress(const std::filesystem::path& run,
                      const std::vector<EpochDone>& history) const override {
    write_progress_csv(run, history);
  }

  std::string how_to_go_on() const override { return "go on with --resume"; }

 private:
  void note_batch(const torch::Tensor& logits, const torch::Tensor& target) {
    const torch::NoGradGuard no_grad;
    const auto valid = target != kIgnoreLabel;
    const auto p = probabilities(logits.detach().to(torch::kFloat32)).sum(1);
    last_batch_ = soft_count(p * valid, ((target != 0) & valid).to(torch::kUInt8));
  }

  double monitor_of(const Scores& scores, const EpochDone& done) const {
    const Monitor monitor = job_.options.monitor;
    if (monitor == Monitor::soft_dice) return done.soft_dice;
    if (monitor == Monitor::hard_dice) return done.hard_dice;
    if (monitor == Monitor::class_dice) return class_mean_dice(scores);
    if (monitor == Monitor::last) return static_cast<double>(done.epoch);
    return domain_mean_dice(scores, job_.set->rows());
  }

  /// The loss of the logits, and that of the side outputs where these are trained, too; each to the
  /// masks and, with a teacher, to its answer.
  torch::Tensor supervised_loss(const Prediction& said, const torch::Tensor& taught,
                                const torch::Tensor& target) const {
    const double share = job_.teacher ? job_.teacher->weight : 0;
    const auto loss_of = [&](const torch::Tensor& any) {
      const auto logits = any.to(torch::kFloat32);
      const auto to_masks = job_.loss(logits, target);
      if (share == 0) return to_masks;
      return (1 - share) * to_masks + share * job_.teacher->loss(logits, taught, target);
    };
    auto loss = loss_of(said.logits);
    if (job_.options.edge_weight > 0) {
      const auto edges = said.side.back().to(torch::kFloat32);
      loss = loss +
             job_.options.edge_weight * groundglass::cross_entropy_loss(edges, edges_of(target));
    }
    if (job_.options.side_weight == 0) return loss;
    const int64_t sides = job_.model->supervised_sides();
    for (int64_t i = 0; i < sides; ++i) {
      loss = loss + job_.options.side_weight / static_cast<double>(sides) *
                        loss_of(said.side[static_cast<size_t>(i)]);
    }
    return loss;
  }

  const TrainJob& job_;
  SoftCounts last_batch_;
};

}  // namespace

torch::Tensor edges_of(const torch::Tensor& target) {
  const auto ignored = target == kIgnoreLabel;
  const auto inside = ((target != 0) & ~ignored).to(torch::kFloat32).unsqueeze(1);
  const auto grown = torch::max_pool2d(inside, 3, 1, 1);
  const auto shrunk = -torch::max_pool2d(-inside, 3, 1, 1);
  return (grown - shrunk).squeeze(1).to(torch::kUInt8).masked_fill(ignored, kIgnoreLabel);
}

TrainResult train(const TrainJob& job, Observer& observer) {
  if (job.split.train.empty()) fail(ErrorKind::data, "the split has no training rows");
  if (job.split.validation.empty()) fail(ErrorKind::data, "the split has no validation rows");
  if (job.options.side_weight > 0 && job.model->supervised_sides() == 0) {
    fail(ErrorKind::recipe,
         "[train] side_weight is set and the network has no side outputs to train; set it to 0, or "
         "[model] side_outputs of a U-Net");
  }
  if (job.options.edge_weight > 0 && dynamic_cast<const InfNetImpl*>(job.model.get()) == nullptr) {
    fail(ErrorKind::recipe,
         "[train] edge_weight is set and the network finds no edges; set it to 0, or take [model] "
         "name = \"inf_net\"");
  }
  SegmentationTask task(job);
  return run_training(job, task, observer);
}

bool has_unfinished_state(const std::filesystem::path& run) {
  return state_exists(run) && !state_is_finished(run);
}

}  // namespace groundglass
