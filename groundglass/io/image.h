#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "groundglass/core/geometry.h"

namespace groundglass {

/// What the numbers of an image mean.
enum class Units {
  hu,    ///< Hounsfield units: air -1000, water 0
  gray,  ///< gray values of a picture, 0 black to `white`
};

std::string to_string(Units units);

/// A picture or one slice.
struct Image {
  torch::Tensor pixels;  ///< [C,H,W]; uint8 for 8-bit pictures, else float32
  Units units = Units::gray;
  double white = 255;                 ///< gray only: the largest value the file could hold
  std::vector<std::string> warnings;  ///< what the reader had to decide
};

/// A stack of slices on a grid in the patient.
struct Volume {
  torch::Tensor voxels;  ///< [D,H,W] uint8, int16 or float32
  Geometry geometry;
  Units units = Units::hu;
  double white = 255;  ///< gray only
  std::vector<std::string> warnings;
};

/// Class numbers on a grid.
struct LabelMap {
  torch::Tensor labels;  ///< [H,W] or [D,H,W] uint8
  Geometry geometry;     ///< of no meaning for a picture
};

/// "[1, 512, 512]".
std::string shape_text(const torch::Tensor& t);

}  // namespace groundglass
