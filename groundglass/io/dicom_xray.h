#pragma once

#include <filesystem>

#include "groundglass/io/image.h"

namespace groundglass {

/// True for a DICOM file whose Modality is CR or DX, by its header. False for
/// what cannot be read.
bool is_dicom_xray(const std::filesystem::path& path);

/// Reads a chest X-ray (CR, DX) as it is shown on a screen, [1,H,W] float32
/// from 0 (black) to `white` = 1: stored numbers, then modality LUT or slope
/// and intercept, then the first VOI LUT or the first window (LINEAR,
/// LINEAR_EXACT or SIGMOID) or, with a warning, the 1st and 99th percentile;
/// then turned round where the photometric interpretation is MONOCHROME1, once.
/// Pixels that the detector did not see (PixelPaddingValue) are black.
///
/// Throws Error(data) with the reason for what would be read wrong: FOR
/// PROCESSING, lateral and oblique views, other parts of the body, several
/// frames, colour, other modalities, and as read_dicom_header() and
/// read_stored_pixels().
Image read_dicom_xray(const std::filesystem::path& path);

}  // namespace groundglass
