#pragma once

#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/preprocess/preprocess_options.h"
#include "groundglass/report/explanation.h"

// What a step of the papers does to a picture of one's own; no network is needed.

namespace groundglass {

/// How far a picture that was pooled and enlarged again lies from itself.
struct PoolingError {
  int64_t factor = 0;   ///< by which both sides are divided
  double largest = 0;   ///< root of the mean squared difference in grays, max pooling
  double spectral = 0;  ///< the same of spectral pooling
};

/// Max and spectral pooling by 2, 4, .. 64 of a picture [H,W] uint8, as long as two pixels are left
/// of each side. Sides that a factor does not divide lose the remainder. Pooled pictures are
/// enlarged by repeating pixels.
///
/// Punn, Agarwal, "CHS-Net", https://arxiv.org/abs/2012.07079, Fig. 8, which prints pictures alone.
/// Throws Error(data) for a picture of fewer than four pixels a side.
std::vector<PoolingError> pooling_errors(const torch::Tensor& gray);

/// These pictures: max pooling above, spectral pooling below, [3,H,W] uint8.
torch::Tensor pooling_figure(const torch::Tensor& gray);

/// A slice before and after its contrast was equalised, each with its histogram of grays, [3,H,W].
///
/// Bakheet, Youssef et al., Sci Rep 2026, 16:1551, Figs 2 and 3.
/// before, after  [H,W] uint8.
torch::Tensor contrast_figure(const torch::Tensor& before, const torch::Tensor& after);

/// Writes pooling_figure() of each picture into job.output. Throws as explain_by_map() does.
nlohmann::ordered_json explain_pooling(const std::vector<ChosenInput>& inputs,
                                       const ExplainJob& job);

/// Writes contrast_figure() of each picture, with the contrast of the options: CLAHE of the slice
/// or of each lung. Throws Error(recipe) for options without CLAHE, Error(usage) for lungs that no
/// threshold finds, else as explain_by_map() does.
nlohmann::ordered_json explain_contrast(const PreprocessOptions& options,
                                        const std::vector<ChosenInput>& inputs,
                                        const ExplainJob& job);

}  // namespace groundglass
