#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace groundglass {

/// What long work tells whoever listens. Rooms do not print; the command line turns events into a
/// progress bar and a log, tests collect them.

/// `done` of `total` pieces of `what` ("slices", "steps") are finished.
struct Progress {
  std::string what;
  int64_t done = 0;
  int64_t total = 0;
  std::string note;  ///< e.g. "loss 0.312", empty for none
};

/// Something the user should know although the work goes on.
struct Warning {
  std::string message;
};

/// Something worth a line, once: how much memory a call will take.
struct Note {
  std::string message;
};

/// One pass over the training rows has ended. Dice values lie in [0,1]; -1 where not measured.
struct EpochDone {
  int64_t epoch = 0;  ///< 1 is the first
  int64_t epochs = 0;
  double loss = 0;  ///< mean over the steps
  /// Pooled over the pixels of the training batches as the steps saw them, before the threshold:
  /// augmented, with dropout, and with weights that changed meanwhile.
  double training_dice = -1;
  double validation_loss = 0;  ///< of the whole validation set
  double soft_dice = -1;       ///< pooled over validation pixels, before the threshold
  double hard_dice = -1;       ///< pooled, at the recipe's threshold
  double monitor = -1;         ///< the figure that chooses the best epoch
  bool best = false;           ///< the monitor is higher than ever before
  double learning_rate = 0;
  double seconds = 0;
  double images_per_s = 0;
  double loader_images_per_s = 0;  ///< what the loader alone could deliver
  double waited_s = 0;             ///< time the step stood still for want of data
  double exchange_wait_s = 0;      ///< time it stood still for gradients of other processes
  double rss_mib = 0;
  std::vector<double> class_dice;  ///< as hard_dice, of classes 1, 2, ..; empty for one class
};

/// Receives events; every method may be left out.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on(const Progress&) {}
  virtual void on(const Warning&) {}
  virtual void on(const Note&) {}
  virtual void on(const EpochDone&) {}
};

/// An observer that listens to nothing: the default argument of functions that take one.
Observer& silent_observer();

}  // namespace groundglass
