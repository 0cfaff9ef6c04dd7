#include "groundglass/studies/adaptation_study.h"

#include <algorithm>

#include <toml++/toml.h>

#include "groundglass/adapt/adaptation_table.h"
#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/recipe/recipe_reader.h"

namespace groundglass {
namespace {

std::vector<AblationSpec> read_ablation(const StudyFile& file, const StudyJob& job) {
  std::vector<AblationSpec> specs;
  const toml::node* rows = file.sections->get("ablation");
  if (rows == nullptr) return specs;
  if (!rows->is_array_of_tables()) refuse_recipe(*rows, "expected [[ablation]] with a name");
  std::vector<std::string> names = {"table"};
  for (const toml::node& node : *rows->as_array()) {
    specs.push_back(read_options<AblationSpec>(*node.as_table(), "ablation"));
    const auto& name = specs.back().name;
    const bool plain = !name.empty() && name.find_first_of("/\\.") == std::string::npos;
    if (!plain || std::find(names.begin(), names.end(), name) != names.end()) {
      refuse_recipe(node, "an ablation is named " + in_quotes(name) +
                              "; expected a name of its own, without / and .");
    }
    names.push_back(name);
  }
  for (const auto& row : job.rows) {
    if (std::find(names.begin(), names.end(), row) == names.end()) {
      fail(ErrorKind::usage, "--row " + in_quotes(row) + ": the study has " + listed(names));
    }
  }
  std::erase_if(specs, [&](const AblationSpec& s) {
    return !job.rows.empty() &&
           std::find(job.rows.begin(), job.rows.end(), s.name) == job.rows.end();
  });
  return specs;
}

}  // namespace

AdaptationStudyFile read_adaptation_study(const StudyFile& file, const StudyJob& job) {
  check_sections(file, {"adaptation", "ablation", "expect"});
  AdaptationStudyFile study;
  study.options = read_options<AdaptationStudy>(file.section("adaptation"), "adaptation");
  study.ablation = read_ablation(file, job);
  study.protocol = job.protocol.value_or(Protocol::strict);
  if (job.folds > 0) study.options.seeds = std::min(study.options.seeds, job.folds);
  const toml::table& expect = file.section("expect");
  for (const auto& [key, node] : expect) {
    RecipeReader reader(expect, "expect");
    const std::string name(key.str());
    auto& row = study.expected[name];
    reader.field({name, "a row of the paper's table"}, row);
    if (row.size() != kTransferColumns.size()) {
      refuse_recipe(node, in_quotes(name) + " has " + std::to_string(row.size()) +
                              " numbers, expected " + std::to_string(kTransferColumns.size()) +
                              ": " + joined(kTransferColumns, ", "));
    }
  }
  return study;
}

DomainRows domain_rows(const PreparedSet& set, const AdaptationStudy& o) {
  DomainRows rows, infected;
  for (int64_t row = 0; row < set.size(); ++row) {
    const auto& domain = set.rows()[static_cast<size_t>(row)].domain;
    const auto mask = set.mask(row);
    rows[domain].push_back(row);
    infected[domain];
    if (((mask != 0) & (mask != kIgnoreLabel)).any().item<bool>()) infected[domain].push_back(row);
  }
  std::vector<std::string> known;
  for (const auto& [name, list] : rows) known.push_back(name);
  const auto& wanted = o.domains.empty() ? known : o.domains;
  if (wanted.size() < 2) {
    fail(ErrorKind::data, "the study compares domains and the data has " + listed(known) +
                              "; expected at least two in its column 'domain'");
  }
  DomainRows out;
  for (const auto& name : wanted) {
    if (rows.count(name) == 0) {
      fail(ErrorKind::data,
           "there is no domain " + in_quotes(name) + ", the data has " + listed(known));
    }
    if (infected[name].empty()) {
      fail(ErrorKind::data, "the domain " + in_quotes(name) + " has no lesion in any of its " +
                                std::to_string(rows[name].size()) +
                                " slices, so nothing can be learned or scored there");
    }
    out[name] = o.slices == SlicesUsed::infected ? infected[name] : rows[name];
  }
  return out;
}

}  // namespace groundglass
