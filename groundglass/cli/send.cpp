#include "groundglass/pacs/send.h"

#include <algorithm>
#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/io/dicom_slice.h"
#include "groundglass/pacs/promise.h"
#include "groundglass/pacs/site.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct SendArguments {
  std::vector<std::string> inputs;
  std::string site, to;
  int64_t commit_seconds = 0;
};

/// The DICOM files among files and folders, sorted.
std::vector<fs::path> dicom_files(const std::vector<std::string>& inputs) {
  std::vector<fs::path> files;
  for (const auto& input : inputs) {
    if (!fs::is_directory(input)) {
      files.emplace_back(input);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(input)) {
      if (entry.is_regular_file() && has_dicom_mark(entry.path())) files.push_back(entry.path());
    }
  }
  for (const auto& file : files) {
    if (!fs::is_regular_file(file))
      fail(ErrorKind::data, file.string() + ": there is no such file");
  }
  if (files.empty()) {
    fail(ErrorKind::data, inputs.front() + ": holds no DICOM file, expected some to send");
  }
  std::sort(files.begin(), files.end());
  return files;
}

void run_send(const SendArguments& a, const Context& context) {
  const Site site = read_site(a.site);
  const Destination& to = site.destination(a.to);
  const auto files = dicom_files(a.inputs);
  const auto sent = send_files(to, site.listener.ae, site.tls, files);
  int64_t refused = 0;
  auto listed_files = nlohmann::ordered_json::array();
  for (const auto& one : sent) {
    refused += one.problem.empty() ? 0 : 1;
    listed_files.push_back({{"file", one.file.string()},
                            {"sop_instance", one.sop_instance},
                            {"problem", one.problem},
                            {"warning", one.warning}});
    if (!context.json && (!one.problem.empty() || !one.warning.empty())) {
      std::cerr << one.file.string() << ": " << one.problem << one.warning << "\n";
    }
  }
  const auto taken = static_cast<int64_t>(sent.size()) - refused;
  const bool commit = a.commit_seconds > 0 && refused == 0;
  const size_t kept = commit ? promise_of(site, to, files, a.commit_seconds).kept.size() : 0;
  if (context.json) {
    nlohmann::ordered_json document = {
        {"to", to.name}, {"taken", taken}, {"refused", refused}, {"files", listed_files}};
    if (commit) document["kept"] = kept;
    print_json(document);
  } else {
    std::cout << taken << " of " << sent.size() << " files sent to " << to.name;
    if (commit) std::cout << ", which keeps " << kept;
    std::cout << std::endl;
  }
  if (refused > 0) {
    fail(ErrorKind::data, std::to_string(refused) + " of " + std::to_string(sent.size()) +
                              " files were not taken by " + to.name + ": " +
                              std::find_if(sent.begin(), sent.end(), [](const SentFile& f) {
                                return !f.problem.empty();
                              })->problem);
  }
}

}  // namespace

void add_send(CLI::App& app, Context& context) {
  auto a = std::make_shared<SendArguments>();
  auto* verb = add_verb(app, context, "send", "DICOM files to a PACS, by C-STORE or DICOMweb",
                        [a, &context] { run_send(*a, context); });
  verb->add_option("inputs", a->inputs, "DICOM files, or folders of them")->required();
  verb->add_option("--site", a->site, "TOML file of the site, as for listen")->required();
  verb->add_option("--to", a->to, "name of a [[destination]]")->required();
  verb->add_option(
          "--commit", a->commit_seconds,
          "DICOM node: ask it to promise that it keeps the files (storage commitment), and "
          "wait so many seconds for its answer, at the site's port as well")
      ->check(CLI::Range(1, 86400));
}

}  // namespace groundglass
