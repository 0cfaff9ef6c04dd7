#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "groundglass/core/field.h"

namespace groundglass {

/// From a slice as stored to the network's input. The steps run in the order of the fields.
struct PreprocessOptions {
  std::string units = "auto";
  std::vector<double> window_hu = {-1024, 600};
  std::string crop = "none";
  std::string gray_window = "as_is";
  std::string contrast = "clahe";
  double clahe_clip = 2.0;
  int64_t clahe_tiles = 8;
  std::vector<int64_t> size = {256, 256};
  std::string resize = "linear";
  std::string normalise = "unit";

  template <class V>
  void fields(V& v) {
    v.field({"units", "'auto' (as the file says), 'hu' or 'gray'"}, units);
    v.field({"window_hu", "HU shown as black and as white, for images in HU"}, window_hu);
    v.field(
        {"crop",
         "'none', 'body' (to the box around the largest bright piece) or 'lungs' (CT: to the box "
         "around what a threshold finds of them)"},
        crop);
    v.field({"gray_window",
             "'as_is', or 'tissue' (darkest percent is black, the median soft tissue is bright)"},
            gray_window);
    v.field({"contrast", "'clahe' or 'none'"}, contrast);
    v.field({"clahe_clip", "CLAHE: clip limit, multiples of the mean bin", 0.1, 100}, clahe_clip);
    v.field({"clahe_tiles", "CLAHE: tiles per side", 1, 64}, clahe_tiles);
    v.field({"size", "height and width of the network's input, pixels", 8, 4096}, size);
    v.field({"resize", "'linear' or 'area' (mean of the covered pixels, when shrinking)"}, resize);
    v.field({"normalise", "'unit' (divide by 255), 'zscore' or 'minmax', each slice by itself"},
            normalise);
  }

  /// Throws Error(recipe) for a word that is not one of the above, a window that is not two rising
  /// numbers, or a size that is not two numbers.
  void check() const;
};

}  // namespace groundglass
