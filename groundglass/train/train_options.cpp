#include "groundglass/train/train_options.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "groundglass/core/error.h"

namespace groundglass {

void TrainOptions::check() const {
  check_word("train", "monitor", word_of(monitor),
             {"soft_dice", "hard_dice", "domain_dice", "class_dice", "last"});
}

void check_classifier_options(const TrainOptions& options) {
  if (options.side_weight > 0) {
    fail(ErrorKind::recipe,
         "[train] side_weight is set and a classifier has no side outputs to train; set it to 0");
  }
  if (options.edge_weight > 0) {
    fail(ErrorKind::recipe,
         "[train] edge_weight is set and a classifier finds no edges; set it to 0");
  }
}

double scheduled_rate(const TrainOptions& o, double progress) {
  const double share = std::clamp(progress / static_cast<double>(o.epochs), 0.0, 1.0);
  double rate = o.learning_rate;
  if (o.schedule == Schedule::step) {
    rate *= std::pow(o.step_factor, std::floor(progress / static_cast<double>(o.step_epochs)));
  } else if (o.schedule == Schedule::cosine) {
    rate *= 0.5 * (1 + std::cos(std::numbers::pi * share));
  } else if (o.schedule == Schedule::poly) {
    rate *= std::pow(1 - share, 0.9);
  }
  const auto warmup = static_cast<double>(o.warmup_epochs);
  return progress < warmup ? rate * (progress + 1e-3) / warmup : rate;
}

}  // namespace groundglass
