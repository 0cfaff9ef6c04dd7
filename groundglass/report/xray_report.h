#pragma once

#include "groundglass/report/case_report.h"

namespace groundglass {

/// True for a case of summary.json that is a chest X-ray: in DICOM, or a picture with a severity.
bool is_xray_case(const nlohmann::json& summary_case);

/// The report of such a case, whose mask lies in `folder`: warnings, area, the points of two lungs
/// with what they mean, and the picture with the mask. A picture that is no longer where it was is
/// left out, and a warning says so. Throws Error(data) for a mask that cannot be read or is of
/// another size.
CaseReport xray_report(const std::filesystem::path& folder, const nlohmann::json& summary_case);

}  // namespace groundglass
