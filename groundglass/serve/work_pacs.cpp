#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/pacs/audit.h"
#include "groundglass/pacs/fetch.h"
#include "groundglass/serve/version_files.h"
#include "groundglass/serve/work.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

constexpr const char* kSelf = "groundglass serve";

/// The objects of the order, made once: a job that was killed sends the same again, which its
/// taker knows by their UIDs.
std::vector<fs::path> objects_to_send(const Work& work) {
  const fs::path list = work.folder() / "objects.json";
  if (!fs::exists(list)) {
    const OrderedImage image = ordered_image(work.order.at("image"));
    auto made = ordered_json::array();
    for (const std::string format : work.order.at("objects")) {
      made.push_back(write_dicom_object(work, image, format).string());
    }
    write_file(list, json_text(made, 1));
  }
  std::vector<fs::path> files;
  for (const auto& file : ordered_json::parse(read_file(list))) {
    files.emplace_back(file.get<std::string>());
  }
  return files;
}

}  // namespace

void do_send(const Work& work) {
  const Site site = read_site(work.text("site"));
  const Destination& to = site.destination(work.text("to"));
  AuditTrail audit(site.options.folder, read_site_key(site.options.key));
  const auto files = objects_to_send(work);
  const auto sent = send_files(to, site.listener.ae, site.tls, files);
  std::vector<std::string> problems;
  for (const auto& one : sent) {
    const bool taken = one.problem.empty();
    if (!taken) problems.push_back(one.problem);
    if (!one.warning.empty()) work.observer.on(Warning{to.name + ": " + one.warning});
    audit.add({taken ? "sent" : "not sent", kSelf, to.name, one.sop_instance,
               sha256_of_file(one.file), work.order.at("version").at("kind")});
  }
  const std::string counts = " of " + std::to_string(sent.size()) + " objects";
  if (!problems.empty()) {
    fail(ErrorKind::data, std::to_string(problems.size()) + counts + " were not taken by " +
                              to.name + ": " + problems.front());
  }
  work.observer.on(Note{std::to_string(sent.size()) + counts + " sent to " + to.name});
}

void do_fetch(const Work& work) {
  const Site site = read_site(work.text("site"));
  const Destination& from = site.destination(work.text("from"));
  AuditTrail audit(site.options.folder, read_site_key(site.options.key));
  const fs::path files = work.text("files");
  fs::remove_all(files);  // of a call that was killed
  make_folder(files);
  StudyQuery query;
  query.study = work.text("study_uid");
  query.accession = work.text("accession");
  check_query(query);
  const auto found = find_series(site, from, query);
  if (found.empty()) {
    fail(ErrorKind::data,
         from.name + ": has no such series of modality " + in_quotes(query.modality));
  }
  for (size_t i = 0; i < found.size(); ++i) {
    const int64_t images = retrieve_series(site, from, found[i], {files});
    audit.add(
        {"fetched", kSelf, from.name, found[i].series, "", std::to_string(images) + " images"});
    work.observer.on(
        Progress{"series", static_cast<int64_t>(i) + 1, static_cast<int64_t>(found.size()), ""});
  }
  int64_t count = 0, bytes = 0;
  for (const auto& file : walk_folder(files).files) {
    ++count;
    bytes += static_cast<int64_t>(fs::file_size(file));
  }
  work.result({{"fetched", {{"files", count}, {"bytes", bytes}}}});
  do_import(work);
}

}  // namespace groundglass
