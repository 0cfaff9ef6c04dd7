#include "groundglass/serve/orders.h"

#include "groundglass/core/error.h"
#include "groundglass/serve/views.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

ordered_json image_order(const ImageRecord& image) {
  return {{"number", image.number},
          {"path", image.about["path"]},
          {"volume", image.about["kind"] == "volume"},
          {"dicom", image.about["dicom"]}};
}

ordered_json images_order(Workspace& workspace, const std::string& study) {
  auto images = ordered_json::array();
  for (const auto& image : workspace.images(study)) {
    if (image.about.value("problem", ordered_json(nullptr)).is_null()) {
      images.push_back(image_order(image));
    }
  }
  return images;
}

/// The network's version behind a version, which says with which model and lungs to measure.
VersionRecord network_behind(Workspace& workspace, VersionRecord version) {
  while (version.parent != 0) {
    version = workspace.version(version.study, version.image, version.parent);
  }
  return version;
}

std::string mask_of(Workspace& workspace, const VersionRecord& version) {
  fs::path path = file_of_version(workspace, version, "mask.nii.gz");
  if (path.empty()) path = file_of_version(workspace, version, "mask.png");
  return path.string();
}

std::string lungs_of(Workspace& workspace, const VersionRecord& version) {
  fs::path path = file_of_version(workspace, version, "lungs.nii.gz");
  if (path.empty()) path = file_of_version(workspace, version, "lungs.png");
  return path.string();
}

ordered_json version_order(Workspace& workspace, const VersionRecord& version) {
  const VersionRecord network = network_behind(workspace, version);
  return {{"stem", workspace.stem(version).string()},
          {"network_stem", workspace.stem(network).string()},
          {"mask", mask_of(workspace, version)},
          {"lungs", lungs_of(workspace, version)},
          {"author", version.author},
          {"kind", version.kind}};
}

/// The latest of each image, corrections before networks.
std::vector<VersionRecord> best_versions(Workspace& workspace, const std::string& study) {
  std::vector<VersionRecord> best;
  for (const auto& image : workspace.images(study)) {
    const VersionRecord* chosen = nullptr;
    const auto versions = workspace.versions(study, image.number);
    for (const auto& v : versions) {
      if (v.state != "ready") continue;
      if (chosen == nullptr || v.kind == "correction" || chosen->kind == "network") chosen = &v;
    }
    if (chosen != nullptr) best.push_back(*chosen);
  }
  return best;
}

}  // namespace

ordered_json corrected_cases(Workspace& workspace, const ordered_json& studies) {
  auto cases = ordered_json::array();
  for (const auto& id : studies) {
    for (const auto& version : best_versions(workspace, id)) {
      if (version.kind != "correction") continue;
      const auto image = workspace.image(id, version.image);
      ordered_json one = version_order(workspace, version);
      one["image"] = image_order(image);
      if (image.about["kind"] == "volume") {
        one["image"]["path"] = (workspace.image_folder(id, version.image) / "volume.nii").string();
      }
      one["study"] = id;
      cases.push_back(one);
    }
  }
  return cases;
}

ordered_json order_of(Workspace& workspace, const JobRecord& job, bool show_identity) {
  ordered_json order = job.order;
  const fs::path folder = workspace.folder() / "jobs" / std::to_string(job.id);
  order["kind"] = job.kind;
  order["folder"] = folder.string();
  if (job.kind == "train" || job.kind == "propose") {
    const std::string round = job.order.value("round", "");
    if (!round.empty()) order["project"] = (workspace.folder() / "rounds" / round).string();
    if (job.kind == "train" && round.empty()) {
      order["cases"] = corrected_cases(workspace, job.order["studies"]);
    }
    return order;
  }
  if (job.study.empty()) {  // a training set
    order["cases"] = ordered_json::array();
    for (const auto& id : job.order["studies"]) {
      for (const auto& version : best_versions(workspace, id)) {
        ordered_json one = version_order(workspace, version);
        one["image"] = image_order(workspace.image(id, version.image));
        one["study"] = id;
        order["cases"].push_back(one);
      }
    }
    return order;
  }
  const fs::path study = workspace.study_folder(job.study);
  if (job.kind == "import" || job.kind == "fetch") {
    order["files"] = workspace.files_folder(job.study).string();
    order["images"] = (study / "images").string();
    order["show_identity"] = show_identity;
  } else if (job.kind == "predict") {
    order["images"] = images_order(workspace, job.study);
    order["output"] = (study / "results" / std::to_string(job.id)).string();
  } else if (job.kind == "report") {
    order["study_folder"] = study.string();
    order["versions"] = ordered_json::array();
    for (const auto& version : best_versions(workspace, job.study)) {
      ordered_json one = version_order(workspace, version);
      one["image"] = image_order(workspace.image(job.study, version.image));
      order["versions"].push_back(one);
    }
  } else {
    order["image"] = image_order(workspace.image(job.study, job.image));
    order["version"] =
        version_order(workspace, workspace.version(job.study, job.image, job.version));
  }
  return order;
}

void apply_result(Workspace& workspace, JobRecord& job, const ordered_json& result) {
  if (result.contains("images")) {
    std::vector<ImageRecord> images;
    for (const auto& about : result["images"]) {
      images.push_back({job.study, static_cast<int64_t>(images.size()) + 1, about});
    }
    workspace.set_images(job.study, images);
    StudyRecord study = workspace.study(job.study);
    study.state = "ready";
    study.problem.clear();
    study.left_out = result["left_out"];
    study.identity = result.value("identity", ordered_json(nullptr));
    workspace.keep(study);
  }
  if (result.contains("fetched") && workspace.study(job.study).files == 0) {
    workspace.add_files(job.study, result["fetched"]["files"], result["fetched"]["bytes"]);
  }
  if (result.contains("version")) {  // a network's mask is there; lesions follow
    const auto& v = result["version"];
    VersionRecord version;
    version.study = job.study;
    version.image = v["image"];
    version.kind = "network";
    version.state = v["state"];
    version.author = v["author"];
    version.folder = "results/" + std::to_string(job.id);
    version.job = job.id;
    version = workspace.add_version(version);
    job.image = version.image;
    job.version = version.version;
  }
  if (result.contains("measured")) {
    VersionRecord version = workspace.version(job.study, job.image, job.version);
    version.state = "ready";
    version.problem.clear();
    workspace.keep(version);
  }
  if (result.contains("file")) {
    job.file =
        fs::path(result["file"].get<std::string>()).lexically_relative(workspace.folder()).string();
  }
}

void after_failure(Workspace& workspace, const JobRecord& job, const std::string& problem) {
  if (job.kind == "import" || job.kind == "fetch") {
    StudyRecord study = workspace.study(job.study);
    study.state = "failed";
    study.problem = problem;
    workspace.keep(study);
  } else if (job.kind == "measure") {
    VersionRecord version = workspace.version(job.study, job.image, job.version);
    version.state = "failed";
    version.problem = problem;
    workspace.keep(version);
  } else if (job.kind == "predict") {
    for (const auto& image : workspace.images(job.study)) {
      for (auto version : workspace.versions(job.study, image.number)) {
        if (version.job != job.id || version.state != "measuring") continue;
        version.state = "failed";
        version.problem = problem;
        workspace.keep(version);
      }
    }
  }
}

}  // namespace groundglass
