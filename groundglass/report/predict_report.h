#pragma once

#include <filesystem>
#include <string>

namespace groundglass {

/// The page of a folder that `predict` wrote. Each of the volumes with most lesion (six at most)
/// has a section that a reader may keep: warnings, amounts, slices with most lesion in three
/// planes, the lesion along the patient's axis, zones, lesions by size. Of other cases there is one
/// line each. Overlay and Grad-CAM pictures are shown where they lie in the folder (of at most
/// `pictures` cases, most lesion first). Throws Error(data) if the folder holds no summary.json.
std::string predict_report_html(const std::filesystem::path& folder, int64_t pictures = 24);

/// The sections of the volumes as a PDF. Throws Error(data) as well if there is no volume.
std::string predict_report_pdf(const std::filesystem::path& folder);

}  // namespace groundglass
