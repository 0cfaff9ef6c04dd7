#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "groundglass/core/field.h"

namespace toml {
inline namespace v3 {
class table;
}  // namespace v3
}  // namespace toml

namespace groundglass {

/// Which protocol a study runs: recipes compared row by row, domains adapted to each other, or
/// segmentation networks that detect.
enum class StudyKind { rows, adaptation, detection };
inline Words<StudyKind> words_of(StudyKind) {
  return {{"rows", StudyKind::rows},
          {"adaptation", StudyKind::adaptation},
          {"detection", StudyKind::detection}};
}

/// What a study is: a protocol of a paper, or a question of ours, that trains and compares.
struct StudyOptions {
  StudyKind kind = StudyKind::rows;
  std::string paper, title, caption;

  template <class V>
  void fields(V& v) {
    v.choice({"kind", "'rows', 'adaptation' or 'detection': which protocol runs"}, kind,
             words_of(kind));
    v.field({"paper", "our number of the paper, or empty"}, paper);
    v.field({"title", "of the table"}, title);
    v.field({"caption", "what a reader of the table must know besides"}, caption);
  }
};

/// A file of recipes/studies: [study], and the sections that its kind of study reads for itself
/// with RecipeReader.
struct StudyFile {
  std::filesystem::path path;
  StudyOptions study;
  std::shared_ptr<const toml::table> sections;

  /// A section of the file, or an empty one. Throws Error(recipe) if the name stands for no table.
  const toml::table& section(std::string_view name) const;

  /// A file named in the study, which stands relative to it.
  std::filesystem::path beside(const std::string& name) const { return path.parent_path() / name; }
};

/// Throws Error(recipe) with file, line and column for what is no TOML, and for a section that is
/// not among `known` besides [study]; Error(usage) if there is no such file.
StudyFile read_study_file(const std::filesystem::path& path);

/// A [[row]] of a study of kind `rows`: a recipe and what the row changes in it.
struct StudyRowSpec {
  std::string name, recipe;
  std::vector<std::string> set;

  template <class V>
  void fields(V& v) {
    v.field({"name", "of the row, and of its folder"}, name);
    v.field({"recipe", "relative to the study"}, recipe);
    v.field({"set", "section.key=value, what the row changes in its recipe"}, set);
  }
};

/// All rows. Throws Error(recipe) if there is none, one lacks its name or recipe, or two share a
/// name.
std::vector<StudyRowSpec> study_rows(const StudyFile& study);

/// Throws Error(recipe) at the first section that is none of these or [study].
void check_sections(const StudyFile& study, const std::vector<std::string>& known);

}  // namespace groundglass
