#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "groundglass/infer/graph/trace.h"

namespace groundglass {

struct CudaPlanOptions {
  torch::ScalarType precision = torch::kFloat32;  ///< as in FoldOptions; float32 is without TF32
  bool graphs = true;                             ///< record a CUDA graph for each number of images
  int64_t at_most = 64;                           ///< images at once, a power of two
};

/// How many images go through a network at once: the largest power of two, no more than `at_most`,
/// that takes half of `free_bytes` with `image_bytes` each; at least one.
int64_t images_at_once(int64_t free_bytes, int64_t image_bytes, int64_t at_most);

/// Powers of two, falling, that sum up to `images`, none above `largest` (itself one): 13 of at
/// most 4 are 4, 4, 4, 1. Few numbers occur, so few graphs are recorded, and no image runs in vain.
std::vector<int64_t> parts_of(int64_t images, int64_t largest);

/// A traced network on a CUDA device for images of one size: a FoldedNetwork, recorded as a CUDA
/// graph for each number of images that occurs, with memory that stays where it is. The number of
/// images at once follows from the device's free memory and from what one image was seen to take.
///
/// Differs: cuDNN may choose another algorithm for another number of images, so logits of an image
/// may differ in their last bits with the images beside it.
class CudaPlan {
 public:
  /// For images [N,C,H,W] of that [C,H,W], any N. Runs the network on made up images, to learn what
  /// it takes. Throws Error(usage) if the network does not take the size, or if the program was
  /// built without CUDA.
  CudaPlan(const TracedModel& traced, const std::array<int64_t, 3>& size,
           const torch::Device& device, const CudaPlanOptions& options = {});
  ~CudaPlan();
  CudaPlan(CudaPlan&&) noexcept;

  /// The first output of the network, float on the CPU. From one thread at a time. Throws
  /// Error(usage) for an image of another size.
  torch::Tensor run(const torch::Tensor& image);

  int64_t largest_batch() const;  ///< images at once
  int64_t image_bytes() const;    ///< that each of them takes besides the weights
  bool recorded() const;          ///< whether CUDA graphs run; if one cannot be recorded, none do
  /// Why graphs do not run; told once.
  std::vector<std::string> take_warnings();

  /// Whether this program was built with CUDA.
  static bool available();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace groundglass
