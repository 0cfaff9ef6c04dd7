#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "groundglass/predict/lobe_source.h"

namespace groundglass {

class Segmenter;

/// Who says what lung is, for the shares of it.
enum class LungsFrom {
  threshold,  ///< LungEstimator: volumes in HU alone
  network,    ///< LungSource::network
  file,       ///< LungSource::file, a mask of the one input
  none,       ///< nobody: there are no shares
};

/// Where the lungs of the inputs come from.
struct LungSource {
  LungsFrom from = LungsFrom::threshold;
  std::string name = "threshold";  ///< in summaries and messages
  /// Every foreground class of it is lung; of two, 1 is the right and 2 the left.
  std::shared_ptr<Segmenter> network = {};
  /// A volume of class numbers on the grid of the input, or a mask of an X-ray: what is not 0 is
  /// lung.
  std::filesystem::path file = {};
  std::string weights_sha256 = {};  ///< of the network
  LobeSource lobes = {};            ///< of volumes in HU
};

}  // namespace groundglass
