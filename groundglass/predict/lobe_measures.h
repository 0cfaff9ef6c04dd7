#pragma once

#include <memory>
#include <vector>

#include "groundglass/predict/lobe_atlas.h"
#include "groundglass/predict/lobe_file.h"
#include "groundglass/predict/lobe_source.h"
#include "groundglass/predict/severity.h"

namespace groundglass {

/// The lungs of a volume in cells, as lobes are found in them.
struct LungsInCells {
  const LungCells& cells;
  /// Of the right and of the left lung alone, on the same grid; null where nobody tells them apart:
  /// the sagittal plane between them does then.
  const LungCells* right = nullptr;
  const LungCells* left = nullptr;
  int64_t frame = 0;  ///< empty cells around each slice that the volume does not have
};

/// Millilitres, infected share, attenuation and points of each lobe of a volume in HU, and a map of
/// the lobes. Slices are upright and come in order. Keeps a byte for each block of 4 x 4 voxels,
/// and a bit for each voxel where a map is asked for.
class LobeMeasures {
 public:
  /// Of one lobe: voxels, and sums of their HU.
  struct Sums {
    RegionCount count;
    double hu = 0, lesion_hu = 0;
  };

  enum class Keep { numbers, map };

  /// Throws Error(data) as LobeFile does.
  LobeMeasures(const LobeSource& source, const AxialSource& volume, Keep keep);

  /// The next slice [H,W]: HU, class numbers of lesions, and lungs (0 is none; undefined where only
  /// a threshold says what lung is).
  void take(const torch::Tensor& hu, const torch::Tensor& lesions, const torch::Tensor& lungs);

  bool by_file() const { return file_ != nullptr; }

  /// The lobes of the file, after the last slice.
  Severity of_file() const;

  /// The lobes by the shape of the lungs, after the last slice. No numbers, with the reason, where
  /// the lungs are cut off (as in severity_of_zones): the atlas knows whole ones.
  Severity by_shape(const LungsInCells& lungs);

  /// After by_shape(): lobes of slice k, [H,W] uint8, numbered as lungmask's LTRCLobes (1 left
  /// upper, 2 left lower, 3 right upper, 4 right middle, 5 right lower); of cells in which the
  /// lungs are known voxel by voxel, only lung and lesion.
  torch::Tensor map_of(int64_t k) const;

 private:
  double voxel_ml_ = 0, cut_off_voxels_ = 0;
  std::shared_ptr<const LobeAtlas> atlas_;
  std::unique_ptr<LobeFile> file_;
  Keep keep_;
  int64_t slices_ = 0, height_ = 0, width_ = 0;  // of the volume
  int64_t last_slice_voxels_ = 0, first_slice_voxels_ = 0;
  std::vector<uint8_t> hu_of_cells_;  // (HU + 1024) / 8
  std::vector<bool> inside_;          // lung or lesion, voxel by voxel
  std::vector<Lobe> lobes_;           // of the volume's cells
  std::array<Sums, 5> sums_ = {};
};

}  // namespace groundglass
