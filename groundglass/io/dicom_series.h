#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "groundglass/io/dicom_slice.h"
#include "groundglass/io/volume_reader.h"

namespace groundglass {

/// One CT series, sorted along the normal of its slices; slices are decoded when they are read.
/// Units are HU. Tilted slices (gantry tilt) are kept as they are, on the sheared grid that they
/// lie on, with a warning.
class DicomSeries final : public VolumeReader {
 public:
  DicomSeries(const std::filesystem::path& path, std::vector<DicomSlice> sorted, VolumeInfo info);

  /// The file behind each slice: where objects derived from the series find what they refer to.
  const std::vector<DicomSlice>& slices() const { return slices_; }

 private:
  torch::Tensor load_slice(int64_t k) override;

  std::vector<DicomSlice> slices_;
};

/// Opens the one CT series in a folder (its subfolders are not looked at), or one DICOM file as a
/// volume of one slice. Only headers are read. What is no DICOM image (DICOMDIR, a readme, a
/// report, a segmentation) is skipped with a warning; a missing Modality or rescale tag is a
/// warning.
///
/// throws Error(data) naming everything that is wrong at once: unreadable files, several series,
///        another modality than CT, localizers and secondary captures, missing positions, different
///        sizes, spacings or orientations, doubled or missing slices.
std::unique_ptr<DicomSeries> open_dicom_series(const std::filesystem::path& path);

}  // namespace groundglass
