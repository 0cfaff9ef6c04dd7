#pragma once

#include <filesystem>
#include <memory>

#include "groundglass/io/volume_reader.h"
#include "groundglass/preprocess/axial.h"

namespace groundglass {

/// Upright axial slices of a volume: read one by one if they are stored so, else the volume is
/// turned as a whole in memory.
class AxialSource {
 public:
  /// units as in open_volume. Throws Error(data) as it does.
  AxialSource(const std::filesystem::path& path, const std::string& units);

  const VolumeInfo& info() const { return reader_->info(); }
  const AxialView& view() const { return view_; }
  bool streams() const { return !whole_.defined(); }
  int64_t depth() const { return streams() ? info().depth : whole_.size(0); }

  /// Slice k of the axial view, [1,H,W].
  Image read(int64_t k);

 private:
  std::unique_ptr<VolumeReader> reader_;
  AxialView view_;
  torch::Tensor whole_;  // [D',H',W'], only if it had to be turned as a whole
};

}  // namespace groundglass
