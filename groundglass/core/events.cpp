#include "groundglass/core/events.h"

namespace groundglass {

Observer& silent_observer() {
  static Observer none;
  return none;
}

}  // namespace groundglass
