#include "groundglass/predict/xray_detector.h"

#include <nlohmann/json.hpp>

#include "groundglass/preprocess/normalise.h"
#include "groundglass/preprocess/slice.h"

namespace groundglass {

XrayDetector::XrayDetector(XrayDetectorOptions options) : options_(std::move(options)) {
  options_.model->to(options_.device);
}

Detection XrayDetector::look_at(const Image& xray) const {
  const torch::NoGradGuard no_grad;
  const NetworkSlice slice = to_network_grid(xray, options_.preprocess);
  const auto input = normalised(slice.pixels.unsqueeze(0), options_.preprocess.normalise);
  EncoderClassifier model = options_.model;  // a handle
  const auto shares = torch::softmax(model->forward(input.to(options_.device)).cpu(), 1);
  Detection found{options_.name, shares[0][1].item<double>(), options_.cutoff};
  if (options_.typicality) found.typicality = (*options_.typicality)(slice.pixels);
  return found;
}

nlohmann::ordered_json detector_json(const XrayDetector& detector) {
  const XrayDetectorOptions& o = detector.options();
  return {{"name", o.name},
          {"weights_sha256", o.weights_sha256},
          {"cutoff", o.cutoff},
          {"cutoff_from", o.cutoff_from},
          {"caution", o.caution}};
}

}  // namespace groundglass
