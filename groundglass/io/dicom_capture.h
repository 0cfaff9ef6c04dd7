#pragma once

#include <cstdint>
#include <vector>

#include "groundglass/io/dicom_seg.h"

namespace groundglass {

/// A picture of one source image, rows * columns * 3 bytes, r g b.
struct CaptureFrame {
  size_t slice = 0;  ///< of the source, from 0
  std::vector<uint8_t> rgb;
};

/// The slices to show, at most `most`, in rising order: those with most lesion, and where these are
/// fewer, others at even distances.
std::vector<size_t> key_slices(const std::vector<int64_t>& lesion_pixels, size_t most = 12);

/// A slice in a window of 1600 HU about -600 HU with the segments half transparent in their
/// colours and "research use only" burnt in.
///
/// hu  rows * columns values of slice `slice` of the frames.
CaptureFrame painted_slice(const std::vector<float>& hu, size_t slice, const SegmentFrames& frames,
                           const std::vector<SegmentMeaning>& meanings);

/// A Multi-frame True Color Secondary Capture (1.2.840.10008.5.1.4.1.1.7.4) of the source's size.
DicomFile dicom_capture(const DicomSource& source, const std::vector<CaptureFrame>& frames,
                        const DicomMaker& maker);

}  // namespace groundglass
