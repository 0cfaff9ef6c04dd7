#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "groundglass/core/field.h"
#include "groundglass/data/sampling.h"

namespace groundglass {

/// The rule of a step.
enum class OptimizerKind { adam, sgd };
inline Words<OptimizerKind> words_of(OptimizerKind) {
  return {{"adam", OptimizerKind::adam}, {"sgd", OptimizerKind::sgd}};
}

/// How the step size changes over a training.
enum class Schedule { constant, step, cosine, poly };
inline Words<Schedule> words_of(Schedule) {
  return {{"constant", Schedule::constant},
          {"step", Schedule::step},
          {"cosine", Schedule::cosine},
          {"poly", Schedule::poly}};
}

/// What the best epoch has most of; TrainOptions says it of each. auc is for classifiers alone.
enum class Monitor { soft_dice, hard_dice, domain_dice, class_dice, last, auc };
inline Words<Monitor> words_of(Monitor) {
  return {{"soft_dice", Monitor::soft_dice},
          {"hard_dice", Monitor::hard_dice},
          {"domain_dice", Monitor::domain_dice},
          {"class_dice", Monitor::class_dice},
          {"last", Monitor::last},
          {"auc", Monitor::auc}};
}

/// Over which images batch norm takes its statistics where several processes train one network.
enum class BatchNormOver { automatic, global, local };
inline Words<BatchNormOver> words_of(BatchNormOver) {
  return {{"auto", BatchNormOver::automatic},
          {"global", BatchNormOver::global},
          {"local", BatchNormOver::local}};
}

/// As what gradients travel where several processes train one network.
enum class SentGradients { fp32, bf16 };
inline Words<SentGradients> words_of(SentGradients) {
  return {{"fp32", SentGradients::fp32}, {"bf16", SentGradients::bf16}};
}

/// What has to get better for a training to go on.
enum class PatienceOn { monitor, validation_loss };
inline Words<PatienceOn> words_of(PatienceOn) {
  return {{"monitor", PatienceOn::monitor}, {"validation_loss", PatienceOn::validation_loss}};
}

/// By which statistics of batch norm an epoch is judged.
enum class ScoredNorms { moving, re_estimated };
inline Words<ScoredNorms> words_of(ScoredNorms) {
  return {{"moving", ScoredNorms::moving}, {"re-estimated", ScoredNorms::re_estimated}};
}

/// How a network is trained.
struct TrainOptions {
  int64_t epochs = 50;
  int64_t batch_size = 16;
  OptimizerKind optimizer = OptimizerKind::adam;
  double learning_rate = 1e-4;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_eps = 1e-7;
  double momentum = 0.9;
  double weight_decay = 0;
  double clip_norm = 0;
  Schedule schedule = Schedule::constant;
  int64_t step_epochs = 10;
  double step_factor = 0.5;
  int64_t warmup_epochs = 0;
  Sampling sampling = Sampling::shuffle;
  int64_t steps_per_epoch = 0;
  Monitor monitor = Monitor::soft_dice;
  int64_t patience = 0;
  PatienceOn patience_on = PatienceOn::monitor;
  double ema_decay = 0;
  double side_weight = 0;
  double edge_weight = 0;
  double checkpoint_minutes = 10;
  int64_t loader_threads = 1;
  int64_t seed = 20260101;
  BatchNormOver batch_norm = BatchNormOver::automatic;
  SentGradients sent_gradients = SentGradients::fp32;
  ScoredNorms norm_statistics = ScoredNorms::moving;
  int64_t norm_slices = 512;

