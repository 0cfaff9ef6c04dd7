#pragma once

#include <string>
#include <vector>

#include "groundglass/core/field.h"
#include "groundglass/metrics/lesion_pieces.h"
#include "groundglass/preprocess/axial_source.h"

namespace groundglass {

/// The planes through an upright volume.
enum class Plane { axial, coronal, sagittal };
inline Words<Plane> words_of(Plane) {
  return {{"axial", Plane::axial}, {"coronal", Plane::coronal}, {"sagittal", Plane::sagittal}};
}

/// A slice that shows much lesion, in the usual radiological view (the patient's right on the left,
/// front or head above), with pixels as wide as they are high and the side that lies at the left
/// edge written there (R, of sagittal slices A).
struct StudySlice {
  Plane plane = Plane::axial;
  int64_t index = 0;  ///< in the upright volume, from 0
  torch::Tensor rgb;  ///< [3,H,W] uint8, lesions in the colours of their classes
};

/// What a page tells of a volume and its mask.
struct StudyFindings {
  std::vector<double> burden;  ///< lesion of each axial slice, head first: ml, or voxels without HU
  bool burden_in_ml = false;
  double slice_distance_mm = 1;
  double voxel_ml = 0;             ///< volumes in HU
  LesionPieces lesions;            ///< of kSmallestLesion voxels and more, slices being axial
  std::vector<StudySlice> slices;  ///< axial, coronal, sagittal; empty if there is no lesion
};

constexpr int64_t kSmallestLesion = 8;  ///< voxels

/// Looks at a volume and at a mask on the grid of its stored slices.
///
/// axial_slices  how many axial slices are shown at most; one coronal and one sagittal beside them.
/// Throws Error(data) if the mask is of another size, and as the readers do.
StudyFindings study_findings(AxialSource& volume, const torch::Tensor& stored_mask,
                             int64_t axial_slices = 3);

/// Lesion along the patient's axis as a curve, [3,H,W].
torch::Tensor burden_figure(const StudyFindings& findings);

}  // namespace groundglass
