#include "groundglass/annotate/networks.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// The ids of a run's split.json; copies of a row bear its id.
struct SplitIds {
  std::set<std::string> learned, tested;
};

SplitIds read_split(const RunFolder& run) {
  const auto whole = [&](const std::vector<std::string>& parts) {
    std::set<std::string> ids = run.split_ids(parts), rows;
    for (const auto& id : ids) rows.insert(id.substr(0, id.rfind('@')));
    ids.insert(rows.begin(), rows.end());
    return ids;
  };
  return {whole({"train", "val"}), whole({"test"})};
}

}  // namespace

std::vector<RunFolder> runs_in(const RunFolder& folder) {
  if (folder.has_weights()) return {folder};
  auto runs = folder.folds_with_weights();
  if (runs.empty()) {
    fail(ErrorKind::checkpoint, folder.string() +
                                    ": holds no run; expected weights.safetensors, or folders "
                                    "fold_0, fold_1, .. with it");
  }
  return runs;
}

CasesOfNetwork out_of_fold(const std::vector<RunFolder>& runs,
                           const std::vector<AnnotationCase>& cases, const std::string& name) {
  std::vector<SplitIds> splits;
  for (const auto& run : runs) splits.push_back(read_split(run));
  std::map<std::string, std::pair<std::string, std::string>> patient_of;  // case -> domain, patient
  for (const auto& c : cases) patient_of[c.name] = {c.domain, c.patient};
  std::vector<std::set<std::pair<std::string, std::string>>> learned_patients;
  for (const auto& split : splits) {
    learned_patients.emplace_back();
    for (const auto& id : split.learned) {
      const auto known = patient_of.find(id);
      if (known != patient_of.end()) learned_patients.back().insert(known->second);
    }
  }
  CasesOfNetwork shares;
  std::vector<std::string> missing;
  for (const auto& c : cases) {
    size_t at = 0;
    while (at < splits.size() && splits[at].tested.count(c.name) == 0) ++at;
    if (at == splits.size()) {
      missing.push_back(c.name);
      continue;
    }
    if (learned_patients[at].count(patient_of.at(c.name)) > 0) {
      fail(ErrorKind::data, runs[at].string() + ": was tested on " + c.name +
                                " and trained on other images of the same patient (" + c.patient +
                                "), so its proposal is not out of fold; train with split.mode = "
                                "strict");
    }
    shares[at].push_back(c);
  }
  if (!missing.empty()) {
    fail(ErrorKind::data, name + ": was tested on none of " + std::to_string(missing.size()) +
                              " of the " + std::to_string(cases.size()) +
                              " cases with a manual mask, first " + missing.front() +
                              "; train with --fold all on the same data set");
  }
  return shares;
}

bool check_unseen(const RunFolder& model, const std::vector<AnnotationCase>& cases) {
  if (!fs::exists(model.split())) return false;
  const SplitIds ids = read_split(model);
  for (const auto& c : cases) {
    if (ids.learned.count(c.name) > 0) {
      fail(ErrorKind::data, model.string() + ": was trained on " + c.name +
                                ", so its proposal is not out of fold; give the folder of all "
                                "folds with --runs");
    }
  }
  return true;
}

}  // namespace groundglass
