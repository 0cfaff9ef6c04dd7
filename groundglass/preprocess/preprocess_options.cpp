#include "groundglass/preprocess/preprocess_options.h"

#include "groundglass/core/error.h"

namespace groundglass {

void PreprocessOptions::check() const {
  if (window_hu.size() != 2 || window_hu[0] >= window_hu[1]) {
    fail(ErrorKind::recipe, "[preprocess] window_hu must be two rising numbers, e.g. [-1024, 600]");
  }
  if (size.size() != 2) {
    fail(ErrorKind::recipe, "[preprocess] size must be height and width, e.g. [256, 256]");
  }
  if (contrast_region == ContrastRegion::lungs && contrast != Contrast::clahe) {
    fail(ErrorKind::recipe,
         "[preprocess] contrast_region is 'lungs' and contrast 'none', expected contrast 'clahe', "
         "or contrast_region 'slice'");
  }
  if (!lungs_name.empty() && lungs_from == LungsBy::threshold) {
    fail(ErrorKind::recipe,
         "[preprocess] lungs_name is set and lungs_from is 'threshold', expected 'column' or "
         "'network' with it");
  }
}

}  // namespace groundglass
