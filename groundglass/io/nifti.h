#pragma once

#include <array>
#include <filesystem>
#include <memory>

#include "groundglass/core/files.h"
#include "groundglass/io/volume_reader.h"

struct gzFile_s;

namespace groundglass {

/// Opens a NIfTI-1 file (.nii or .nii.gz, https://nifti.nimh.nih.gov) for reading slice by
/// slice: the array is [D,H,W] = [k,j,i] of the file, in either byte order, scaled by scl_slope and
/// scl_inter. info().units is left open.
///
/// The grid is that of the sform, else of the qform, else the voxel sizes alone (with a warning),
/// turned from the file's right-anterior-superior into left-posterior-superior millimetres. Sheared
/// axes are kept, with a warning. A sform and a qform that contradict each other are a warning,
/// too.
///
/// throws Error(data) with path and reason: truncated, not NIfTI-1, more than three axes, colour or
///        complex values.
std::unique_ptr<VolumeReader> open_nifti(const std::filesystem::path& path);

/// Writes a NIfTI-1 file (.nii or .nii.gz) slice by slice, so that memory does not grow with its
/// depth. The file appears under its name at commit() or not at all; the same slices give the same
/// bytes. qform and sform hold the same grid; of a sheared one there is only the sform, since a
/// qform cannot hold it.
///
/// The description says "GroundGlass <version>; research use only".
/// throws Error(usage) for another ending, Error(data) with the reason if the disk does not take
/// it.
class NiftiWriter {
 public:
  /// What the numbers are: uint8 class numbers, probabilities, or an image.
  enum class Content { labels, probabilities, image };

  /// shape  [D,H,W], each 1 to 32767.
  /// type   of the slices: uint8, int16 or float32.
  NiftiWriter(const std::filesystem::path& path, Content content, torch::ScalarType type,
              std::array<int64_t, 3> shape, const Geometry& geometry);

  /// The next slice, [H,W] of the type given.
  void write_slice(const torch::Tensor& slice);

  /// After the last slice: makes the file appear.
  void commit();

 private:
  [[noreturn]] void refuse() const;

  std::filesystem::path path_;
  AtomicFile file_;
  torch::ScalarType type_;
  std::array<int64_t, 3> shape_;
  int64_t written_ = 0;
  std::unique_ptr<gzFile_s, int (*)(gzFile_s*)> out_;
};

/// Class numbers [H,W] uint8, slice after slice.
class LabelVolumeWriter final : public NiftiWriter {
 public:
  LabelVolumeWriter(const std::filesystem::path& path, std::array<int64_t, 3> shape,
                    const Geometry& geometry)
      : NiftiWriter(path, Content::labels, torch::kUInt8, shape, geometry) {}
};

/// Probabilities [H,W] float32 in [0,1], slice after slice; stored as whole numbers of 1/16384 with
/// scl_slope, since the last bits of a float cannot be packed: a fifth of the size and a seventh of
/// the time.
class ProbabilityVolumeWriter final : public NiftiWriter {
 public:
  ProbabilityVolumeWriter(const std::filesystem::path& path, std::array<int64_t, 3> shape,
                          const Geometry& geometry)
      : NiftiWriter(path, Content::probabilities, torch::kInt16, shape, geometry) {}

  void write_slice(const torch::Tensor& slice);
};

/// A whole volume of class numbers [D,H,W].
void write_label_volume(const std::filesystem::path& path, const LabelMap& map);

/// A whole image [D,H,W] uint8, int16 or float32.
void write_volume(const std::filesystem::path& path, const Volume& volume);

}  // namespace groundglass
