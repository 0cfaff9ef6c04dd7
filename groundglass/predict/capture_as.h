#pragma once

#include "groundglass/core/field.h"

namespace groundglass {

/// How key slices are stored as DICOM secondary captures.
enum class CaptureAs {
  frames,  ///< one multi-frame object
  single,  ///< one object of one frame for each, for archives that take no multi-frame ones
};
inline Words<CaptureAs> words_of(CaptureAs) {
  return {{"frames", CaptureAs::frames}, {"single", CaptureAs::single}};
}

}  // namespace groundglass
