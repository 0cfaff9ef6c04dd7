#pragma once

#include <filesystem>
#include <string>

#include "groundglass/core/events.h"
#include "groundglass/core/field.h"
#include "groundglass/data/phantom.h"

namespace groundglass {

/// What a phantom's chests are seen by.
enum class PhantomKind {
  ct,
  cxr,  ///< from the front, its attenuation summed along the rays
};
inline Words<PhantomKind> words_of(PhantomKind) {
  return {{"ct", PhantomKind::ct}, {"cxr", PhantomKind::cxr}};
}

/// What a phantom is written as; write_phantom_set() says what each holds.
enum class PhantomFormat { png, nifti, dicom };
inline Words<PhantomFormat> words_of(PhantomFormat) {
  return {{"png", PhantomFormat::png},
          {"nifti", PhantomFormat::nifti},
          {"dicom", PhantomFormat::dicom}};
}

struct PhantomSetOptions {
  int64_t cases = 4;
  uint64_t seed = 1;
  PhantomFormat format = PhantomFormat::png;
  PhantomKind kind = PhantomKind::ct;
  PhantomOptions phantom;  ///< its seed is made from the above
  bool classes = false;    ///< nifti and dicom: masks of PhantomLabel instead of 0 and 1
};

/// Writes a synthetic data set with masks:
///   png    <case>/z000.png with _infection.png (0 and 255), _class.png (0 background, 1 ground
///          glass, 2 consolidation) and _lung.png, and cases.csv; every other case is stored in
///          another gray window, as another hospital would
///   nifti  an nnU-Net folder
///   dicom  a CT series for each case, and its masks as <case>_mask.nii.gz
/// X-rays are written as png only.
///
/// Throws Error(usage) for an X-ray in another format, and for classes of an X-ray, which has none.
/// Returns the table, folder or series to go on with.
std::filesystem::path write_phantom_set(const std::filesystem::path& folder,
                                        const PhantomSetOptions& options,
                                        Observer& observer = silent_observer());

}  // namespace groundglass
