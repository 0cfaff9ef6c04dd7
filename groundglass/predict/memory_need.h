#pragma once

#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/segmenter.h"
#include "groundglass/preprocess/axial_source.h"

namespace groundglass {

/// What is written besides masks.
struct ExtraOutputs {
  bool probabilities = false, overlay = false;
  bool lungs = false;  ///< the network's, as masks
  bool lobes = false;  ///< as a map
  bool dicom = false;  ///< masks and pictures as DICOM objects
};

/// Bytes that segmenting takes besides what the process holds, at most.
struct MemoryNeed {
  int64_t whole = 0;    ///< however many slices are taken at once
  int64_t each = 0;     ///< for each slice that is taken at once, without the network
  bool turned = false;  ///< a volume that is turned as a whole, since its slices are not axial
  ExtraOutputs outputs = {};

  int64_t of(int64_t slices) const { return whole + slices * each; }
};

/// Of a volume before its voxels are read: slices on their way, what the volume's own grid and
/// sheet keep, and what a reader holds.
MemoryNeed need_of_volume(const AxialSource& source, const Segmenter& segmenter,
                          const ExtraOutputs& outputs);

/// Of pictures of `height` x `width` pixels.
MemoryNeed need_of_pictures(int64_t height, int64_t width, const Segmenter& segmenter,
                            const ExtraOutputs& outputs);

}  // namespace groundglass
