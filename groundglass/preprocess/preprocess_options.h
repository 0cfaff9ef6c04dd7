#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "groundglass/core/field.h"
#include "groundglass/io/units_asked.h"

namespace groundglass {

/// What of a slice is kept: all, the box around the body, or around the lungs.
enum class Crop { none, body, lungs };
inline Words<Crop> words_of(Crop) {
  return {{"none", Crop::none}, {"body", Crop::body}, {"lungs", Crop::lungs}};
}

/// Grays as they are, or spread from the darkest percent to the median soft tissue.
enum class GrayWindow { as_is, tissue };
inline Words<GrayWindow> words_of(GrayWindow) {
  return {{"as_is", GrayWindow::as_is}, {"tissue", GrayWindow::tissue}};
}

/// Whether contrast is equalised tile by tile.
enum class Contrast { clahe, none };
inline Words<Contrast> words_of(Contrast) {
  return {{"clahe", Contrast::clahe}, {"none", Contrast::none}};
}

/// Of what contrast is equalised: of the slice, or of each lung by itself.
enum class ContrastRegion { slice, lungs };
inline Words<ContrastRegion> words_of(ContrastRegion) {
  return {{"slice", ContrastRegion::slice}, {"lungs", ContrastRegion::lungs}};
}

/// What of a slice stays visible: all, or the lungs on black.
enum class Mask { none, lungs };
inline Words<Mask> words_of(Mask) {
  return {{"none", Mask::none}, {"lungs", Mask::lungs}};
}

/// Who finds the lungs that `mask` and `contrast_region` mean.
enum class LungsBy { threshold, column, network };
inline Words<LungsBy> words_of(LungsBy) {
  return {{"threshold", LungsBy::threshold},
          {"column", LungsBy::column},
          {"network", LungsBy::network}};
}

/// How a slice comes to the size of the network's input.
enum class Resize { linear, area };
inline Words<Resize> words_of(Resize) {
  return {{"linear", Resize::linear}, {"area", Resize::area}};
}

/// How gray values become the network's numbers, each slice by itself.
enum class Normalise { unit, zscore, minmax };
inline Words<Normalise> words_of(Normalise) {
  return {{"unit", Normalise::unit}, {"zscore", Normalise::zscore}, {"minmax", Normalise::minmax}};
}

/// From a slice as stored to the network's input. The steps run in the order of the fields.
struct PreprocessOptions {
  UnitsAsked units = UnitsAsked::as_stored;
  std::vector<double> window_hu = {-1024, 600};
  Crop crop = Crop::none;
  GrayWindow gray_window = GrayWindow::as_is;
  Contrast contrast = Contrast::clahe;
  double clahe_clip = 2.0;
  int64_t clahe_tiles = 8;
  ContrastRegion contrast_region = ContrastRegion::slice;
  Mask mask = Mask::none;
  LungsBy lungs_from = LungsBy::threshold;
  std::string lungs_name;
  std::vector<int64_t> size = {256, 256};
  Resize resize = Resize::linear;
  Normalise normalise = Normalise::unit;

  template <class V>
  void fields(V& v) {
    v.choice({"units", "'auto' (as the file says), 'hu' or 'gray'"}, units, words_of(units));
    v.field({"window_hu", "HU shown as black and as white, for images in HU"}, window_hu);
    v.choice(
        {"crop",
         "'none', 'body' (to the box around the largest bright piece) or 'lungs' (CT: to the box "
         "around what a threshold finds of them)"},
        crop, words_of(crop));
    v.choice({"gray_window",
              "'as_is', or 'tissue' (darkest percent is black, the median soft tissue is bright)"},
             gray_window, words_of(gray_window));
    v.choice({"contrast", "'clahe' or 'none'"}, contrast, words_of(contrast));
    v.field({"clahe_clip", "CLAHE: clip limit, multiples of the mean bin", 0.1, 100}, clahe_clip);
    v.field({"clahe_tiles", "CLAHE: tiles per side", 1, 64}, clahe_tiles);
    v.choice({"contrast_region",
              "CLAHE of the whole 'slice', or of each of the 'lungs' by itself, "
              "with all else left as it is"},
             contrast_region, words_of(contrast_region));
    v.choice({"mask", "'none', or 'lungs': everything outside the lungs becomes black"}, mask,
             words_of(mask));
    v.choice({"lungs_from",
              "mask or contrast_region 'lungs': who finds them. 'threshold' (CT), 'network', or "
              "'column' (a table's masks; 'predict', which has none, asks the network ct_lungs)"},
             lungs_from, words_of(lungs_from));
    v.field(
        {"lungs_name",
         "the column, or the network as 'predict --model' takes it; empty for lung and ct_lungs"},
        lungs_name);
    v.field({"size", "height and width of the network's input, pixels", 8, 4096}, size);
    v.choice({"resize", "'linear' or 'area' (mean of the covered pixels, when shrinking)"}, resize,
             words_of(resize));
    v.choice({"normalise", "'unit' (divide by 255), 'zscore' or 'minmax', each slice by itself"},
             normalise, words_of(normalise));
  }

  /// Throws Error(recipe) for a window that is not two rising numbers, a size that is not two
  /// numbers, a contrast_region without CLAHE, or a lungs_name with a threshold.
  void check() const;

  /// Whether the lungs of a slice have to be known.
  bool needs_lungs() const {
    return mask == Mask::lungs || contrast_region == ContrastRegion::lungs;
  }
};

}  // namespace groundglass
