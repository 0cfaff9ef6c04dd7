#include "groundglass/recipe/recipe.h"

#include <sstream>

#include <toml++/toml.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/models/mean_of_members.h"
#include "groundglass/recipe/cascade_section.h"
#include "groundglass/recipe/recipe_file.h"
#include "groundglass/recipe/recipe_reader.h"
#include "groundglass/recipe/recipe_table.h"
#include "groundglass/recipe/recipe_writer.h"

namespace groundglass {
namespace {

const std::vector<std::string> kSections = {"paper",   "data",   "preprocess", "augment",  "split",
                                            "model",   "loss",   "train",      "evaluate", "adapt",
                                            "cascade", "distil", "expect"};

/// A recipe laid over the one it names as its base: its keys win, and its [expect] stands alone.
toml::table with_base(toml::table recipe, const std::filesystem::path& path, int depth = 0) {
  const toml::node* base = recipe.get("base");
  if (base == nullptr) return recipe;
  if (!base->is_string()) {
    refuse_recipe(*base, "base is no word; expected the name of a recipe beside this one");
  }
  const auto file = path.parent_path() / *base->value<std::string>();
  if (!std::filesystem::is_regular_file(file)) {
    refuse_recipe(*base, "base: there is no recipe " + file.string());
  }
  if (depth == 8) refuse_recipe(*base, "base: more than 8 recipes lie over each other");
  toml::table whole = with_base(parsed_toml(read_file(file), file.string()), file, depth + 1);
  recipe.erase("base");
  for (auto&& [key, node] : recipe) {
    auto* below = whole[key].as_table();
    if (below == nullptr || !node.is_table() || key == "expect") {
      whole.insert_or_assign(key, std::move(node));
      continue;
    }
    for (auto&& [inner, value] : *node.as_table()) {
      below->insert_or_assign(inner, std::move(value));  // moved, it keeps where it is from
    }
  }
  return whole;
}

/// A value as TOML, or, where that fails, as a plain word.
toml::table parsed_value(const std::string& value, const std::string& name) {
  try {
    return toml::parse("value = " + value, name);
  } catch (const toml::parse_error&) {
    return toml::parse("value = " + toml_string(value), name);
  }
}

void apply_override(toml::table& recipe, const std::string& text) {
  const size_t dot = text.find('.'), equals = text.find('=');
  if (dot == std::string::npos || equals == std::string::npos || dot > equals) {
    fail(ErrorKind::usage, "--set " + in_quotes(text) + ": expected section.key=value");
  }
  const std::string section = text.substr(0, dot), key = text.substr(dot + 1, equals - dot - 1);
  auto* table = recipe[section].as_table();
  if (table == nullptr) {
    recipe.insert_or_assign(section, toml::table{});
    table = recipe[section].as_table();
  }
  toml::table value = parsed_value(text.substr(equals + 1), "--set " + section + "." + key);
  table->insert_or_assign(key, std::move(*value.get("value")));  // moved, it keeps where it is from
}

/// The name in a table of the catalog; the catalog's own complaint gets the place in front.
template <class Find>
auto& chosen(const toml::table& table, const char* where, const Find& find) {
  const toml::node* name = table.get("name");
  if (name == nullptr || !name->is_string()) {
    fail(ErrorKind::recipe, std::string("[") + where + "] has no name = \"...\"");
  }
  try {
    return find(*name->value<std::string>());
  } catch (const Error& e) {
    refuse_recipe(*name, e.what());
  }
}

ModelSpec mean_of(ModelSpec one, const MemberOptions& several) {
  ModelSpec spec = one;
  spec.fields += written_fields(several);
  spec.make = [make = one.make, n = several.members] {
    std::vector<ModelPtr> members;
    for (int64_t i = 0; i < n; ++i) members.push_back(make());
    return MeanOfMembers(std::move(members)).ptr();
  };
  return spec;
}

/// The network, and the weights it starts from.
std::pair<ModelSpec, ImportOptions> read_model_section(const toml::table& recipe,
                                                       Normalise normalise) {
  const toml::table& table = recipe_section(recipe, "model");
  RecipeReader reader(table, "model");
  std::string name;
  reader.field({"name", "of the catalog; see `groundglass models`"}, name);
  ModelSpec spec = name == kCascade ? read_cascade(reader, normalise)
                                    : chosen(table, "model", catalog_model).read(reader);
  MemberOptions several;
  several.fields(reader);
  ImportOptions start;
  start.fields(reader);
  reader.finish();
  spec.name = name;
  if (several.members > 1) {
    if (!spec.stages.empty()) {
      refuse_recipe(*table.get("members"), name +
                                               " is a cascade, and [model] members makes the mean "
                                               "of single networks; expected 1");
    }
    spec = mean_of(std::move(spec), several);
  }
  return {std::move(spec), start};
}

std::vector<std::pair<double, LossSpec>> read_loss_section(const toml::table& recipe) {
  const toml::table& table = recipe_section(recipe, "loss");
  const toml::node* terms = table.get("terms");
  if (terms == nullptr || !terms->is_array_of_tables()) {
    fail(ErrorKind::recipe, "[loss] has no terms = [{name = \"dice\", weight = 1.0}, ...]");
  }
  for (const auto& [key, node] : table) {
    if (key != "terms") {
      refuse_recipe(node, "unknown key " + in_quotes(key.str()) + " in [loss]; known: terms");
    }
  }
  std::vector<std::pair<double, LossSpec>> loss;
  for (const toml::node& item : *terms->as_array()) {
    const toml::table& term = *item.as_table();
    const CatalogLoss& entry = chosen(term, "loss", catalog_loss);
    RecipeReader reader(term, "loss.terms");
    std::string name;
    double weight = 1;
    reader.field({"name", "of the loss"}, name);
    reader.field({"weight", "of the term in the sum", 0, 1000}, weight);
    LossSpec spec = entry.read(reader);
    reader.finish();
    spec.name = name;
    loss.emplace_back(weight, std::move(spec));
  }
  return loss;
}

ExpectOptions read_expect_section(const toml::table& recipe) {
  ExpectOptions expect;
  const toml::table& table = recipe_section(recipe, "expect");
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    RecipeReader reader(table, "expect");
    if (name == "table") {
      reader.field({"table", "which table of the paper"}, expect.table);
    } else if (name == "columns") {
      reader.field({"columns", "what the numbers of a row are"}, expect.columns);
    } else {
      reader.field({name, "a row of the table"}, expect.rows[name]);
    }
  }
  for (const auto& [name, row] : expect.rows) {
    if (row.size() != expect.columns.size()) {
      refuse_recipe(*table.get(name), in_quotes(name) + " has " + std::to_string(row.size()) +
                                          " numbers, expected " +
                                          std::to_string(expect.columns.size()) + " as in columns");
    }
  }
  return expect;
}

/// Throws Error(recipe) unless every foreground class has a name, or none has.
void check_class_names(const Recipe& recipe) {
  const auto names = static_cast<int64_t>(recipe.evaluate.class_names.size());
  const int64_t classes = recipe.data.labels == MaskLabels::classes ? recipe.data.classes : 2;
  if (names == 0 || names == classes - 1) return;
  fail(ErrorKind::recipe, "[evaluate] class_names holds " + std::to_string(names) +
                              " names and [data] has " + std::to_string(classes) +
                              " classes with the background, expected " +
                              std::to_string(classes - 1) + " names or none");
}

std::string written_expect(const ExpectOptions& expect) {
  if (expect.rows.empty()) return "";
  RecipeWriter writer;
  writer.field({"table", "which table of the paper"}, expect.table);
  writer.field({"columns", "what the numbers of a row are"}, expect.columns);
  for (const auto& [name, row] : expect.rows) writer.field({name, "a row of the table"}, row);
  return "[expect]\n" + writer.text();
}

}  // namespace

