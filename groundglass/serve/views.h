#pragma once

#include "groundglass/serve/job_queue.h"
#include "groundglass/serve/workspace.h"

namespace groundglass {

// The objects of openapi.json.

/// `known` is shown of a running job alone.
nlohmann::ordered_json view_of_job(const JobRecord& job, const JobProgress& known);
nlohmann::ordered_json view_of_image(Workspace& workspace, const ImageRecord& image,
                                     bool show_identity);
nlohmann::ordered_json view_of_study(Workspace& workspace, const StudyRecord& study,
                                     bool show_identity);
nlohmann::ordered_json view_of_version(Workspace& workspace, const VersionRecord& version);
/// With measures, warnings and lesions, as the job wrote them beside the mask.
nlohmann::ordered_json detail_of_version(Workspace& workspace, const VersionRecord& version,
                                         bool show_identity);

/// A message without the paths of a study's files, which may name a patient: images have numbers,
/// and other files are 'a file'.
std::string without_names(Workspace& workspace, const std::string& study, std::string text);

/// The file of a version, e.g. "lungs.nii.gz"; corrections have those of the version that they came
/// from. Empty if there is none.
std::filesystem::path file_of_version(Workspace& workspace, const VersionRecord& version,
                                      const std::string& name);

}  // namespace groundglass
