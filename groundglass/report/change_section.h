#pragma once

#include <nlohmann/json_fwd.hpp>

#include "groundglass/report/case_report.h"

namespace groundglass {

/// Adds what changed since an earlier study to a report: warnings of the comparison, and a table
/// that comes first.
///
/// change  as change_json() says it and summary.json keeps it under "change".
void add_change(CaseReport& report, const nlohmann::json& change);

}  // namespace groundglass