LossFunction Recipe::loss_function() const {
  const auto terms = loss;
  return [terms](const torch::Tensor& logits, const torch::Tensor& target) {
    torch::Tensor sum;
    for (const auto& [weight, term] : terms) {
      const auto value = weight * term.function(logits, target);
      sum = sum.defined() ? sum + value : value;
    }
    return sum;
  };
}

ScoreOptions Recipe::scoring(const Engine& engine) const {
  ScoreOptions options;
  options.loader.batch_size = train.batch_size;
  options.loader.threads = train.loader_threads;
  options.loader.seed = static_cast<uint64_t>(train.seed);
  options.loader.normalise = preprocess.normalise;
  options.loader.augment = augment;
  options.threshold = evaluate.threshold;
  options.views = evaluate.views;
  options.engine = engine;
  return options;
}

PrepareJob Recipe::preparing(Dataset dataset, const std::filesystem::path& output,
                             int64_t threads) const {
  return {.dataset = std::move(dataset),
          .data = data,
          .preprocess = preprocess,
          .preprocess_text = preprocess_text(preprocess),
          .output = output,
          .threads = threads,
          .class_names = evaluate.class_names};
}

std::string Recipe::resolved() const {
  std::vector<std::string> terms;
  for (const auto& [weight, term] : loss) {
    RecipeWriter writer(RecipeWriter::Layout::inline_);
    writer.field({"name", ""}, term.name);
    writer.field({"weight", ""}, weight);
    terms.push_back("{" + writer.text() + (term.fields.empty() ? "" : ", " + term.fields) + "}");
  }
  return written_section("paper", paper) + written_section("data", data) +
         written_section("preprocess", preprocess) + written_section("augment", augment) +
         written_section("split", split) + "[model]\nname = " + toml_string(model.name) + "\n" +
         model.fields + (start.weights.empty() ? "" : written_fields(start)) +
         "\n[loss]\nterms = [" + joined(terms, ",\n         ") + "]\n\n" +
         written_section("train", train) + written_section("evaluate", evaluate) +
         (adapt ? written_section("adapt", *adapt) : "") +
         (cascade ? written_section("cascade", *cascade) : "") +
         (distil ? written_section("distil", *distil) : "") + written_expect(expect);
}

