#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "groundglass/core/engine.h"
#include "groundglass/infer/gpu/cuda_plan.h"
#include "groundglass/infer/plan/plan.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// How far logits lie from those of the reference, and whether it shows in the mask.
struct Parity {
  double relative_error = 0;  ///< mean difference, as a part of the reference's mean
  int64_t flipped = 0;        ///< pixels of another label where the reference was sure of its own
  double dice = 1;            ///< of the foregrounds; 1 where both are empty
};

/// A pixel is sure of its label where its probability lies further than 0.05 from the threshold or,
/// with several classes, from the second best class.
///
/// found, reference  logits [N,K,H,W].
Parity compare_logits(const torch::Tensor& found, const torch::Tensor& reference, double threshold);

/// The relative error that a plan may have: 1e-5, in bfloat16 2e-2, in 8 bits 0.1. Unpooling goes
/// by the places of maxima, a hard gate by a comparison: a tie that rounding breaks moves a number
/// as a whole, so there 1e-2 and 0.5.
double allowed_error(const Plan& plan, torch::ScalarType precision);
double allowed_error(const TracedModel& traced, torch::ScalarType precision);

enum class RunWith {
  automatic,  ///< a plan where one can be made that says what the network says
  plan,       ///< a plan, even one that differs
  libtorch
};

struct RunnerOptions {
  Engine engine = {};
  RunWith with = RunWith::automatic;
  double threshold = 0.5;  ///< for the comparison with the network
  size_t keep = 4;         ///< plans, the last used
  /// Folder where plans outlive the program, under this name of their weights; empty: nowhere.
  std::filesystem::path plans = {};
  std::string identity = {};
  InputRanges ranges = {};  ///< not empty: plans in 8 bits come first
};

/// A trained network behind the fastest engine that gives the same masks.
///
/// For each size of image a plan is made and held against the network on the first image of that
/// size. A plan in 8 bits that differs is replaced by one in the engine's precision, a plan in
/// bfloat16 by one in float32, and that by LibTorch, with a warning. In 8 bits a Dice of 0.99 is
/// enough, elsewhere no pixel may change that was sure of its label. Processors that
/// cannot plan, and CUDA devices in a program built without CUDA, run in LibTorch. A plan that
/// agreed is stored, if a folder is named, and taken from there without another comparison; the
/// folder keeps the eight newest. A folder that cannot be written to changes nothing else.
class Runner {
 public:
  /// The network is used in evaluation mode and moved to the engine's device. Throws Error(usage)
  /// for RunWith::plan where no plan can be made, and for ranges where no plan may be made.
  Runner(ModelPtr model, const RunnerOptions& options);
  ~Runner();
  Runner(Runner&&) noexcept;

  /// Logits [N,K,H,W], float on the CPU, of images [N,C,H,W]. From one thread at a time. Throws
  /// Error(usage) for a size that the network does not take.
  torch::Tensor logits(const torch::Tensor& image);

  /// What ran the images so far: "plan", "libtorch", "plan and libtorch" (by size), or "none".
  std::string engine() const;
  /// The lowest precision that ran so far: "int8", "bf16" or "fp32".
  std::string precision() const;
  /// Of the maps of all plans, for each image that runs at the same time.
  int64_t arena_bytes() const;
  /// Why an engine was not the first choice; each is told once.
  std::vector<std::string> take_warnings();

 private:
  struct Choice;
  Choice choose(const torch::Tensor& image);
  std::unique_ptr<TracedModel> traced(const std::array<int64_t, 3>& size,
                                      torch::ScalarType precision);
  std::shared_ptr<const Plan> judged(const TracedModel& traced, const torch::Tensor& image,
                                     torch::ScalarType precision, const torch::Tensor& reference);
  std::shared_ptr<CudaPlan> judged_on_gpu(const TracedModel& traced, const torch::Tensor& image,
                                          torch::ScalarType precision,
                                          const torch::Tensor& reference);
  std::filesystem::path file_of(const std::array<int64_t, 3>& size,
                                torch::ScalarType precision) const;
  torch::Tensor in_libtorch(const torch::Tensor& image, torch::ScalarType precision);

  ModelPtr model_;
  RunnerOptions options_;
  std::vector<std::pair<std::array<int64_t, 4>, Choice>> choices_;  ///< the last used first
  std::vector<std::string> warnings_;
  bool planned_ = false, in_torch_ = false, half_ = false, bytes_ = false;
};

}  // namespace groundglass
