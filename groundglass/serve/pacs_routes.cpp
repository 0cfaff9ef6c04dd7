#include <algorithm>

#include "groundglass/core/text.h"
#include "groundglass/pacs/fetch.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/request_body.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

/// The site's own name of a destination; nothing else is ever sent to or asked.
std::string destination_of(const Api& api, const ordered_json& body, const std::string& key) {
  if (api.site == nullptr) {
    throw HttpError(409, ErrorKind::usage,
                    key + ": no PACS is configured; start `groundglass serve` with --site FILE");
  }
  const std::string name = text_of(body, key, 100);
  std::vector<std::string> known;
  for (const auto& destination : api.site->destinations) known.push_back(destination.name);
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    refuse_key(key, listed(known) + ", a destination of the site");
  }
  return name;
}

void list_destinations(Api& api, Call& call) {
  auto all = ordered_json::array();
  if (api.site != nullptr) {
    for (const auto& d : api.site->destinations) {
      all.push_back({{"name", d.name}, {"kind", d.url.empty() ? "DICOM" : "DICOMweb"}});
    }
  }
  call.reply(all);
}

/// A network's mask is not sent past a correction of it.
void check_newest(Api& api, const VersionRecord& version) {
  if (version.state != "ready") {
    throw HttpError(409, ErrorKind::usage,
                    "version " + std::to_string(version.version) + ": is '" + version.state +
                        "', expected 'ready'");
  }
  if (version.kind == "correction") return;
  for (const auto& other : api.workspace.versions(version.study, version.image)) {
    if (other.kind != "correction" || other.version < version.version) continue;
    throw HttpError(409, ErrorKind::usage,
                    "version " + std::to_string(version.version) + ": was corrected by hand as " +
                        "version " + std::to_string(other.version) + "; send that one");
  }
}

void create_send(Api& api, Call& call) {
  const auto body = call.json_body(api.limits.json_bytes);
  check_keys(body, {"image", "version", "to", "objects"});
  JobRecord job;
  job.kind = "send";
  job.study = api.workspace.study(call.study()).id;
  job.image = number_of(body, "image");
  job.version = number_of(body, "version");
  const std::string to = destination_of(api, body, "to");
  const auto image = api.workspace.image(job.study, job.image);
  if (image.about["dicom"] != true) {
    throw HttpError(409, ErrorKind::usage,
                    "image " + std::to_string(job.image) +
                        ": is no DICOM series and no X-ray in DICOM, which the objects would "
                        "refer to");
  }
  check_newest(api, api.workspace.version(job.study, job.image, job.version));
  auto objects = body.value("objects", ordered_json());
  if (objects.is_null()) objects = ordered_json::array({"seg", "sr"});
  const bool good = objects.is_array() && !objects.empty() && objects.size() <= 2 &&
                    std::all_of(objects.begin(), objects.end(),
                                [](const auto& o) { return o == "seg" || o == "sr"; });
  if (!good) refuse_key("objects", "seg, sr or both");
  job.order = {{"site", api.site->file.string()}, {"to", to}, {"objects", objects}};
  call.reply(api.queue.json(api.queue.add(job)), 202);
}

void create_fetch(Api& api, Call& call) {
  const auto body = call.json_body(api.limits.json_bytes);
  check_keys(body, {"from", "study_uid", "accession", "name"});
  const std::string from = destination_of(api, body, "from");
  StudyQuery query;
  query.study = text_of(body, "study_uid", 64);
  query.accession = text_of(body, "accession", 16);
  if (query.study.empty() == query.accession.empty()) {
    refuse_key("study_uid", "a study_uid or an accession");
  }
  // '*' and '?' would match any study.
  if (query.accession.find_first_of("*?\\") != std::string::npos) {
    refuse_key("accession", "one accession number, without '*', '?' and '\\'");
  }
  check_query(query);
  std::string name = text_of(body, "name", 100);
  if (!std::all_of(name.begin(), name.end(), [](unsigned char c) { return c >= ' '; })) {
    refuse_key("name", "a text of one line");
  }
  StudyRecord study = api.workspace.create_study(name.empty() ? "From " + from : name);
  study.state = "importing";
  api.workspace.keep(study);
  JobRecord job;
  job.kind = "fetch";
  job.study = study.id;
  job.order = {{"site", api.site->file.string()},
               {"from", from},
               {"study_uid", query.study},
               {"accession", query.accession}};
  const JobRecord added = api.queue.add(job);
  api.queue.tell_study(study.id);
  call.reply(api.queue.json(added), 202);
}

}  // namespace

void add_pacs_routes(Api& api, std::vector<Route>& routes) {
  const auto add = [&](const char* method, const char* pattern, void (*handler)(Api&, Call&)) {
    routes.push_back({method, pattern, [&api, handler](Call& call) { handler(api, call); }});
  };
  add("GET", "/destinations", list_destinations);
  add("POST", "/studies/{study}/send", create_send);
  add("POST", "/fetches", create_fetch);
}

}  // namespace groundglass
