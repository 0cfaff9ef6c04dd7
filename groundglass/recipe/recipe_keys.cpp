#include "groundglass/recipe/recipe_keys.h"

#include <algorithm>
#include <map>
#include <sstream>

#include <toml++/toml.h>

#include "groundglass/core/text.h"
#include "groundglass/models/encoder_classifier.h"
#include "groundglass/recipe/cascade_section.h"
#include "groundglass/recipe/catalog.h"
#include "groundglass/recipe/classifier_recipe.h"
#include "groundglass/recipe/recipe.h"
#include "groundglass/recipe/recipe_reader.h"
#include "groundglass/recipe/search_file.h"
#include "groundglass/recipe/study_file.h"

namespace groundglass {
namespace {

using RecipeKeys = std::vector<RecipeKey>;

/// What `ask` asks a reader of an empty section for.
template <class Ask>
RecipeKeys keys_asked_by(const Ask& ask) {
  const toml::table empty;
  RecipeReader reader(empty, "");
  ask(reader);
  return reader.keys();
}

template <class Options>
RecipeKeys keys_of(Options options = {}) {
  return keys_asked_by([&](RecipeReader& reader) { options.fields(reader); });
}

/// Text inside a cell of a table.
std::string in_cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string what_it_holds(const RecipeKey& key) {
  if (!key.words.empty()) {
    std::vector<std::string> words;
    for (const auto& word : key.words) words.push_back("`" + word + "`");
    return joined(words, ", ");
  }
  const std::string range = key.range();
  return key.kind + (range.empty() ? "" : ", " + range);
}

std::string as_code(const std::string& value) {
  return value.empty() ? "" : "`" + value + "`";
}

void write_keys(std::ostream& out, const RecipeKeys& keys) {
  out << "\n| key | holds | default | meaning |\n|---|---|---|---|\n";
  for (const auto& key : keys) {
    out << "| `" << key.name << "` | " << in_cell(what_it_holds(key)) << " | "
        << in_cell(as_code(key.value)) << " | " << in_cell(key.help) << " |\n";
  }
}

void write_section(std::ostream& out, const std::string& title, const std::string& text,
                   const RecipeKeys& keys) {
  out << "\n## " << title << "\n\n" << text << "\n";
  write_keys(out, keys);
}

/// Networks whose keys are the same but for their defaults.
struct KeyGroup {
  std::vector<std::string> names;
  std::vector<RecipeKeys> keys;  ///< of each name
};

RecipeKeys without_defaults(RecipeKeys keys) {
  for (auto& key : keys) key.value.clear();
  return keys;
}

std::vector<KeyGroup> grouped(const std::vector<std::pair<std::string, RecipeKeys>>& all) {
  std::vector<KeyGroup> groups;
  for (const auto& [name, keys] : all) {
    auto group = std::find_if(groups.begin(), groups.end(), [&](const KeyGroup& g) {
      return without_defaults(g.keys.front()) == without_defaults(keys);
    });
    if (group == groups.end()) group = groups.insert(groups.end(), KeyGroup{});
    group->names.push_back(name);
    group->keys.push_back(keys);
  }
  return groups;
}

/// The value that most networks of a group have.
std::string usual_value(const KeyGroup& group, size_t key) {
  std::map<std::string, int64_t> count;
  for (const auto& keys : group.keys) ++count[keys[key].value];
  return std::max_element(count.begin(), count.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

void write_group(std::ostream& out, const KeyGroup& group) {
  std::vector<std::string> names, others;
  RecipeKeys usual = group.keys.front();
  for (size_t k = 0; k < usual.size(); ++k) usual[k].value = usual_value(group, k);
  for (size_t n = 0; n < group.names.size(); ++n) {
    names.push_back("`" + group.names[n] + "`");
    std::vector<std::string> own;
    for (size_t k = 0; k < usual.size(); ++k) {
      const auto& value = group.keys[n][k].value;
      if (value != usual[k].value) own.push_back("`" + usual[k].name + " = " + value + "`");
    }
    if (!own.empty()) others.push_back("* " + names.back() + ": " + joined(own, ", "));
  }
  out << "\n### " << joined(names, ", ") << "\n";
  if (usual.empty()) {
    out << "\nNo keys.\n";
    return;
  }
  write_keys(out, usual);
  if (!others.empty()) out << "\nOther defaults:\n\n" << joined(others, "\n") << "\n";
}

void write_models(std::ostream& out) {
  RecipeKeys shared(1);
  shared.front().name = "name";
  shared.front().help = "of the catalog; see `groundglass models`";
  shared.front().kind = "string";
  for (const auto& keys : {keys_of<MemberOptions>(), keys_of<ImportOptions>()}) {
    shared.insert(shared.end(), keys.begin(), keys.end());
  }
  write_section(out, "[model]",
                "The network. These keys are for all networks; those below are for the networks "
                "named in the heading.",
                shared);
  std::vector<std::pair<std::string, RecipeKeys>> all;
  for (const auto& model : model_catalog()) {
    all.emplace_back(model.name, keys_asked_by([&](RecipeReader& reader) { model.read(reader); }));
  }
  all.emplace_back(kCascade, keys_asked_by([](RecipeReader& reader) { ask_cascade(reader); }));
  for (const auto& group : grouped(all)) write_group(out, group);
}

void write_losses(std::ostream& out) {
  out << "\n## [loss]\n\n"
         "`terms` is a list of tables, and the loss is their weighted sum: `terms = [{name = "
         "\"dice\", weight = 0.5}, {name = \"cross_entropy\", weight = 0.5}]`. Each term has a "
         "`name`, a `weight` (0 to 1000, 1.0 by default) and the keys of its loss.\n";
  for (const auto& loss : loss_catalog()) {
    const auto keys = keys_asked_by([&](RecipeReader& reader) { loss.read(reader); });
    out << "\n### `" << loss.name << "`\n\n" << loss.help << "\n";
    if (!keys.empty()) write_keys(out, keys);
  }
}

void write_classifiers(std::ostream& out) {
  write_section(out, "[labels]",
                "A recipe with this section trains a classifier of whole images. It has neither "
                "`[data]` nor `[loss]`, and its `[train] monitor` is `auc` or `last`.",
                keys_of<LabelOptions>());
  std::vector<std::pair<std::string, RecipeKeys>> all;
  for (const auto& preset : classifier_presets()) {
    all.emplace_back(preset.name, keys_of(preset.options));
  }
  write_section(out, "[model] of a classifier",
                "`name` is one of those in the headings below. These keys are for all of them.",
                keys_of<ImportOptions>());
  for (const auto& group : grouped(all)) write_group(out, group);
  write_section(out, "[evaluate] of a classifier", "The keys of that section there.",
                keys_of<CutoffOptions>());
}

}  // namespace

std::string recipe_keys_markdown() {
  std::ostringstream out;
  out << "# Recipe keys\n\n"
         "<!-- Made by `groundglass reference recipe-keys`; a test compares the two. -->\n\n"
         "A recipe is a TOML file that decides everything about a training except its data. Every "
         "key below may also be set on the command line with `--set section.key=value`. A key that "
         "is left out has its default; an unknown key or section is an error that names file, line "
         "and column. A recipe that begins with `base = \"other.toml\"` lies over that one, which "
         "stands in the same folder, and writes down only what differs.\n";
  write_section(out, "[paper]", "Where the recipe comes from.", keys_of<PaperOptions>());
  write_section(out, "[data]", "Which masks are learned.", keys_of<DataOptions>());
  write_section(out, "[preprocess]", "From a slice as stored to the input of the network.",
                keys_of<PreprocessOptions>());
  write_section(out, "[augment]", "Random changes of the training images.",
                keys_of<AugmentOptions>());
  write_section(out, "[split]", "Which rows train, validate and test.", keys_of<SplitOptions>());
  write_models(out);
  write_losses(out);
  write_section(out, "[train]", "The training itself.", keys_of<TrainOptions>());
  write_section(out, "[evaluate]", "How probabilities become labels and scores.",
                keys_of<EvaluateOptions>());
  write_section(out, "[adapt]", "Optional: how `groundglass adapt` retrains on a new hospital.",
                keys_of<AdaptOptions>());
  write_section(out, "[cascade]",
                "Optional, for cascades such as `chs_net`: its networks are trained one by one.",
                keys_of<StagedOptions>());
  write_section(out, "[distil]", "Optional: a network that learns from the answers of another.",
                keys_of<DistilOptions>());
  out << "\n## [expect]\n\n"
         "Optional: what the paper prints, shown beside our numbers. `table` says which table, "
         "`columns` names the numbers of a row, and every other key is a row with as many "
         "numbers.\n";
  write_classifiers(out);
  write_section(
      out, "[search]",
      "In a file of `recipes/searches`, which `groundglass search` reads; `[[parameter]]` "
      "beside it says what is searched (docs/reference/search.md).",
      keys_of<SearchOptions>());
  write_section(out, "[study]", "In a file of `recipes/studies`, which `groundglass study` reads.",
                keys_of<StudyOptions>());
  write_section(out, "[[row]]", "In a study of kind `rows`: one training of its table.",
                keys_of<StudyRowSpec>());
  return out.str();
}

}  // namespace groundglass
