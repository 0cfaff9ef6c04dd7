#pragma once

#include <string>

namespace groundglass {

/// "groundglass 0.2.0 (6f8e614d2f3a)", what --version prints.
std::string version_line();

std::string version();  ///< "0.2.0"
std::string commit();   ///< commit of the sources this binary was built from, "-dirty" if changed
std::string build_shape();  ///< "full" or "core"

/// The sentence that stands in help, reports and outputs.
constexpr const char* kNotAMedicalDevice = "Research use only, not a medical device.";

}  // namespace groundglass
