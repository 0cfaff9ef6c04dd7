#pragma once

#include <cstdint>
#include <vector>

#include "groundglass/core/rng.h"

namespace groundglass {

/// One drawn region that is painted into what a mask marks: all numbers, nothing random left.
struct DenseRegion {
  double place = 0;      ///< of its centre among the marked pixels in reading order, 0 to 1
  double radius = 0.1;   ///< share of the longer side
  double aspect = 1;     ///< of its two axes
  double angle_rad = 0;  ///< of its first axis
  double lobes[3] = {};  ///< phases of the waves in its outline
  bool level = false;    ///< instead of a blob: all of the centre's class at and below its row
  double gray = 1;       ///< 0 is the darkest of the picture, 1 its soft tissue
  double opacity = 1;    ///< 1 leaves nothing of what was there
};

/// Draws one to four regions: blobs with wavy, soft edges, and now and then a level with all below
/// it, as fluid in a patient who lies on the back. Most are as dense as ground glass to soft
/// tissue, one in ten as dark as air.
///
/// largest  radius of a blob, share of the longer side.
std::vector<DenseRegion> draw_dense_regions(double largest, Rng& rng);

/// Paints the regions into one channel of a picture where its mask marks something; the mask stays
/// as it is. Made for lung masks, so that dense lung is learned as lung; in training on lesions it
/// would paint lesions that the mask denies.
///
/// gray  height * width bytes, changed.
/// mask  class numbers, 0 is background, 255 is ignored.
void paint_dense_regions(const std::vector<DenseRegion>& regions, int64_t height, int64_t width,
                         const uint8_t* mask, uint8_t* gray);

}  // namespace groundglass
