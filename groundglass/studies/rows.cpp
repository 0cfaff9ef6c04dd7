#include <algorithm>
#include <cctype>
#include <set>

#include <ATen/Parallel.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/evaluate/study_table.h"
#include "groundglass/report/html_page.h"
#include "groundglass/runs/staged_training.h"
#include "groundglass/runs/training_run.h"
#include "groundglass/studies/study.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Words that go to the folder of a row: letters, digits, '.', '-' and '_' stay.
std::string folder_name(const std::string& name) {
  std::string folder;
  for (const char c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-';
    if (plain) {
      folder += c;
    } else if (!folder.empty() && folder.back() != '_') {
      folder += '_';
    }
  }
  return folder;
}

/// The rows named by --row, in the study's order; all if none is named.
std::vector<StudyRowSpec> chosen_rows(const std::vector<StudyRowSpec>& specs, const StudyJob& job) {
  if (job.rows.empty()) return specs;
  std::vector<std::string> names;
  for (const auto& spec : specs) names.push_back(spec.name);
  std::vector<StudyRowSpec> chosen;
  for (const auto& name : job.rows) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      fail(ErrorKind::usage, "--row " + in_quotes(name) + ": the study has " + listed(names));
    }
    chosen.push_back(specs[static_cast<size_t>(found - names.begin())]);
  }
  return chosen;
}

Recipe recipe_of(const StudyFile& study, const StudyRowSpec& spec, const StudyJob& job) {
  const std::string path = study.beside(spec.recipe).string();
  RunSettings with_row = job.settings;  // the study's own changes, then the command line's
  with_row.overrides = spec.set;
  if (job.protocol) {
    const std::string own = word_of(read_recipe_for(path, job.epochs, with_row).split.mode);
    // papers differ in their protocols
    const bool printed = job.protocol == Protocol::paper && own != "strict";
    with_row.overrides.push_back("split.mode=" + (printed ? own : word_of(*job.protocol)));
    if (!printed) with_row.overrides.emplace_back("split.equal_domains=false");
  }
  with_row.overrides.insert(with_row.overrides.end(), job.settings.overrides.begin(),
                            job.settings.overrides.end());
  return read_recipe_for(path, job.epochs, with_row);
}

/// What the first network of a cascade did, as a row of its own.
StudyRow lung_row(const StudyRow& row, const Recipe& recipe, const RunFolder& run) {
  StudyRow lungs;
  lungs.name = row.name + ", lungs";
  lungs.parameters = count_parameters(*lung_recipe(recipe).model.make()).trainable;
  const auto printed = recipe.expect.rows.find("lungs");
  if (printed != recipe.expect.rows.end()) {
    lungs.expected = {recipe.expect.table, recipe.expect.columns, {{"printed", printed->second}}};
  }
  for (const auto& fold : row.folds) {
    lungs.folds.push_back(
        read_fold_scores(RunFolder(run.fold(fold.fold).path() / "lung").test_scores()));
    lungs.folds.back().fold = fold.fold;
  }
  return lungs;
}

/// A row, and before it that of its lungs if it is a cascade.
std::vector<StudyRow> run_row(const StudyRowSpec& spec, const Recipe& recipe, const StudyJob& job,
                              Observer& console) {
  const RunFolder prepared = shared_set_folder(recipe, job.output);
  const PreparedSet set(prepared_path(job.data, prepared, recipe, job.settings, console));
  check_set_fits(recipe, set);
  const auto lungs = open_lungs(job.data, job.lung_data, prepared, recipe, job.settings, console);
  const auto splits = splits_of(recipe, set);
  const FoldJob folds = {.run = job.output / folder_name(spec.name),
                         .recipe = recipe,
                         .set = &set,
                         .engine = job.settings.engine,
                         .lungs = lungs.get()};
  StudyRow row;
  row.name = spec.name;
  row.parameters = count_parameters(*recipe.model.make()).trainable;
  row.expected = {recipe.expect.table, recipe.expect.columns, recipe.expect.rows};
  row.folds = train_folds(folds, splits, first_folds(job.folds, splits), console);
  if (!recipe.cascade) return {row};
  return {lung_row(row, recipe, folds.run), row};
}

std::string study_caption(const StudyFile& study, const StudyJob& job,
                          const std::set<std::string>& modes) {
  return "Split mode " + joined({modes.begin(), modes.end()}, " and ") + ". Command `" +
         job.command + "`, commit " + commit() + ", " + cpu_name() + ", " +
         std::to_string(at::get_num_threads()) +
         " threads. Scores are pooled over the pixels of a fold's test slices on the network's "
         "grid, then averaged over the folds; the interval is bootstrapped over patients. The "
         "paper's figures are of its own data." +
         (study.study.caption.empty() ? "" : " " + study.study.caption);
}

void write_study(const StudyFile& study, const StudyJob& job, const std::string& caption,
                 const StudyTable& table) {
  const fs::path& out = job.output;
  const bool domains = !table.domains.rows.empty();
  write_file(out / "study.md",
             "# " + study.study.title + "\n\n" + caption + "\n\n" + table.scores.markdown() +
                 (domains ? "\nPooled Dice on each domain:\n\n" + table.domains.markdown() : ""));
  write_file(out / "study.csv", table.scores.csv());
  write_file(out / "study.json", table.json.dump(1) + "\n");
  HtmlPage page(study.study.title);
  page.paragraph(caption);
  page.table(table.scores.head, table.scores.rows);
  if (domains) {
    page.heading("Pooled Dice on each domain");
    page.table(table.domains.head, table.domains.rows);
  }
  write_file(out / "study.html", page.text());
}

}  // namespace

StudyResult run_rows_study(const StudyFile& study, const StudyJob& job, Observer& console) {
  check_sections(study, {"row"});
  const auto specs = chosen_rows(study_rows(study), job);
  std::vector<Recipe> recipes;  // all are read before the first is trained
  std::set<std::string> modes;
  for (const auto& spec : specs) {
    recipes.push_back(recipe_of(study, spec, job));
    modes.insert(word_of(recipes.back().split.mode));
  }
  make_folder(job.output);
  const std::string caption = study_caption(study, job, modes);
  std::vector<StudyRow> rows;
  StudyTable table;
  for (size_t i = 0; i < specs.size(); ++i) {
    for (auto& row : run_row(specs[i], recipes[i], job, console)) rows.push_back(std::move(row));
    table = study_table(rows);
    table.json["title"] = study.study.title;
    table.json["caption"] = caption;
    write_study(study, job, caption, table);  // what is done can be read while the rest is trained
  }
  return {table.json, table.scores.markdown()};
}

}  // namespace groundglass
