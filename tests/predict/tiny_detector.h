#pragma once

#include <cmath>
#include <memory>

#include "groundglass/predict/xray_detector.h"

namespace groundglass {

/// A classifier on MobileNetV2 that says `probability` of every picture.
inline XrayDetectorOptions tiny_detector(double probability, double cutoff = 0.5) {
  torch::manual_seed(3);
  EncoderClassifierOptions network;
  network.encoder = {.encoder = EncoderKind::mobilenet_v2, .input_scale = InputScale::symmetric};
  EncoderClassifier model(network);
  const torch::NoGradGuard no_grad;
  auto head = model->named_parameters();
  head["head.weight"].zero_();
  head["head.bias"][0].fill_(0);
  head["head.bias"][1].fill_(std::log(probability / (1 - probability)));
  model->eval();
  PreprocessOptions preprocess;
  preprocess.contrast = Contrast::none;
  preprocess.size = {32, 32};
  return {.name = "tiny",
          .weights_sha256 = std::string(64, 'd'),
          .caution = "knows one number",
          .model = model,
          .preprocess = preprocess,
          .cutoff = cutoff,
          .cutoff_from = "a test"};
}

inline std::shared_ptr<const XrayDetector> detector_that_says(double probability,
                                                              double cutoff = 0.5) {
  return std::make_shared<XrayDetector>(tiny_detector(probability, cutoff));
}

}  // namespace groundglass
