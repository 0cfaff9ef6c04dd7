#pragma once

#include <filesystem>
#include <memory>

#include "groundglass/io/volume_reader.h"
#include "groundglass/preprocess/axial.h"
#include "groundglass/preprocess/preprocess_options.h"

namespace groundglass {

/// Upright axial slices of a volume: read one by one if they are stored so, else the volume is
/// turned as a whole in memory, when its first slice is read.
class AxialSource {
 public:
  /// units as in open_volume. Throws Error(data) as it does.
  AxialSource(const std::filesystem::path& path, UnitsAsked units);

  /// The slices of `reader` as another volume on the same grid is viewed: a mask beside its image.
  AxialSource(std::unique_ptr<VolumeReader> reader, const AxialView& view);

  const VolumeInfo& info() const { return reader_->info(); }
  const AxialView& view() const { return view_; }
  /// What the slices are read from.
  const VolumeReader& reader() const { return *reader_; }
  bool streams() const { return view_.slices_are_axial(); }
  int64_t depth() const;
  /// The grid of the upright slices.
  Geometry geometry() const;
  /// Every how many slices stands one on an overlay sheet, and how many are that.
  int64_t tile_step() const;
  int64_t tiles() const { return (depth() + tile_step() - 1) / tile_step(); }

  /// Slice k of the axial view, [1,H,W].
  Image read(int64_t k);

 private:
  void turn();

  std::unique_ptr<VolumeReader> reader_;
  AxialView view_;
  torch::Tensor whole_;  // [D',H',W'], only if it had to be turned as a whole
};

}  // namespace groundglass
