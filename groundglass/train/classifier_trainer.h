#pragma once

#include <vector>

#include "groundglass/metrics/detection.h"
#include "groundglass/models/encoder_classifier.h"
#include "groundglass/train/training.h"

namespace groundglass {

/// Everything that one training of an image classifier needs. options.monitor 'last' keeps the last
/// epoch, anything else the best AUC.
struct ClassifierJob : TrainingJob {
  EncoderClassifier model{nullptr};
  std::vector<int64_t> classes;  ///< of each row of the set, 0 .. model->classes() - 1
};

/// What a classifier says of one image.
struct ClassifiedImage {
  int64_t row = 0;
  std::vector<double> shares;  ///< of each class, softmax
};

/// Trains with categorical cross-entropy, the mean over a batch, with run_training()'s files and
/// guarantees; a state that an earlier version wrote is gone on with, too. EpochDone tells the
/// validation AUC (class 1 against the others, -1 where it is undefined) as `monitor`, and no Dice.
/// Afterwards job.model holds the kept weights.
///
/// Throws Error(data) if a row's class is out of range or the training rows are of one class only,
/// what check_classifier_options() throws, and what run_training() throws.
TrainResult train_classifier(const ClassifierJob& job, Observer& observer = silent_observer());

/// Runs the classifier over entries in evaluation mode, in their order. Throws Stopped if a stop
/// signal came.
std::vector<ClassifiedImage> classify(EncoderClassifier& model, const PreparedSet& set,
                                      const std::vector<Entry>& entries,
                                      const LoaderOptions& options, const Engine& engine);

/// The share of class 1 beside whether the row is of class 1.
std::vector<ImageScore> class_scores(const std::vector<ClassifiedImage>& images,
                                     const std::vector<int64_t>& classes);

}  // namespace groundglass
