#include "groundglass/core/version.h"

#include "commit.h"

namespace groundglass {

std::string version() {
  return GROUNDGLASS_VERSION;
}

std::string commit() {
  return GROUNDGLASS_COMMIT;
}

std::string version_line() {
  return "groundglass " + version() + " (" + commit() + ")";
}

}  // namespace groundglass
