#pragma once

#include <nlohmann/json.hpp>

#include "groundglass/serve/workspace.h"

namespace groundglass {

// Between the queue, which knows records, and the process that does a job, which knows paths.

/// What the process of a job is told, with absolute paths. Throws HttpError(404) if what the job is
/// about is gone.
nlohmann::ordered_json order_of(Workspace& workspace, const JobRecord& job, bool show_identity);

/// The images of these studies whose latest mask was corrected by hand, as an order names them; of
/// volumes the copy for viewing. Masks that nobody has corrected are left out.
nlohmann::ordered_json corrected_cases(Workspace& workspace, const nlohmann::ordered_json& studies);

/// Writes into the workspace what a job has brought so far; may come several times.
void apply_result(Workspace& workspace, JobRecord& job, const nlohmann::ordered_json& result);

/// What a job that failed or was cancelled leaves: its study or version says why.
void after_failure(Workspace& workspace, const JobRecord& job, const std::string& problem);

}  // namespace groundglass
