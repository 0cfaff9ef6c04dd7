#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "groundglass/infer/graph/trace.h"

namespace groundglass {

/// What is known of the numbers of a map before they are seen; those beyond are cut off.
struct InputRange {
  float low = 0, high = 0;
  bool operator==(const InputRange&) const = default;
};
/// Of the maps that convolutions read, by the name that Plan::watch() gives the convolution.
using InputRanges = std::map<std::string, InputRange>;

struct PlanOptions {
  /// Of the maps between convolutions; logits are float. bfloat16 needs a processor that has it.
  /// kQInt8: dense convolutions whose input's range is known run in 8 bits (AVX512_VNNI); the maps
  /// are bfloat16 where the processor has it, else float.
  torch::ScalarType precision = torch::kFloat32;
  /// Winograd's transform for 3x3 convolutions in float, where the processor has no AMX: 2.5 times
  /// as fast, errors about twice as large.
  bool winograd = true;
  InputRanges ranges = {};  ///< for kQInt8
};

/// One step of a plan, for people.
struct PlanStep {
  std::string kind;            ///< "convolution", "LibTorch", ...
  std::string about;           ///< operator and weight in the network
  std::string engine;          ///< oneDNN's implementation, "kernel", or "LibTorch"
  std::vector<int64_t> sizes;  ///< of the result
  double milliseconds = 0;     ///< of the last run that was watched
};

/// A traced network as a list of oneDNN primitives and own kernels for images of one size.
///
/// Constants are worked out and batch norm is folded; activations and sums are part of the
/// convolutions before them; concatenations are written where they are read; weights lie in the
/// order that the primitives want; maps lie in one memory that is planned by their lifetimes. What
/// has no counterpart runs in LibTorch, operator by operator. Of a batch as many images
/// as there are threads run at the same time, each on one thread and in memory of its own, since
/// threads that share an image wait for each other after each step; what is left over runs one
/// image after the other on all threads. So a plan takes any number of them in the memory of one
/// for each thread.
///
/// Differs: sums are rounded in another order than LibTorch's.
class Plan {
 public:
  /// For images [N,C,H,W] of that [C,H,W], any N. The network is run once to learn its sizes.
  /// Throws Error(usage) if the network does not take the size, the program was built without
  /// oneDNN, the processor lacks AVX2 or, for bfloat16, AVX512_BF16, for int8, AVX512_VNNI, or no
  /// range for int8 fits the network.
  Plan(const TracedModel& traced, const std::array<int64_t, 3>& size,
       const PlanOptions& options = {});
  ~Plan();
  Plan(Plan&&) noexcept;

  /// Writes what a plan is made of, weights included, so that stored() need not trace the network.
  /// `identity` names the weights. Returns false for networks that run in LibTorch in parts: these
  /// are not stored.
  static bool store(const TracedModel& traced, const std::array<int64_t, 3>& size,
                    const PlanOptions& options, const std::filesystem::path& path,
                    const std::string& identity);
  /// A plan from such a file; nothing if there is none for this identity, program, processor, size
  /// and options, or if it is damaged.
  static std::unique_ptr<Plan> stored(const std::filesystem::path& path,
                                      const std::array<int64_t, 3>& size,
                                      const PlanOptions& options, const std::string& identity);

  /// The first output of the network, float. The same image gives the same bits on each call; may
  /// be called from several threads at once. Throws Error(usage) for an image of another size.
  torch::Tensor run(const torch::Tensor& image) const;

  /// Shows what each convolution reads that could run in 8 bits, [1,C,H,W] float, for one image
  /// [1,C,H,W]. The names are those of every plan of this network made without Winograd.
  using Watcher = std::function<void(const std::string& name, const torch::Tensor& map)>;
  void watch(const torch::Tensor& image, const Watcher& watcher) const;

  std::vector<PlanStep> steps() const;
  /// The same, with the time that each step takes for this image.
  std::vector<PlanStep> timed_steps(const torch::Tensor& image) const;
  /// What runs in LibTorch, one text for each operator: "aten::gt".
  std::vector<std::string> fallbacks() const;
  int64_t arena_bytes() const;   ///< of the maps, for each caller at the same time
  int64_t weight_bytes() const;  ///< of the weights in their order

  /// Whether this program and processor can plan in that precision at all.
  static bool available(torch::ScalarType precision = torch::kFloat32);

 private:
  class Impl;
  explicit Plan(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace groundglass
