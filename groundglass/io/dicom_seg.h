#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/io/dicom_identity.h"

namespace groundglass {

/// What a segment is, in codes.
struct SegmentMeaning {
  std::string label;  ///< "Lung infection"
  DicomCode category, type;
  std::array<uint8_t, 3> colour = {255, 40, 40};  ///< r, g, b
  std::optional<DicomCode> side = {};             ///< modifier of the type: right, left
};

/// A lesion class by its name: ground glass and consolidation have codes of their own, everything
/// else is inflammation of the lung. Never a diagnosis.
SegmentMeaning lesion_meaning(const std::string& name);

/// The lungs by their sides: right is segment 1, left is segment 2. With one segment, both.
std::vector<SegmentMeaning> lung_meanings(size_t segments);

/// What a segmentation is of: the series that it comes in, and its number.
enum class SegmentationOf {
  lesions,  ///< 9101
  lungs,    ///< 9111
};

/// A class mask on the frames of its source series, one bit for each pixel; empty slices take no
/// memory.
class SegmentFrames {
 public:
  /// One of the source's images that holds a segment.
  struct Frame {
    size_t slice = 0;           ///< of the source, from 0
    std::vector<uint8_t> bits;  ///< pixel 0 is the lowest bit of the first byte
  };

  SegmentFrames(int64_t rows, int64_t columns, size_t segments);

  /// The class numbers of the next slice, rows * columns; number n is segment n, 0 is none. Numbers
  /// without a segment are left out.
  void add_slice(const uint8_t* labels);

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  size_t slices() const { return slices_; }
  /// frames()[s] are those of segment s + 1, in the order of the slices.
  const std::vector<std::vector<Frame>>& frames() const { return frames_; }
  /// Pixels of all segments in each slice.
  const std::vector<int64_t>& pixels_of_slices() const { return pixels_; }

 private:
  int64_t rows_, columns_;
  size_t slices_ = 0;
  std::vector<std::vector<Frame>> frames_;
  std::vector<int64_t> pixels_;
};

/// True if bit `pixel` of packed bits is set.
inline bool bit_at(const std::vector<uint8_t>& bits, size_t pixel) {
  return ((bits[pixel / 8] >> (pixel % 8)) & 1) != 0;
}

/// A DICOM Segmentation (1.2.840.10008.5.1.4.1.1.66.4, BINARY) of one source series. Each frame
/// lies on an image of the source and takes over its position as text, so oblique, tilted,
/// feet-first and coronal series need no turning. Slices without lesion have no frame; a segment
/// that is empty has one empty frame at the middle slice if all are empty: "nothing found" is an
/// object, too. An X-ray has no place in the patient: its segmentation has one frame for each
/// segment, empty or not, that names the picture alone.
///
/// frames    as many slices as `source` has images, of its rows and columns.
/// meanings  of segments 1, 2, ..
DicomFile dicom_segmentation(const DicomSource& source, const SegmentFrames& frames,
                             const std::vector<SegmentMeaning>& meanings, const DicomMaker& maker,
                             SegmentationOf what = SegmentationOf::lesions);

}  // namespace groundglass
