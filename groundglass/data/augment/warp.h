#pragma once

#include <vector>

#include "groundglass/data/augment/augmentation.h"
#include "groundglass/data/sample.h"

namespace groundglass {

/// For each output pixel the place in the input that it shows, in pixels; may lie outside.
struct Grid {
  int64_t height = 0, width = 0;
  std::vector<float> x, y;  ///< height * width numbers each, row by row
};

/// The grid that shows the image unchanged.
Grid identity_grid(int64_t height, int64_t width);

// Each transform turns output places into input places; calling them from the last transform to the
// first composes all of them into one grid, so that the image is interpolated once.

void flip(Grid& grid);           ///< left-right
void flip_vertical(Grid& grid);  ///< up-down
/// Rows move sideways in proportion to their distance from the middle row.
void shear(Grid& grid, double angle_deg);
/// Rotation and scale about the centre (w/2 - 1/2, h/2 - 1/2), then a shift.
void affine(Grid& grid, double angle_deg, double scale, double shift_x, double shift_y);
/// Two fields of uniform noise, blurred and multiplied by alpha, displace the pixels; the affine
/// map that moves three corners by `corners_px` comes before them. Simard, Steinkraus, Platt, ICDAR
/// 2003.
void elastic(Grid& grid, const Augmentation& a);
/// Cells whose widths and heights are changed by factors, one per cell, the last cell ending at the
/// border; linear inside a cell.
void grid_distortion(Grid& grid, const std::vector<double>& x, const std::vector<double>& y);
/// A lens: x (1 + k r^2 + k r^4) in units of the side about (w/2, h/2).
void optical(Grid& grid, double k);

/// All geometric parts of an augmentation as one grid.
Grid sampling_grid(const Augmentation& a, int64_t height, int64_t width);

/// The one place where images and masks are resampled: the image linearly, the mask by nearest
/// neighbour. Beyond the border lies their mirror image, without doubling the border's pixels
/// (reflect-101), or its nearest pixel.
Sample warp(const Sample& sample, const Grid& grid, AugmentBorder border = AugmentBorder::mirror);

/// Geometry, then gray values. Pure: the same augmentation gives the same sample everywhere.
Sample apply(const Augmentation& a, const Sample& sample);

}  // namespace groundglass
