#pragma once

#include <string>

#include "groundglass/core/field.h"

namespace groundglass {

/// What the values of a mask mean; DataOptions says it of each.
enum class MaskLabels { binary, any, classes, threshold_lungs };
inline Words<MaskLabels> words_of(MaskLabels) {
  return {{"binary", MaskLabels::binary},
          {"any", MaskLabels::any},
          {"classes", MaskLabels::classes},
          {"threshold_lungs", MaskLabels::threshold_lungs}};
}

/// Which masks of a data set are learned, and what their values mean.
struct DataOptions {
  std::string mask;
  MaskLabels labels = MaskLabels::binary;
  int64_t classes = 2;

  template <class V>
  void fields(V& v) {
    v.field(
        {"mask", "column of the masks in a table; empty for the first of infection, mask, lung"},
        mask);
    v.choice({"labels",
              "'binary' (0 and 255, or 0 and 1), 'any' (everything above 0 is infected), 'classes' "
              "(class numbers; 255 is ignored) or 'threshold_lungs' (the lungs of a CT picture, "
              "found by "
              "a threshold, with the mask added)"},
             labels, words_of(labels));
    v.field({"classes", "labels = 'classes': how many, with the background", 2, 64}, classes);
  }
};

}  // namespace groundglass
