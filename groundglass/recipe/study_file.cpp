#include "groundglass/recipe/study_file.h"

#include <algorithm>
#include <set>

#include <toml++/toml.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/recipe/recipe_file.h"
#include "groundglass/recipe/recipe_reader.h"
#include "groundglass/recipe/recipe_table.h"

namespace groundglass {

StudyFile read_study_file(const std::filesystem::path& named) {
  const std::filesystem::path path = recipe_file(named, "recipes/studies");
  if (!std::filesystem::is_regular_file(path)) {
    fail(ErrorKind::usage, path.string() + ": there is no such study; see recipes/studies");
  }
  StudyFile file;
  file.path = path;
  file.sections = std::make_shared<const toml::table>(parsed_toml(read_file(path), path.string()));
  if (file.sections->get("study") == nullptr) {
    fail(ErrorKind::recipe, path.string() + ": has no [study]; is it a recipe for `train`?");
  }
  file.study = read_options<StudyOptions>(file.section("study"), "study");
  return file;
}

const toml::table& StudyFile::section(std::string_view name) const {
  return recipe_section(*sections, name);
}

void check_sections(const StudyFile& study, const std::vector<std::string>& known) {
  for (const auto& [key, node] : *study.sections) {
    const std::string name(key.str());
    if (name == "study" || std::find(known.begin(), known.end(), name) != known.end()) continue;
    refuse_recipe(node, "unknown section " + in_quotes(name) + " in a study of kind " +
                            in_quotes(word_of(study.study.kind)) + "; known: study, " +
                            listed(known));
  }
}

std::vector<StudyRowSpec> study_rows(const StudyFile& study) {
  const toml::node* rows = study.sections->get("row");
  if (rows == nullptr || !rows->is_array_of_tables()) {
    fail(ErrorKind::recipe, study.path.string() + ": has no [[row]] with name and recipe");
  }
  std::vector<StudyRowSpec> specs;
  std::set<std::string> names;
  for (const toml::node& node : *rows->as_array()) {
    auto spec = read_options<StudyRowSpec>(*node.as_table(), "row");
    if (spec.name.empty() || spec.recipe.empty()) {
      refuse_recipe(node, "a row has no name or no recipe");
    }
    if (!names.insert(spec.name).second) {
      refuse_recipe(node, "two rows share the name " + in_quotes(spec.name));
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

}  // namespace groundglass
