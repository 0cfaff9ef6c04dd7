#pragma once

#include <memory>
#include <optional>
#include <string>

#include <torch/types.h>

#include "groundglass/data/typicality.h"
#include "groundglass/io/image.h"
#include "groundglass/models/encoder_classifier.h"
#include "groundglass/predict/xray_detection.h"
#include "groundglass/preprocess/preprocess_options.h"

namespace groundglass {

/// A classifier of whole X-rays that decides whether what an outliner marks on them is kept.
struct XrayDetectorOptions {
  std::string name;  ///< in summaries
  std::string weights_sha256 = {};
  std::string caution = {};           ///< what its makers warn of; may be empty
  EncoderClassifier model{nullptr};   ///< in evaluation mode; class 1 is infected
  PreprocessOptions preprocess = {};  ///< how pictures must reach it
  double cutoff = 0.5;                ///< share of class 1 from which an X-ray is called infected
  std::string cutoff_from = {};       ///< in words
  std::optional<Typicality> typicality = {};
  torch::Device device = torch::kCPU;
};

/// Name, digest of the weights, cut-off and caution, as summary.json and detect.json tell them.
class XrayDetector;
nlohmann::ordered_json detector_json(const XrayDetector& detector);

/// Looks at X-rays, in float32 and one at a time, so that its answer hangs on nothing else.
class XrayDetector {
 public:
  explicit XrayDetector(XrayDetectorOptions options);

  /// What it says of an X-ray. Throws Error(data) for units that its preprocessing does not take.
  Detection look_at(const Image& xray) const;

  const XrayDetectorOptions& options() const { return options_; }

 private:
  XrayDetectorOptions options_;
};

}  // namespace groundglass
