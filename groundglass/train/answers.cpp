#include "groundglass/train/answers.h"

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/torch_version.h"
#include "groundglass/models/mirrors.h"

namespace groundglass {
namespace {

/// While it lives, a module is in evaluation mode.
class EvaluationMode {
 public:
  explicit EvaluationMode(torch::nn::Module& module)
      : module_(module), training_(module.is_training()) {
    module_.eval();
  }
  ~EvaluationMode() { module_.train(training_); }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  torch::nn::Module& module_;
  bool training_;
};

}  // namespace

torch::Tensor answer(const Network& network, const torch::Tensor& images, const Engine& engine,
                     int64_t views) {
  const torch::NoGradGuard no_grad;
  torch::Tensor logits;
  {
    const Autocast autocast(engine.device, engine.precision);
    logits = mean_of_views(network, images.to(engine.device), views);
  }
  return logits.to(torch::kFloat32);
}

torch::Tensor answer(SegmentationModel& model, const torch::Tensor& images, const Engine& engine,
                     int64_t views) {
  return answer([&](const torch::Tensor& x) { return model.forward(x).logits; }, images, engine,
                views);
}

void for_each_batch(torch::nn::Module& model, const PreparedSet& set,
                    const std::vector<Entry>& entries, const LoaderOptions& loader,
                    const std::string& when_stopped,
                    const std::function<void(const Batch&)>& visit) {
  const torch::NoGradGuard no_grad;
  const EvaluationMode evaluating(model);
  Loader batches(set, entries, loader);
  auto& ranks = team();
  while (const auto batch = batches.next()) {
    // Ranks stop together, or the others would wait for an answer that does not come.
    if (ranks.size() == 1 && stop_signal() != 0) throw Stopped(stop_signal(), when_stopped);
    visit(*batch);
  }
  if (ranks.size() == 1) return;
  if (const int signal = ranks.agreed_stop(stop_signal())) throw Stopped(signal, when_stopped);
}

std::vector<Entry> entries_of_rank(const std::vector<Entry>& entries, int64_t batch_size,
                                   const Team& ranks) {
  if (ranks.size() == 1) return entries;
  std::vector<Entry> mine;
  for (size_t i = 0; i < entries.size(); ++i) {
    const int64_t batch = static_cast<int64_t>(i) / batch_size;
    if (batch % ranks.size() == ranks.rank()) mine.push_back(entries[i]);
  }
  return mine;
}

void for_each_answer(SegmentationModel& model, const PreparedSet& set,
                     const std::vector<Entry>& entries, const AnswerOptions& options,
                     const std::function<void(const Answer&)>& visit) {
  for_each_batch(model, set, entries, options.loader, options.when_stopped,
                 [&](const Batch& batch) {
                   const double begin = now_s();
                   const auto logits = answer(model, batch.image, options.engine, options.views);
                   visit({batch, logits, now_s() - begin});
                 });
}

}  // namespace groundglass
