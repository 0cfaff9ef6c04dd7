#include "groundglass/core/version.h"

namespace groundglass {

std::string build_shape() {
  return "full";
}

}  // namespace groundglass
