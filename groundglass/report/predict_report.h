#pragma once

#include <filesystem>
#include <string>

namespace groundglass {

/// The page of a folder that `predict` wrote: the model's caution and warnings first. Each of the
/// volumes and X-rays with most lesion (six at most) has a section that a reader may keep, as
/// case_report() makes it. Where there are several cases there is a line of each. Overlay and
/// Grad-CAM pictures are shown where they lie in the folder (of at most `pictures` cases, most
/// lesion first). Throws Error(data) if the folder holds no summary.json.
std::string predict_report_html(const std::filesystem::path& folder, int64_t pictures = 24);

/// The sections of volumes and X-rays as a PDF. Throws Error(data) as well if there is none.
std::string predict_report_pdf(const std::filesystem::path& folder);

}  // namespace groundglass
