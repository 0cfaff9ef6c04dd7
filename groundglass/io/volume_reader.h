#pragma once

#include <filesystem>
#include <memory>

#include "groundglass/io/image.h"

namespace groundglass {

/// What is known of a volume before its voxels are read.
struct VolumeInfo {
  int64_t depth = 0, height = 0, width = 0;
  Geometry geometry;
  Units units = Units::hu;
  double white = 255;  ///< gray only
  std::string format;  ///< "NIfTI", "NRRD", "MetaImage", "DICOM series"
  std::vector<std::string> warnings;
};

/// Reads a volume slice by slice, so that memory does not grow with its depth.
class VolumeReader {
 public:
  virtual ~VolumeReader() = default;
  const VolumeInfo& info() const { return info_; }

  /// Slice k along the array's first axis, as stored: [H,W] uint8, int16 or float32, in HU or gray.
  /// Going up by one is cheap; going back may start the file anew.
  /// Throws Error(data) with path and reason if the file is cut off or damaged.
  virtual torch::Tensor read_slice(int64_t k) = 0;

 protected:
  VolumeInfo info_;
};

/// True for names that end like a volume: .nii .nii.gz .nrrd .nhdr .mha .mhd
bool is_volume_name(const std::filesystem::path& path);

/// Opens a volume file, or a folder with one DICOM series.
///
/// units  "hu" or "gray" insists; "auto" decides by the stored type and the first slice (DICOM CT and
///        anything that reaches below -200 is in HU, bytes are gray) and refuses what is unclear.
/// throws Error(data) with path and reason.
std::unique_ptr<VolumeReader> open_volume(const std::filesystem::path& path,
                                          const std::string& units = "auto");

/// The whole volume.
Volume read_volume(const std::filesystem::path& path, const std::string& units = "auto");

/// A volume of class numbers. Throws Error(data) for values that are no whole numbers in 0..255.
LabelMap read_label_volume(const std::filesystem::path& path);

}  // namespace groundglass
