#pragma once

#include <filesystem>
#include <memory>

#include "groundglass/io/image.h"
#include "groundglass/io/units_asked.h"

namespace groundglass {

/// What is known of a volume before its voxels are read.
struct VolumeInfo {
  int64_t depth = 0, height = 0, width = 0;
  torch::ScalarType type = torch::kInt16;  ///< of the slices: uint8, int16 or float32
  Geometry geometry;
  Units units = Units::hu;
  double white = 255;  ///< gray only
  std::string format;  ///< "NIfTI", "NRRD", "MetaImage", "DICOM series"
  std::vector<std::string> warnings;
};

/// Reads a volume slice by slice, so that memory does not grow with its depth where the format
/// allows it (NIfTI and DICOM; NRRD and MetaImage are held as stored). Not for several threads at
/// once; several readers are.
class VolumeReader {
 public:
  explicit VolumeReader(std::filesystem::path path) : path_(std::move(path)) {}
  virtual ~VolumeReader() = default;
  const VolumeInfo& info() const { return info_; }
  const std::filesystem::path& path() const { return path_; }

  /// Slice k along the array's first axis: [H,W] of info().type, in HU or gray.
  /// Going up by one is cheap; going back may start the file anew.
  /// Throws Error(data) with path, slice and reason if the file is cut off or damaged or the slice
  /// holds values that are no numbers.
  torch::Tensor read_slice(int64_t k);

 protected:
  VolumeInfo info_;

 private:
  friend std::unique_ptr<VolumeReader> open_volume(const std::filesystem::path&, UnitsAsked);

  virtual torch::Tensor load_slice(int64_t k) = 0;
  void settle_units(UnitsAsked wanted);
  void check_for_air();

  std::filesystem::path path_;
};

/// True for names that end in .nii .nii.gz .nrrd .nhdr .mha or .mhd, and for folders, which may
/// hold a DICOM series.
bool is_volume_name(const std::filesystem::path& path);

/// Opens a volume file, a folder with one DICOM series, or one DICOM file.
///
/// units  hu or gray (8-bit data only) insists; as_stored decides by the stored type and slices
///        (bytes are gray; else a fair share has to lie near air and near water, as in hu_check.h)
///        and refuses what is unclear; probability is gray with white = 1.
/// throws Error(data) with path and reason.
std::unique_ptr<VolumeReader> open_volume(const std::filesystem::path& path,
                                          UnitsAsked units = UnitsAsked::as_stored);

/// The whole volume, in the type of its slices.
Volume read_volume(const std::filesystem::path& path, UnitsAsked units = UnitsAsked::as_stored);

/// Opens a volume of class numbers: slices are uint8, units gray. Throws Error(data) for a DICOM
/// series, and from read_slice() for values that are no whole numbers in 0..255, naming the first
/// ones.
std::unique_ptr<VolumeReader> open_label_volume(const std::filesystem::path& path);

/// A volume of class numbers. Throws Error(data) for values that are no whole numbers in 0..255,
/// naming the first ones.
LabelMap read_label_volume(const std::filesystem::path& path);

}  // namespace groundglass
