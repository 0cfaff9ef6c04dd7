#include "groundglass/preprocess/preprocess_options.h"

#include "groundglass/core/error.h"

namespace groundglass {

void PreprocessOptions::check() const {
  check_word("preprocess", "units", units, {"auto", "hu", "gray"});
  check_word("preprocess", "crop", crop, {"none", "body", "lungs"});
  check_word("preprocess", "gray_window", gray_window, {"as_is", "tissue"});
  check_word("preprocess", "contrast", contrast, {"clahe", "none"});
  check_word("preprocess", "resize", resize, {"linear", "area"});
  check_word("preprocess", "normalise", normalise, {"unit", "zscore", "minmax"});
  if (window_hu.size() != 2 || window_hu[0] >= window_hu[1]) {
    fail(ErrorKind::recipe, "[preprocess] window_hu must be two rising numbers, e.g. [-1024, 600]");
  }
  if (size.size() != 2) {
    fail(ErrorKind::recipe, "[preprocess] size must be height and width, e.g. [256, 256]");
  }
}

}  // namespace groundglass
