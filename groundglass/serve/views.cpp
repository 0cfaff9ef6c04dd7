#include "groundglass/serve/views.h"

#include <cmath>

#include "groundglass/core/clock.h"
#include "groundglass/core/files.h"
#include "groundglass/core/version.h"
#include "groundglass/predict/lobe_note.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

ordered_json or_null(const std::string& text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}

ordered_json or_null(int64_t number) {
  return number == 0 ? ordered_json(nullptr) : ordered_json(number);
}

/// Warnings of the rooms begin with the file's path, which may name a patient.
std::string without_path(const std::string& warning, const std::string& path) {
  if (!path.empty() && warning.compare(0, path.size() + 2, path + ": ") == 0) {
    return warning.substr(path.size() + 2);
  }
  return warning;
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  if (what.empty()) return;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

/// Paths below `files`, to the next mark, become 'a file'.
void hide_files(std::string& text, const std::string& files) {
  for (size_t at = text.find(files); at != std::string::npos; at = text.find(files, at)) {
    const size_t end = text.find_first_of(":,;\n", at);
    text.replace(at, (end == std::string::npos ? text.size() : end) - at, "a file");
  }
}

/// The word for a network, whose name is a path where it is a run.
std::string model_shown(const std::string& name) {
  return name.find('/') == std::string::npos ? name : "run:" + fs::path(name).filename().string();
}

ordered_json document_of(const fs::path& path) {
  std::error_code unknown;
  if (!fs::exists(path, unknown)) return nullptr;
  return ordered_json::parse(read_file(path), nullptr, false);
}

}  // namespace

ordered_json view_of_job(const JobRecord& job, const JobProgress& known) {
  // The queue forgets a job's progress a moment after the job has ended.
  const JobProgress progress = job.state == "running" ? known : JobProgress{};
  ordered_json eta = nullptr;
  if (progress.done > progress.begun_at && progress.total > progress.done) {
    const double each =
        (now_s() - progress.began_s) / static_cast<double>(progress.done - progress.begun_at);
    eta = std::round(10 * each * static_cast<double>(progress.total - progress.done)) / 10;
  }
  ordered_json error = nullptr;
  if (job.state == "failed") error = {{"error", job.error}, {"kind", job.error_kind}};
  ordered_json partial = nullptr;
  if (progress.partial.is_object()) {
    const int64_t image = progress.partial.value("image", 1);
    partial = {{"image", image},
               {"url", "/api/v1/jobs/" + std::to_string(job.id) + "/partial.nii"},
               {"slices", progress.partial.value("slices", 0)}};
  }
  return {{"id", job.id},
          {"kind", job.kind},
          {"state", job.state},
          {"study", or_null(job.study)},
          {"image", or_null(job.image)},
          {"version", or_null(job.version)},
          {"created", job.created},
          {"started", or_null(job.started)},
          {"finished", or_null(job.finished)},
          {"what", progress.what},
          {"done", progress.done},
          {"total", progress.total},
          {"eta_s", eta},
          {"notes", job.notes},
          {"error", error},
          {"run", or_null(job.order.value("run", ""))},
          {"round", or_null(job.order.value("round", ""))},
          {"file", or_null(fs::path(job.file).filename().string())},
          {"partial", partial}};
}

std::string without_names(Workspace& workspace, const std::string& study, std::string text) {
  if (text.find(workspace.folder().string()) == std::string::npos) return text;
  if (study.empty()) {  // of several studies, or of a round
    for (const auto& one : workspace.studies()) {
      hide_files(text, workspace.files_folder(one.id).string() + "/");
    }
    replace_all(text, workspace.folder().string() + "/", "");
    return text;
  }
  const std::string files = workspace.files_folder(study).string() + "/";
  // Files within a folder of slices first: their paths begin with the folder's.
  for (const auto& image : workspace.images(study)) {
    replace_all(text, image.about.value("path", "") + ": ",
                "image " + std::to_string(image.number) + ": ");
  }
  hide_files(text, files);
  replace_all(text, workspace.folder().string() + "/", "");
  return text;
}

