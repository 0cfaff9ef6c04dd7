#include "groundglass/studies/study.h"

#include <map>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {

StudyResult run_study(const StudyFile& study, const StudyJob& job, Observer& console) {
  using Runner = StudyResult (*)(const StudyFile&, const StudyJob&, Observer&);
  static const std::map<std::string, Runner> kinds = {{"adaptation", run_adaptation_study},
                                                      {"detection", run_detection_study},
                                                      {"rows", run_rows_study}};
  const auto found = kinds.find(study.study.kind);
  if (found == kinds.end()) {
    std::vector<std::string> known;
    for (const auto& [name, runner] : kinds) known.push_back(name);
    fail(ErrorKind::recipe, study.path.string() + ": kind = " + in_quotes(study.study.kind) +
                                ", expected " + listed(known));
  }
  return found->second(study, job, console);
}

}  // namespace groundglass