  template <class V>
  void fields(V& v) {
    v.field({"epochs", "passes over the training entries", 1, 100000}, epochs);
    v.field({"batch_size", "slices per step, over all processes", 1, 4096}, batch_size);
    v.choice({"optimizer", "'adam' or 'sgd'"}, optimizer, words_of(optimizer));
    v.field({"learning_rate", "initial step size", 0, 100}, learning_rate);
    v.field({"adam_beta1", "decay of the mean gradient", 0, 1}, adam_beta1);
    v.field({"adam_beta2", "decay of the mean squared gradient", 0, 1}, adam_beta2);
    v.field({"adam_eps", "added to the root of the second moment; 1e-7 in Keras", 0, 1}, adam_eps);
    v.field({"momentum", "of sgd", 0, 1}, momentum);
    v.field({"weight_decay", "share of learning_rate by which weights shrink each step", 0, 1},
            weight_decay);
    v.field({"clip_norm", "largest norm of all gradients together; 0 for no limit", 0, 1e6},
            clip_norm);
    v.choice({"schedule", "'constant', 'step', 'cosine' (to zero) or 'poly' (power 0.9, to zero)"},
             schedule, words_of(schedule));
    v.field({"step_epochs", "step: epochs between two steps", 1, 100000}, step_epochs);
    v.field({"step_factor", "step: factor of each step", 0, 1}, step_factor);
    v.field({"warmup_epochs", "epochs over which the step size rises from zero", 0, 1000},
            warmup_epochs);
    v.choice({"sampling",
              "'shuffle' (each entry once), 'domains' or 'patients' (drawn evenly), "
              "'small_lesions' (patients, and every second slice of one with little infection)"},
             sampling, words_of(sampling));
    v.field({"steps_per_epoch", "0 for as many as the entries fill", 0, 1000000}, steps_per_epoch);
    v.choice({"monitor",
              "what the best epoch has most of: 'soft_dice' or 'hard_dice' (pooled over validation "
              "pixels), 'domain_dice' (mean of the domains' pooled hard Dice), 'class_dice' (mean "
              "of the "
              "classes' pooled hard Dice) or 'last' (nothing: the last epoch is kept); all but "
              "'class_dice' take the classes as one"},
             monitor, words_of(monitor));
    v.field({"patience",
             "epochs without a better monitor before it stops, counted from where batch norm's "
             "moving statistics have forgotten their start; 0 for never",
             0, 100000},
            patience);
    v.choice(
        {"patience_on",
         "'monitor', or 'validation_loss': epochs without a lower loss on the validation rows; "
         "the best epoch is the monitor's either way"},
        patience_on, words_of(patience_on));
    v.field(
        {"ema_decay", "of the running mean of the weights that is validated and kept; 0 for none",
         0, 0.99999},
        ema_decay);
    v.field({"side_weight",
             "deep supervision: weight of the mean loss of a network's side outputs; 0 for none", 0,
             100},
            side_weight);
    v.field({"edge_weight",
             "weight of the cross-entropy of an Inf-Net's edges with the borders of the masks; 0 "
             "for none",
             0, 100},
            edge_weight);
    v.field({"checkpoint_minutes", "between two checkpoints inside an epoch", 0, 1e6},
            checkpoint_minutes);
    v.field({"loader_threads", "threads that prepare batches beside the training", 1, 256},
            loader_threads);
    v.field({"seed", "of weights, order, augmentation and dropout"}, seed);
    v.choice(
        {"batch_norm",
         "several processes: batch norm over the images of all ('global'), of each ('local') or "
         "'auto': global up to 8 processes"},
        batch_norm, words_of(batch_norm));
    v.choice({"sent_gradients",
              "several processes: gradients travel as 'fp32', or as 'bf16' in half the bytes, each "
              "process's rounded to 8 bits and their sum as well"},
             sent_gradients, words_of(sent_gradients));
    v.choice({"norm_statistics",
              "batch norm judges an epoch by its 'moving' mean and variance, or by 're-estimated' "
              "ones: exact over norm_slices training slices, without augmentation, and kept with "
              "the weights"},
             norm_statistics, words_of(norm_statistics));
    v.field(
        {"norm_slices", "re-estimated: training slices that are looked at; 0 for all", 0, 10000000},
        norm_slices);
  }

  /// Throws Error(recipe) for a monitor that is a classifier's.
  void check() const;
};

/// Throws Error(recipe) for options that mean nothing to a classifier of whole images: a
/// side_weight, an edge_weight.
void check_classifier_options(const TrainOptions& options);

/// The step size of a step.
///
/// progress  epochs done, with fraction: 0 at the first step, `epochs` after the last.
double scheduled_rate(const TrainOptions& options, double progress);

}  // namespace groundglass
