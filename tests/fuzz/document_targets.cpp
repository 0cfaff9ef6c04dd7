// Readers of recipes and other TOML files, of JSON documents, TorchScript files, stored plans and
// annotation projects.
#include "groundglass/annotate/store.h"
#include "groundglass/core/files.h"
#include "groundglass/data/typicality.h"
#include "groundglass/evaluate/cross_validation.h"
#include "groundglass/infer/graph/torchscript_file.h"
#include "groundglass/infer/plan/int8_ranges.h"
#include "groundglass/infer/plan/store.h"
#include "groundglass/pacs/site.h"
#include "groundglass/predict/compared_study.h"
#include "groundglass/recipe/classifier_recipe.h"
#include "groundglass/recipe/recipe.h"
#include "groundglass/recipe/search_file.h"
#include "groundglass/recipe/study_file.h"
#include "tests/fuzz/foreign_file.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// All that a project says of its cases and rounds.
void read_project(const fs::path& file) {
  for (const char* left : {"-journal", "-wal", "-shm"}) fs::remove(file.string() + left);
  AnnotationStore store(file.parent_path());
  for (const auto& round : store.rounds()) {
    store.proposals(round.id);
    store.candidates(round.id);
  }
  store.choices();
}

void read_script(const fs::path& file) {
  TorchScriptModel::exported(read_torchscript(file), file);
}

}  // namespace

const FuzzTargets& fuzz_targets() {
  static const FuzzTargets targets = {
      {"recipe", {"x.toml", [](const fs::path& f) { read_recipe(f); }}},
      {"classifier", {"x.toml", [](const fs::path& f) { read_classifier_recipe(f); }}},
      {"search", {"x.toml", [](const fs::path& f) { read_search(f); }}},
      {"study", {"x.toml", [](const fs::path& f) { read_study_file(f); }}},
      {"site", {"x.toml", [](const fs::path& f) { read_site(f); }}},
      {"fold_scores", {"test.json", [](const fs::path& f) { read_fold_scores(f); }}},
      {"int8_ranges", {"int8.json", [](const fs::path& f) { int8_ranges(f.parent_path(), "x"); }}},
      {"summary",
       {"summary.json", [](const fs::path& f) { read_compared_study(f.parent_path()); }}},
      {"typicality",
       {"x.json", [](const fs::path& f) { Typicality::from_json(read_file(f), f.string()); }}},
      {"torchscript", {"x.pt", read_script}},
      {"plan", {"x.plan", [](const fs::path& f) { planning::stored(f, "key"); }}},
      {"project", {"annotation.sqlite", read_project}},
  };
  return targets;
}

}  // namespace groundglass
