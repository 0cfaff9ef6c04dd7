#include <algorithm>
#include <optional>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/predict/change.h"
#include "groundglass/predict/compared_study.h"
#include "groundglass/serve/api.h"
#include "groundglass/serve/http_error.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

constexpr size_t kMostLookedAt = 20;

/// Whose study an image is of, by the first of its files that says so; nothing without DICOM.
std::optional<StudyOfPatient> patient_of(const ImageRecord& image) {
  if (!image.about.value("dicom", false)) return std::nullopt;
  const fs::path path = image.about.value("path", "");
  std::vector<fs::path> files = {path};
  std::error_code unknown;
  if (fs::is_directory(path, unknown)) files = walk_folder(path).files;
  for (size_t i = 0; i < std::min(files.size(), kMostLookedAt); ++i) {
    try {
      return read_study_of_patient(files[i]);
    } catch (const Error&) {  // a file beside the series
    }
  }
  return std::nullopt;
}

ComparedStudy compared(Api& api, const VersionRecord& version) {
  const std::string name = api.workspace.study(version.study).name;
  const auto refuse = [&](const std::string& why) {
    throw HttpError(409, ErrorKind::data, "'" + name + "': " + why);
  };
  if (version.state == "measuring") refuse("is still being measured");
  const fs::path path = api.workspace.stem(version).string() + "_measures.json";
  std::error_code unknown;
  const auto document = fs::exists(path, unknown)
                            ? ordered_json::parse(read_file(path), nullptr, false)
                            : ordered_json(nullptr);
  if (!document.is_object() || !document.contains("measures")) refuse("has no measures");
  const auto& found = document["measures"];
  if (!compared_image(found)) {
    refuse("is no volume in HU and no chest X-ray, expected two of a kind to compare");
  }
  auto maker = document.value("model", ordered_json::object());
  maker["version"] = maker.value("program", "");
  ComparedStudy study = compared_study_of(maker, found);
  study.input = name;
  study.patient = patient_of(api.workspace.image(version.study, version.image));
  study.warnings = 0;  // stand beside each study
  return study;
}

/// The change from the version that the query names to that of the path.
void compare_versions(Api& api, Call& call) {
  const VersionRecord after =
      api.workspace.version(call.study(), call.number("image"), call.number("version"));
  const VersionRecord before = api.workspace.version(
      call.query("before", 16), call.query_number("image"), call.query_number("version"));
  const ComparedStudy first = compared(api, before), second = compared(api, after);
  if (first.image != second.image) {
    throw HttpError(409, ErrorKind::data,
                    "'" + first.input + "' and '" + second.input +
                        "': are a CT and a chest X-ray, expected two of a kind to compare");
  }
  Change change = change_of(first, second);
  if (first.patient && second.patient && !first.patient->patient_id.empty() &&
      !second.patient->patient_id.empty() &&
      (first.patient->patient_id != second.patient->patient_id ||
       first.patient->issuer != second.patient->issuer)) {
    change.warnings.insert(change.warnings.begin(),
                           "the studies are of different patients by PatientID and its issuer");
  }
  call.reply(change_json(change));
}

}  // namespace

void add_comparison_routes(Api& api, std::vector<Route>& routes) {
  routes.push_back({"GET", "/studies/{study}/images/{image}/versions/{version}/change",
                    [&api](Call& call) { compare_versions(api, call); }});
}

}  // namespace groundglass
