#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <torch/types.h>

namespace groundglass {

class Segmenter;

/// Keeps what a lesion network marks on CT inside the lungs that another network finds, and near
/// them: the dome of the diaphragm, the wall of the stomach and bowel are marked otherwise.
struct LungCut {
  std::shared_ptr<Segmenter> network = {};  ///< finds lungs; null: all marks stay
  std::string name = {};                    ///< of it, in summaries
  std::string weights_sha256 = {};          ///< of it
  /// How far outside the lungs marks stay, share of the slice's longer side: 3 pixels of 256, which
  /// validation patients could not tell from 2 to 12.
  double margin = 3.0 / 256;

  bool any() const { return network != nullptr; }
};

/// Takes away what lies outside the lungs, from labels and from probabilities.
///
/// lungs          [H,W] uint8, 0 is no lung; without any lung nothing stays.
/// margin_px      how far outside the lungs marks stay.
/// labels         [H,W] uint8, changed.
/// probability    [F,H,W] float32, changed.
/// returns        labelled pixels that were taken away.
int64_t keep_near_lungs(const torch::Tensor& lungs, int64_t margin_px, torch::Tensor& labels,
                        torch::Tensor& probability);

}  // namespace groundglass
