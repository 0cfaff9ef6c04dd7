#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "groundglass/io/image.h"

namespace groundglass {

/// What stands in the headers of a synthetic series.
struct DicomSeriesOptions {
  std::string patient_id = "PHANTOM";
  std::string study_description = "GroundGlass synthetic study";
  std::string series_description = "synthetic, research only";
  uint64_t seed = 1;  ///< of the UIDs: the same seed gives the same files
};

/// Writes a synthetic CT series slice by slice: 0001.dcm, 0002.dcm, ..., each one CT Image Storage
/// object in explicit VR little endian, 16 bits signed with a rescale intercept of -1024. The same
/// slices, grid and options give the same bytes. Each file appears whole or not at all.
///
/// For phantoms and tests: the objects say that they are synthetic, and hold no patient and no
/// date. throws Error(data) with the reason if a file cannot be written.
class DicomSeriesWriter {
 public:
  /// shape  [D,H,W], H and W at most 65535.
  DicomSeriesWriter(std::filesystem::path folder, std::array<int64_t, 3> shape,
                    const Geometry& geometry, DicomSeriesOptions options = {});

  /// The next slice: [H,W] int16, HU; values above 31743 are held to it.
  void write_slice(const torch::Tensor& hu);

 private:
  std::filesystem::path folder_;
  std::array<int64_t, 3> shape_;
  Geometry geometry_;
  DicomSeriesOptions options_;
  int64_t written_ = 0;
};

/// A whole volume in HU, [D,H,W] int16.
void write_dicom_series(const std::filesystem::path& folder, const Volume& volume,
                        const DicomSeriesOptions& options = {});

}  // namespace groundglass
