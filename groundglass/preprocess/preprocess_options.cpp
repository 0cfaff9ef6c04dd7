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
}

}  // namespace groundglass
