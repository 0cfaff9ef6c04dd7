#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/bench/plan_memory.h"
#include "groundglass/core/engine.h"
#include "groundglass/core/events.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// How networks are timed.
struct ContestOptions {
  std::string engine = "libtorch";  ///< libtorch, plan, onnxruntime, or all of them in turns
  int64_t batch = 1, height = 256, width = 256;
  int64_t repeats = 7;   ///< measured batches after one that is not
  bool train = false;    ///< whole training steps
  bool explain = false;  ///< with the steps of plans
};

/// One measured row; milliseconds are of one batch.
struct Timing {
  std::string model, engine, precision;
  std::vector<double> ms;
  double rss_mib = 0;
  std::vector<PlanStep> steps = {};        ///< of a plan, if asked for
  std::optional<double> memory_mib = {};   ///< that the engine adds to its process
  std::optional<PlanMemory> planned = {};  ///< of a plan
};

/// An image like a chest, smooth and in [0,1], the same everywhere: float32 [batch,C,H,W].
torch::Tensor bench_image(int64_t batch, int64_t channels, int64_t height, int64_t width);

/// A network of the catalog with random weights, or a TorchScript file (FILE.pt) as it is, for
/// images of that size.
ModelPtr bench_network(const std::string& name, int64_t height, int64_t width);

/// Times the engines of one network (a catalog name or FILE.pt), each in each precision that it
/// knows, in turns. Every engine is held against LibTorch's float32 first. Notes say what cannot
/// be measured and why. Throws Error(internal) for logits that differ, Error(usage) for an engine
/// that was asked for alone and cannot run.
std::vector<Timing> timed_engines(const std::string& name, const ContestOptions& options,
                                  const Engine& engine,
                                  const std::vector<torch::ScalarType>& precisions,
                                  Observer& observer);

/// A row of `bench --json`: medians, extremes, images/s, memory and, if asked for, steps.
nlohmann::ordered_json timing_json(const Timing& timing, const ContestOptions& options);

/// Writes weights, image ("bench/image") and logits ("bench/logits") of a network of the catalog to
/// a safetensors file, for a peer to compare with before it is timed.
void write_bench_network(const std::string& path, const std::string& name,
                         const ContestOptions& options);

}  // namespace groundglass
