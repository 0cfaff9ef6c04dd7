#include <algorithm>
#include <array>

#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/serve/api.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/request_body.h"
#include "groundglass/serve/upload_path.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

StudyRecord ready_study(Api& api, const Call& call) {
  StudyRecord study = api.workspace.study(call.study());
  if (study.state != "ready") {
    throw HttpError(409, ErrorKind::usage,
                    "study " + study.id + ": is '" + study.state + "', expected 'ready'");
  }
  return study;
}

/// Three whole numbers within a volume; of a picture there is nothing to choose.
ordered_json voxel_of(const ordered_json& voxel, const ImageRecord& image) {
  const auto& size = image.about["size"];  // D, H, W; voxels are i, j, k
  bool good = voxel.is_array() && voxel.size() == 3 && size.size() == 3;
  for (size_t at = 0; good && at < 3; ++at) {
    good = voxel[at].is_number_integer() && voxel[at] >= 0 && voxel[at] < size[2 - at];
  }
  if (!good) refuse_key("voxel", "three whole numbers inside the volume, from 0 on");
  return voxel;
}

void create_job(Api& api, Call& call) {
  const auto body = call.json_body(api.limits.json_bytes);
  check_keys(body,
             {"kind", "model", "threshold", "lungs", "detector", "image", "version", "voxel"});
  const StudyRecord study = ready_study(api, call);
  JobRecord job;
  job.kind = text_of(body, "kind", 20);
  if (job.kind != "predict" && job.kind != "explain" && job.kind != "report") {
    refuse_key("kind", "predict, explain or report");
  }
  job.study = study.id;
  job.order = {{"model", model_word(api, "model", text_of(body, "model", 100))},
               {"lungs", model_word(api, "lungs", text_of(body, "lungs", 100))},
               {"detector", model_word(api, "detector", text_of(body, "detector", 100))}};
  if (body.contains("threshold") && !body["threshold"].is_null()) {
    const auto& threshold = body["threshold"];
    if (!threshold.is_number() || threshold < 0 || threshold > 1) refuse_key("threshold", "0 to 1");
    job.order["threshold"] = threshold;
  }
  if (job.kind == "explain") {
    job.image = number_of(body, "image");
    job.version = number_of(body, "version");
    api.workspace.version(study.id, job.image, job.version);
    if (body.contains("voxel") && !body["voxel"].is_null()) {
      job.order["voxel"] = voxel_of(body["voxel"], api.workspace.image(study.id, job.image));
    }
  }
  call.reply(api.queue.json(api.queue.add(job)), 202);
}

void create_export(Api& api, Call& call) {
  const auto body = call.json_body(api.limits.json_bytes);
  check_keys(body, {"image", "version", "format"});
  const StudyRecord study = ready_study(api, call);
  JobRecord job;
  job.kind = "export";
  job.study = study.id;
  job.image = number_of(body, "image");
  job.version = number_of(body, "version");
  const std::string format = text_of(body, "format", 20);
  constexpr std::array<const char*, 4> kFormats = {"nifti", "png", "seg", "sr"};
  if (std::find(kFormats.begin(), kFormats.end(), format) == kFormats.end()) {
    refuse_key("format", "nifti, png, seg or sr");
  }
  const auto image = api.workspace.image(study.id, job.image);
  if ((format == "seg" || format == "sr") && image.about["dicom"] != true) {
    throw HttpError(409, ErrorKind::usage,
                    format + ": image " + std::to_string(job.image) +
                        " is no DICOM series and no X-ray in DICOM, which the object would refer "
                        "to");
  }
  const auto version = api.workspace.version(study.id, job.image, job.version);
  if (version.state != "ready") {
    throw HttpError(409, ErrorKind::usage,
                    "version " + std::to_string(job.version) + ": is '" + version.state +
                        "', expected 'ready'");
  }
  job.order = {{"format", format}};
  call.reply(api.queue.json(api.queue.add(job)), 202);
}

void create_training_set(Api& api, Call& call) {
  const auto body = call.json_body(api.limits.json_bytes);
  check_keys(body, {"studies", "name"});
  JobRecord job;
  job.kind = "export";
  const auto ids = studies_of(api, body);
  std::string name = text_of(body, "name", 40);
  if (name.empty()) name = "Corrected";
  if (!std::all_of(name.begin(), name.end(),
                   [](unsigned char c) { return std::isalnum(c) != 0; })) {
    refuse_key("name", "letters and digits");
  }
  job.order = {{"format", "nnunet"}, {"name", name}, {"studies", ids}};
  call.reply(api.queue.json(api.queue.add(job)), 202);
}

void job_file(Api& api, Call& call) {
  const JobRecord job = api.workspace.job(call.number("job"));
  const fs::path path = api.workspace.folder() / job.file;
  if (job.file.empty() || !is_file_inside(api.workspace.folder(), path)) {
    throw HttpError(404, ErrorKind::usage,
                    "job " + std::to_string(job.id) + ": is '" + job.state + "' and has no file");
  }
  const bool page = path.extension() == ".html";
  call.reply_file(path, page ? "text/html; charset=utf-8" : "application/octet-stream",
                  path.filename().string());
}

void job_partial(Api& api, Call& call) {
  const JobRecord job = api.workspace.job(call.number("job"));
  const fs::path path = api.workspace.folder() / "jobs" / std::to_string(job.id) / "partial.nii";
  if (job.state != "running" || !is_file_inside(api.workspace.folder(), path)) {
    throw HttpError(404, ErrorKind::usage,
                    "job " + std::to_string(job.id) + ": has no mask that is still growing");
  }
  call.response.set_header("Cache-Control", "no-store");
  call.reply_file(path, "application/octet-stream");
}

}  // namespace

void add_job_routes(Api& api, std::vector<Route>& routes) {
  const auto add = [&](const char* method, const char* pattern, void (*handler)(Api&, Call&)) {
    routes.push_back({method, pattern, [&api, handler](Call& call) { handler(api, call); }});
  };
  add("POST", "/studies/{study}/jobs", create_job);
  add("POST", "/studies/{study}/exports", create_export);
  add("POST", "/exports", create_training_set);
  add("GET", "/jobs", [](Api& a, Call& call) {
    auto all = ordered_json::array();
    for (const auto& job : a.workspace.jobs(call.query_or("study", "", 16))) {
      all.push_back(a.queue.json(job));
    }
    call.reply(all);
  });
  add("GET", "/jobs/{job}",
      [](Api& a, Call& call) { call.reply(a.queue.json(a.workspace.job(call.number("job")))); });
  add("DELETE", "/jobs/{job}", [](Api& a, Call& call) {
    const int64_t id = a.workspace.job(call.number("job")).id;
    a.queue.cancel(id);
    call.reply(a.queue.json(a.workspace.job(id)));
  });
  add("GET", "/jobs/{job}/file", job_file);
  add("GET", "/jobs/{job}/partial.nii", job_partial);
}

}  // namespace groundglass
