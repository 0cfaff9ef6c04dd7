#pragma once

#include <optional>
#include <vector>

#include "groundglass/core/engine.h"
#include "groundglass/data/typicality.h"
#include "groundglass/infer/runner.h"
#include "groundglass/io/image.h"
#include "groundglass/models/segmentation_model.h"
#include "groundglass/predict/lung_cut.h"
#include "groundglass/predict/lung_source.h"
#include "groundglass/predict/xray_detection.h"
#include "groundglass/preprocess/preprocess_options.h"
#include "groundglass/preprocess/slice.h"

namespace groundglass {

class XrayDetector;

/// A trained network and how images must reach it.
struct SegmenterOptions {
  ModelPtr model;  ///< in evaluation mode
  PreprocessOptions preprocess;
  double threshold = 0.5;
  int64_t views = 1;  ///< of each picture, see mean_of_views
  Engine engine;
  int64_t batch_size = 8;  ///< of the slices that segment() is given; 0: all of them
  int64_t threads = 0;     ///< for reading and preparing; 0 for all processors
  /// Of the probabilities handed out. Labels do not depend on it: `threshold` is one of the
  /// network's own probabilities.
  double temperature = 1;
  RunWith with = RunWith::automatic;
  std::filesystem::path plans = {};  ///< as in RunnerOptions
  std::string identity = {};
  InputRanges ranges = {};
  std::optional<Typicality> typicality = {};  ///< of what the model was trained on
  LungSource lungs = {};                      ///< for the shares of images in HU
  /// For the shares of chest X-rays: a network, a file, or none. None where pictures are no X-rays.
  LungSource xray_lungs = {.from = LungsFrom::none, .name = "none"};
  LungCut near_lungs = {};  ///< of CT: which marks of the network stay
  /// Of chest X-rays: decides whether what the network marks stays; null: it does.
  std::shared_ptr<const XrayDetector> detector = {};
  /// Whose foreground is what `preprocess` means by lungs, where no threshold finds them.
  std::shared_ptr<Segmenter> mask_network = {};
};

/// What a network says of one slice, on the slice's own grid.
struct SliceResult {
  torch::Tensor probability;  ///< [F,H,W] float32 in [0,1]
  torch::Tensor labels;       ///< [H,W] uint8, 0 background
  /// highest_probability() of the network's own answer, before the change of grid and temperature.
  double highest = 0;
  double typicality = 0;  ///< see Typicality; 0 where the model carries none
  /// What the lung network says of slices in HU and of X-rays, or a file of X-rays: [H,W] uint8, 0
  /// is no lung; undefined without one.
  torch::Tensor lungs;
  double lung_typicality = 0;  ///< of the slice to the lung network
  int64_t dropped = 0;         ///< labelled pixels that SegmenterOptions::near_lungs took away
  std::optional<Detection> detection = {};  ///< of an X-ray that SegmenterOptions::detector saw
};

/// The rule by which an X-ray is called infected: as its detector says where one looked and is
/// trusted, else as called_infected() says of the network's highest probability.
bool is_called_infected(const SliceResult& xray, double cutoff);

/// Images in, label maps on the images' own grids out.
class Segmenter {
 public:
  explicit Segmenter(SegmenterOptions options);

  /// Upright axial slices; they may differ in size. Throws Error(data) for units that the recipe
  /// does not take.
  std::vector<SliceResult> segment(const std::vector<Image>& slices);

  /// Sets the lungs of chest X-rays and the typicality of these to the lung network, where a
  /// network finds them.
  void find_xray_lungs(const std::vector<Image>& xrays, std::vector<SliceResult>& results);

  /// Asks the detector, where there is one, about chest X-rays, and takes the marks and
  /// probabilities of those away that Detection::keeps_marks() does not keep.
  void ask_detector(const std::vector<Image>& xrays, std::vector<SliceResult>& results);

  /// A slice on the network's grid, and the network's input [1,C,h,w] made from it.
  NetworkSlice on_network_grid(const Image& image) const;
  torch::Tensor input_of(const NetworkSlice& slice) const;

  const SegmenterOptions& options() const { return options_; }
  void use_lungs(LungSource lungs) { options_.lungs = std::move(lungs); }
  void keep_near(LungCut lungs) { options_.near_lungs = std::move(lungs); }
  void use_detector(std::shared_ptr<const XrayDetector> detector) {
    options_.detector = std::move(detector);
  }

  /// Foreground classes that are told apart, F of a SliceResult.
  int64_t classes() const;
  int64_t threads() const;
  /// What the first images took in the network that the process still holds: plan, or LibTorch's
  /// maps; bytes for each of them.
  /// The lung network's among them.
  int64_t network_bytes() const;
  /// What the maps of plans take for each further image that runs at the same time. The lung
  /// network's among them.
  int64_t arena_bytes() const;
  double forward_s() const;             ///< time spent in the networks so far
  Runner& runner() { return runner_; }  ///< what runs the network
  const Runner& runner() const { return runner_; }

 private:
  void find_lungs(const std::vector<Image>& slices, std::vector<SliceResult>& results);
  void keep_near_lungs_in(const std::vector<Image>& slices, std::vector<SliceResult>& results);
  std::vector<Segmenter*> helpers() const;
  std::vector<torch::Tensor> mask_lungs(const std::vector<Image>& slices) const;

  SegmenterOptions options_;
  Runner runner_;
  double forward_s_ = 0;
  int64_t network_bytes_ = 0;
};

}  // namespace groundglass
