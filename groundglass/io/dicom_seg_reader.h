#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/core/geometry.h"

namespace groundglass {

/// A segment as a file describes it.
struct StoredSegment {
  int64_t number = 0;
  std::string label, category, type;  ///< codes as "409774005 SCT Inflammation"
};

/// One frame of a stored segmentation.
struct StoredFrame {
  int64_t segment = 0;
  std::array<double, 3> position_mm{};  ///< centre of the first pixel, LPS
  std::array<double, 6> cosines{};      ///< of a row, then of a column
};

/// A DICOM Segmentation of any maker: groups shared or for each frame, BINARY or FRACTIONAL (a
/// pixel of half the maximum or more belongs to the segment).
struct StoredSegmentation {
  std::filesystem::path path;
  int64_t rows = 0, columns = 0;
  std::array<double, 2> spacing_mm{};  ///< between rows, between columns
  double slice_distance_mm = 0;        ///< 0 if the file does not say
  std::string source_series;           ///< UID; "" if the file does not say
  std::string maker;                   ///< Manufacturer
  std::string sop_instance;
  std::vector<StoredSegment> segments;
  std::vector<StoredFrame> frames;
  std::vector<uint8_t> pixels;  ///< 0 or 1, frame after frame
  /// Of one X-ray: its frames name no place in a patient and lie on the picture, pixel on pixel.
  bool of_picture = false;
};

/// What a DICOM file says it is by its SOP class: "SEG", "SR" or "PDF"; "" for anything else and
/// for what is no DICOM.
std::string dicom_object_kind(const std::filesystem::path& path);

/// Reads a segmentation. Throws Error(data) with path and reason: no segmentation, damaged, a label
/// map, frames without segment, of several pictures or, where any has one, without position or
/// orientation, compressed in a way that is not known.
StoredSegmentation read_dicom_segmentation(const std::filesystem::path& path);

/// Class numbers on a grid of [D,H,W] voxels, one byte each: the segments' own numbers. That of a
/// picture lies on [1,H,W].
/// Throws Error(data) if a frame does not lie on a slice of the grid, pixel on pixel (a tenth of a
/// pixel), or if two segments share a voxel and `any` is not asked for.
enum class Overlap { refused, any };
std::vector<uint8_t> labels_on_grid(const StoredSegmentation& segmentation, const Geometry& grid,
                                    const std::array<int64_t, 3>& shape,
                                    Overlap overlap = Overlap::refused);

/// The smallest grid that holds all frames: that of the source series as far as it can be known.
/// shape  receives [D,H,W].
Geometry grid_of_frames(const StoredSegmentation& segmentation, std::array<int64_t, 3>& shape);

}  // namespace groundglass