std::string preprocess_text(PreprocessOptions options) {
  const PreprocessOptions usual;
  options.normalise = usual.normalise;
  std::string text;
  // Sets that stand already do not name keys that came later; at their defaults these say nothing.
  const auto later = [&](const std::string& line) {
    return (line.starts_with("contrast_region = ") &&
            options.contrast_region == usual.contrast_region) ||
           (line.starts_with("mask = ") && options.mask == usual.mask) ||
           (line.starts_with("lungs_from = ") && !options.needs_lungs()) ||
           (line.starts_with("lungs_name = ") && !options.needs_lungs());
  };
  for (const auto& line : split_text(written_fields(options), '\n')) {
    if (!line.empty() && !later(line)) text += line + "\n";
  }
  return text;
}

const toml::table& recipe_section(const toml::table& recipe, std::string_view name) {
  static const toml::table empty;
  const toml::node* node = recipe.get(name);
  if (node == nullptr) return empty;
  if (!node->is_table()) {
    refuse_recipe(*node, in_quotes(name) + " is no section; expected [" + std::string(name) + "]");
  }
  return *node->as_table();
}

toml::table recipe_table(const std::string& text, const std::string& name,
                         const std::vector<std::string>& overrides) {
  toml::table table = with_base(parsed_toml(text, name), name);
  for (const auto& override_text : overrides) apply_override(table, override_text);
  return table;
}

