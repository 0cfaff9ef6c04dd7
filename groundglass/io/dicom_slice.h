#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

namespace groundglass {

/// The header of one DICOM file that holds one image; empty where the file says nothing.
struct DicomSlice {
  std::filesystem::path path;
  std::string series_uid, series_description;
  std::string sop_class;     ///< SOP Class UID
  std::string modality;      ///< "CT"
  std::string image_kind;    ///< third word of ImageType: "AXIAL", "LOCALIZER"
  std::string rescale_type;  ///< "HU"
  std::string encoding;      ///< name of the transfer syntax
  std::optional<std::array<double, 3>> position_mm;  ///< centre of the first pixel, LPS
  std::optional<std::array<double, 6>> cosines;      ///< of a row, then of a column
  std::optional<std::array<double, 2>> spacing_mm;   ///< between rows, between columns
  std::optional<double> thickness_mm, slope, intercept;
  std::optional<double> told_distance_mm;  ///< SpacingBetweenSlices
  std::string photometric;                 ///< PhotometricInterpretation: "MONOCHROME2"
  int64_t rows = 0, columns = 0, frames = 1, samples = 1;
  int64_t surplus_bytes = 0;  ///< of plain pixels, behind those that the header tells of
  bool lookup_table = false;  ///< a modality LUT instead of slope and intercept
  /// Values that are there and cannot be what they should: "PixelSpacing is '2,5\\2,5', expected 2
  /// numbers above 0".
  std::vector<std::string> faults;
};

/// True for a file that is marked as DICOM: "DICM" at byte 128, or a name that ends in .dcm; and
/// for a bare data set, which begins with an element of group 2 or 8 in one of the two byte orders.
bool has_dicom_mark(const std::filesystem::path& path);

/// The header of a DICOM file; its pixels are not read, only counted. Nothing for objects that are
/// no image to segment: DICOMDIR, reports, structures, doses, segmentations.
/// Numbers are read to their end; what is none becomes one of the faults.
/// Throws Error(data) if the file is truncated, damaged, no DICOM or in an unknown encoding.
std::optional<DicomSlice> read_dicom_header(const std::filesystem::path& path);

/// The numbers of a frame as they are stored, before slope and intercept, row by row.
struct StoredPixels {
  std::vector<float> values;
  std::vector<bool> padding;  ///< by PixelPaddingValue: what the scanner or detector did not see
  bool is_signed = false;     ///< PixelRepresentation
};

/// Throws as read_dicom_pixels() does.
StoredPixels read_stored_pixels(const DicomSlice& slice);

/// The pixels after slope and intercept, [H,W]. Padding (PixelPaddingValue, up to
/// PixelPaddingRangeLimit) becomes air, -1000 HU.
///
/// type    int16 (rounded and held to the range, which no tissue or metal in HU leaves) or float32.
/// throws  Error(data) with path and reason: damaged, or an encoding that cannot be read.
///
/// Plain, deflated, RLE and JPEG files are decoded by DCMTK, JPEG-LS and JPEG 2000 as in
/// dicom_codecs.h.
torch::Tensor read_dicom_pixels(const DicomSlice& slice, torch::ScalarType type);

}  // namespace groundglass
