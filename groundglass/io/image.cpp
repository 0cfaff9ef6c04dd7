#include "groundglass/io/image.h"

#include <sstream>

namespace groundglass {

std::string to_string(Units units) {
  return units == Units::hu ? "HU" : "gray";
}

std::string shape_text(const torch::Tensor& t) {
  std::ostringstream text;
  text << t.sizes();
  return text.str();
}

}  // namespace groundglass
