#pragma once

#include <string>

namespace groundglass {

/// Who found lobes, and how far that goes, in whole sentences.
///
/// from  kLobesByShape, or what a label map of lobes is called
std::string note_of_lobes(const std::string& from);

}  // namespace groundglass
