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

/// A picture of rows * columns gray bytes with the segments of slice `slice` half transparent in
/// their colours and "research use only" burnt in.
CaptureFrame painted_picture(const std::vector<uint8_t>& gray, size_t slice,
                             const SegmentFrames& frames,
                             const std::vector<SegmentMeaning>& meanings);

/// Writes at the left and right edge of a picture of a CT slice where it lies in the patient ("R",
/// "L", or the letters of the axes of a slice that is not axial): a viewer cannot know, and series
/// may be stored mirrored. X-rays, which carry marks of their own, stay as they are.
void mark_sides(CaptureFrame& frame, const DicomSource& source);

/// Gray bytes of a window of 1600 HU about -600 HU.
std::vector<uint8_t> in_lung_window(const std::vector<float>& hu);

/// A Multi-frame True Color Secondary Capture (1.2.840.10008.5.1.4.1.1.7.4) of the source's size.
DicomFile dicom_capture(const DicomSource& source, const std::vector<CaptureFrame>& frames,
                        const DicomMaker& maker);

/// The same pictures as Secondary Captures of one frame each (1.2.840.10008.5.1.4.1.1.7), for
/// archives that take no multi-frame ones: one series, instance numbers from 1.
std::vector<DicomFile> dicom_captures(const DicomSource& source,
                                      const std::vector<CaptureFrame>& frames,
                                      const DicomMaker& maker);

}  // namespace groundglass
