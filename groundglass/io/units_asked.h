#pragma once

#include "groundglass/core/field.h"

namespace groundglass {

/// What stored numbers are taken for.
enum class UnitsAsked {
  as_stored,   ///< what the file says
  hu,          ///< Hounsfield units
  gray,        ///< gray values of 8 bits
  probability  ///< float32 in [0,1], our own maps; has no word, since nobody asks for it by one
};
inline Words<UnitsAsked> words_of(UnitsAsked) {
  return {{"auto", UnitsAsked::as_stored}, {"hu", UnitsAsked::hu}, {"gray", UnitsAsked::gray}};
}

}  // namespace groundglass
