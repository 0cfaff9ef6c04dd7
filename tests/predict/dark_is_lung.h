#pragma once

#include <memory>
#include <optional>

#include "groundglass/models/segmentation_model.h"
#include "groundglass/predict/segmenter.h"
#include "tests/predict/bright_is_lesion.h"

namespace groundglass {

/// What is darker than a quarter of white is lung: class 1 in the left half of the picture, class 2
/// in the right.
class DarkIsLung final : public SegmentationModel {
 public:
  Features encode(torch::Tensor image) override { return {{image}, {}, {}}; }
  Prediction decode(const Features& f) override {
    const auto dark = (0.25 - f.maps[0]) * 200;
    const int64_t width = dark.size(3);
    auto right = torch::full_like(dark, -50), left = torch::full_like(dark, -50);
    right.narrow(3, 0, width / 2).copy_(dark.narrow(3, 0, width / 2));
    left.narrow(3, width / 2, width / 2).copy_(dark.narrow(3, width / 2, width / 2));
    return {torch::cat({torch::zeros_like(dark), right, left}, 1), {}};
  }
  int64_t stride() const override { return 1; }
  int64_t in_channels() const override { return 1; }
  int64_t out_channels() const override { return 3; }
  std::vector<std::string> layer_names() const override { return {}; }
};

inline LungSource dark_lungs(std::optional<Typicality> typicality = {}) {
  SegmenterOptions options = bright_segmenter().options();
  options.model = std::make_shared<DarkIsLung>();
  options.typicality = std::move(typicality);
  return {LungsFrom::network, "dark", std::make_shared<Segmenter>(options)};
}

/// To which no slice is typical.
inline Typicality typicality_of_nothing_like_it() {
  std::vector<Typicality::Example> examples(50);
  for (size_t i = 0; i < examples.size(); ++i) {
    for (auto& f : examples[i].features) f = 100 + 0.01 * static_cast<double>(i % 7);
    examples[i].patient = std::to_string(i % 10);
  }
  return Typicality::of(examples);
}

}  // namespace groundglass
