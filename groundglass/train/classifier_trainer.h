#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "groundglass/core/engine.h"
#include "groundglass/core/events.h"
#include "groundglass/data/loader.h"
#include "groundglass/data/split.h"
#include "groundglass/metrics/detection.h"
#include "groundglass/models/encoder_classifier.h"
#include "groundglass/train/train_options.h"

namespace groundglass {

/// Everything that one training of an image classifier needs.
struct ClassifierJob {
  EncoderClassifier model{nullptr};
  TrainOptions options;  ///< monitor 'last' keeps the last epoch, anything else the best AUC
  AugmentOptions augment;
  std::string normalise = "unit";
  const PreparedSet* set = nullptr;
  std::vector<int64_t> classes;  ///< of each row of the set, 0 .. model->classes() - 1
  Split split;
  Engine engine;
  std::filesystem::path run;                         ///< folder for weights, state and progress.csv
  std::map<std::string, std::string> weights_notes;  ///< metadata to store with the weights
};

/// What a classifier says of one image.
struct ClassifiedImage {
  int64_t row = 0;
  std::vector<double> shares;  ///< of each class, softmax
};

struct ClassifierResult {
  int64_t epochs = 0, best_epoch = 0;
  double best_monitor = -1;
};

/// Trains with categorical cross-entropy, the mean over a batch, keeping the files that train()
/// keeps with its guarantees: a folder with a state is gone on with, in mid-epoch if need be, and
/// ends on the CPU with the bits of a training that was never interrupted; SIGINT and SIGTERM write
/// the state and throw Stopped. EpochDone tells the validation AUC (class 1 against the others, -1
/// where it is undefined) as `monitor`, and no Dice. Afterwards job.model holds the kept weights.
///
/// Throws Error(data) if a row's class is out of range or the training rows are of one class only,
/// Error(checkpoint) if the state does not fit, Error(recipe) if the loss stops being a number.
ClassifierResult train_classifier(const ClassifierJob& job, Observer& observer = silent_observer());

/// Runs the classifier over entries in evaluation mode, in their order. Throws Stopped if a stop
/// signal came.
std::vector<ClassifiedImage> classify(EncoderClassifier& model, const PreparedSet& set,
                                      const std::vector<Entry>& entries,
                                      const LoaderOptions& options, const Engine& engine);

/// The share of class 1 beside whether the row is of class 1.
std::vector<ImageScore> class_scores(const std::vector<ClassifiedImage>& images,
                                     const std::vector<int64_t>& classes);

}  // namespace groundglass