ordered_json view_of_image(Workspace& workspace, const ImageRecord& image, bool show_identity) {
  const auto& about = image.about;
  auto warnings = ordered_json::array();
  const auto shown = [&](const std::string& text) {
    return show_identity ? text : without_names(workspace, image.study, text);
  };
  for (const auto& w : about["warnings"]) {
    warnings.push_back(shown(without_path(w, about.value("path", ""))));
  }
  ordered_json problem = about.value("problem", ordered_json(nullptr));
  if (problem.is_string()) problem = shown(without_path(problem, about.value("path", "")));
  const std::string plain = "Image " + std::to_string(image.number);
  return {{"id", image.number},
          {"kind", about["kind"]},
          {"name", show_identity ? about.value("name", plain) : plain},
          {"modality", about["modality"]},
          {"size", about["size"]},
          {"spacing_mm", about["spacing_mm"]},
          {"dicom", about["dicom"]},
          {"window_hu", about["window_hu"]},
          {"own_window", about.value("own_window", ordered_json(nullptr))},
          {"warnings", warnings},
          {"versions", workspace.versions(image.study, image.number).size()},
          {"problem", problem}};
}

ordered_json view_of_study(Workspace& workspace, const StudyRecord& study, bool show_identity) {
  auto images = ordered_json::array();
  for (const auto& image : workspace.images(study.id)) {
    images.push_back(view_of_image(workspace, image, show_identity));
  }
  return {{"id", study.id},
          {"name", study.name},
          {"created", study.created},
          {"state", study.state},
          {"problem", or_null(show_identity ? study.problem
                                            : without_names(workspace, study.id, study.problem))},
          {"files", study.files},
          {"bytes", study.bytes},
          {"left_out", study.left_out},
          {"images", images},
          {"identity", show_identity ? study.identity : ordered_json(nullptr)}};
}

fs::path file_of_version(Workspace& workspace, const VersionRecord& version,
                         const std::string& name) {
  std::error_code unknown;
  VersionRecord v = version;
  while (true) {
    const fs::path path = workspace.stem(v).string() + "_" + name;
    if (fs::exists(path, unknown)) return path;
    if (v.parent == 0 || name.compare(0, 4, "mask") == 0) return {};
    v = workspace.version(v.study, v.image, v.parent);
  }
}

ordered_json view_of_version(Workspace& workspace, const VersionRecord& version) {
  auto has = ordered_json::array();
  const auto look = [&](const char* word, const char* volume, const char* picture) {
    if (!file_of_version(workspace, version, volume).empty() ||
        !file_of_version(workspace, version, picture).empty()) {
      has.push_back(word);
    }
  };
  look("mask", "mask.nii.gz", "mask.png");
  look("probability", "probability.nii.gz", "probability.png");
  look("lungs", "lungs.nii.gz", "lungs.png");
  look("gradcam", "gradcam.png", "gradcam.png");
  look("gradcam_layer", "gradcam.nii.gz", "gradcam_heat.png");
  return {{"version", version.version},
          {"kind", version.kind},
          {"state", version.state},
          {"problem", or_null(without_names(workspace, version.study, version.problem))},
          {"author", version.kind == "network" ? model_shown(version.author) : version.author},
          {"reason", version.reason},
          {"time", version.time},
          {"parent", or_null(version.parent)},
          {"has", has}};
}

ordered_json detail_of_version(Workspace& workspace, const VersionRecord& version,
                               bool show_identity) {
  ordered_json view = view_of_version(workspace, version);
  const auto found = document_of(workspace.stem(version).string() + "_measures.json");
  const auto take = [&](const char* key, const ordered_json& otherwise) {
    return found.is_object() && found.contains(key) ? found[key] : otherwise;
  };
  view["model"] = take("model", nullptr);
  if (view["model"].is_object())
    view["model"]["name"] = model_shown(view["model"].value("name", ""));
  ordered_json measures = take("measures", nullptr);
  auto warnings = ordered_json::array();
  if (measures.is_object()) {
    const std::string input = measures.value("input", "");
    for (const auto& w : measures["warnings"]) {
      const std::string text = without_path(w, input);
      warnings.push_back(show_identity ? text : without_names(workspace, version.study, text));
    }
    measures.erase("warnings");
    if (!show_identity) measures.erase("input");
    measures.erase("output");
    if (measures.contains("lobes") && measures["lobes"].is_object()) {
      auto& lobes = measures["lobes"];
      lobes["note"] = note_of_lobes(lobes.value("from", ""));
    }
  }
  view["measures"] = measures;
  view["warnings"] = warnings;
  view["lesions"] = take("lesions", ordered_json::array());
  view["lesions_total"] = take("lesions_total", 0);
  view["voxel_ml"] = take("voxel_ml", nullptr);
  const auto heat = document_of(file_of_version(workspace, version, "gradcam.json"));
  view["gradcam_slices"] = heat.is_object() ? heat["slices"] : ordered_json::array();
  view["note"] = kNotAMedicalDevice;
  return view;
}

}  // namespace groundglass
