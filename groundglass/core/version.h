#pragma once

#include <string>

namespace groundglass {

std::string version();  ///< "0.1.0"
std::string commit();   ///< commit of the sources this binary was built from, "-dirty" if changed
std::string build_shape();  ///< "full" or "core"

/// The sentence that stands in help, reports and outputs.
constexpr const char* kNotAMedicalDevice = "Research use only, not a medical device.";

}  // namespace groundglass
