#pragma once

#include <filesystem>
#include <string>

namespace groundglass {

/// The page of a folder that `predict` wrote: one line for each case, and its overlay and Grad-CAM
/// pictures where they lie in the folder (of at most `pictures` cases, most lesion first).
/// Throws Error(data) if the folder holds no summary.json.
std::string predict_report_html(const std::filesystem::path& folder, int64_t pictures = 24);

}  // namespace groundglass