Recipe parse_recipe(const std::string& text, const std::string& name,
                    const std::vector<std::string>& overrides) {
  const toml::table table = recipe_table(text, name, overrides);
  for (const auto& [key, node] : table) {
    const std::string found(key.str());
    if (std::find(kSections.begin(), kSections.end(), found) == kSections.end()) {
      refuse_recipe(node, "unknown section [" + found + "]" + did_you_mean(found, kSections));
    }
  }
  Recipe recipe;
  recipe.paper = read_options<PaperOptions>(recipe_section(table, "paper"), "paper");
  recipe.data = read_options<DataOptions>(recipe_section(table, "data"), "data");
  recipe.preprocess =
      read_options<PreprocessOptions>(recipe_section(table, "preprocess"), "preprocess");
  recipe.augment = read_options<AugmentOptions>(recipe_section(table, "augment"), "augment");
  recipe.split = read_options<SplitOptions>(recipe_section(table, "split"), "split");
  std::tie(recipe.model, recipe.start) = read_model_section(table, recipe.preprocess.normalise);
  recipe.loss = read_loss_section(table);
  recipe.train = read_options<TrainOptions>(recipe_section(table, "train"), "train");
  recipe.evaluate = read_options<EvaluateOptions>(recipe_section(table, "evaluate"), "evaluate");
  if (table.contains("adapt")) {
    recipe.adapt = read_options<AdaptOptions>(recipe_section(table, "adapt"), "adapt");
  }
  if (table.contains("cascade")) {
    recipe.cascade = read_options<StagedOptions>(recipe_section(table, "cascade"), "cascade");
    if (recipe.model.stages.empty()) {
      refuse_recipe(*table.get("cascade"), "[cascade] trains the networks of a cascade, and " +
                                               recipe.model.name +
                                               " is none; expected model.name = \"chs_net\" or "
                                               "\"cascade\"");
    }
  }
  if (table.contains("distil")) {
    recipe.distil = read_options<DistilOptions>(recipe_section(table, "distil"), "distil");
    if (recipe.distil->teacher.empty()) {
      refuse_recipe(*table.get("distil"), "[distil] has no teacher = \"...\"");
    }
  }
  recipe.expect = read_expect_section(table);
  try {
    if (recipe.evaluate.views == 3) {
      fail(ErrorKind::recipe, "[evaluate] views is 3, expected 1, 2 or 4");
    }
    check_class_names(recipe);
    recipe.preprocess.check();
    recipe.split.check();
    recipe.train.check();
    if (recipe.cascade && recipe.model.name != kCascade &&
        recipe.preprocess.normalise != Normalise::unit) {
      fail(ErrorKind::recipe, "[preprocess] normalise is " +
                                  in_quotes(word_of(recipe.preprocess.normalise)) +
                                  ", expected 'unit' with " + recipe.model.name +
                                  ": what its first network cuts away must stay 0; model.name = "
                                  "\"cascade\" takes any");
    }
    if (recipe.cascade && recipe.distil) {
      fail(ErrorKind::recipe,
           "[distil] teaches one network, and [cascade] trains two; expected one of both sections");
    }
    if (recipe.adapt) recipe.adapt->check();
    if (recipe.split.lacks_validation() &&
        (recipe.train.monitor != Monitor::last ||
         recipe.evaluate.threshold_from != ThresholdFrom::fixed)) {
      fail(ErrorKind::recipe, "[split] mode " + in_quotes(word_of(recipe.split.mode)) +
                                  " has no validation rows to choose by; expected [train] monitor "
                                  "'last' and [evaluate] threshold_from 'fixed'");
    }
  } catch (const Error& e) {
    fail(ErrorKind::recipe, name + ": " + e.what());
  }
  return recipe;
}

Recipe read_recipe(const std::filesystem::path& named, const std::vector<std::string>& overrides) {
  const std::filesystem::path path = recipe_file(named);
  if (!std::filesystem::is_regular_file(path)) {
    fail(ErrorKind::usage, path.string() + ": no such recipe");
  }
  return parse_recipe(read_file(path), path.string(), overrides);
}

}  // namespace groundglass
