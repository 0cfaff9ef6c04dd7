#include "groundglass/core/version.h"

namespace groundglass {

std::string build_shape() {
  return "core";
}

}  // namespace groundglass
