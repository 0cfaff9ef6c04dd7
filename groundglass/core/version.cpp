#include "groundglass/core/version.h"

#include "commit.h"

namespace groundglass {

std::string version() {
  return GROUNDGLASS_VERSION;
}

std::string commit() {
  return GROUNDGLASS_COMMIT;
}

std::string build_shape() {
#ifdef GROUNDGLASS_IO
  return "full";
#else
  return "core";
#endif
}

}  // namespace groundglass
