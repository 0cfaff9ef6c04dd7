#include "groundglass/recipe/search_file.h"

#include <cmath>
#include <set>

#include <toml++/toml.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/recipe/recipe_file.h"
#include "groundglass/recipe/recipe_reader.h"
#include "groundglass/recipe/recipe_table.h"
#include "groundglass/recipe/recipe_writer.h"

namespace groundglass {
namespace {

std::string place_of(const toml::node& node, const std::filesystem::path& path) {
  const auto where = node.source().begin;
  return path.string() + ":" + std::to_string(where.line) + ":" + std::to_string(where.column);
}

/// A value as TOML on one line.
std::string toml_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return toml_string(text->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  if (const auto* whole = node.as_integer()) return std::to_string(whole->get());
  if (const auto* number = node.as_floating_point()) return shortest(number->get());
  std::vector<std::string> parts;
  if (const auto* list = node.as_array()) {
    for (const toml::node& item : *list) parts.push_back(toml_text(item));
    return "[" + joined(parts, ", ") + "]";
  }
  if (const auto* table = node.as_table()) {
    for (const auto& [key, value] : *table) {
      parts.push_back(std::string(key.str()) + " = " + toml_text(value));
    }
    return "{" + joined(parts, ", ") + "}";
  }
  refuse_recipe(node, "a date or a time is no value of a recipe");
}

/// The value of a key, or, if the key is a section, of each of its keys.
SearchValue value_of(const std::string& key, const toml::node& node) {
  const auto* word = node.as_string();
  SearchValue value = {word != nullptr ? word->get() : toml_text(node), {}};
  if (key.find('.') != std::string::npos) {
    value.overrides = {key + "=" + toml_text(node)};
    return value;
  }
  if (!node.is_table()) {
    refuse_recipe(node, "key " + in_quotes(key) +
                            " is a section, so that each value is a table {key = value, ...}; or "
                            "write section.key");
  }
  for (const auto& [inner, item] : *node.as_table()) {
    value.overrides.push_back(key + "." + std::string(inner.str()) + "=" + toml_text(item));
  }
  return value;
}

void read_values(SearchParameter& parameter, const toml::node& node) {
  const auto* list = node.as_array();
  if (list == nullptr || list->empty()) {
    refuse_recipe(node, "values is no list of values, or an empty one");
  }
  for (const toml::node& item : *list) {
    parameter.values.push_back(value_of(parameter.key, item));
  }
}

void read_labels(SearchParameter& parameter, const toml::node& node) {
  const auto* list = node.as_array();
  if (list == nullptr || list->size() != parameter.values.size() ||
      !list->is_homogeneous<std::string>()) {
    refuse_recipe(node, "labels are no list of as many words as there are values (" +
                            std::to_string(parameter.values.size()) + ")");
  }
  for (size_t i = 0; i < list->size(); ++i) {
    parameter.values[i].label = *list->get(i)->value<std::string>();
  }
}

void check_bounds(const SearchParameter& p, const toml::node& at) {
  if (p.key.find('.') == std::string::npos) {
    refuse_recipe(at, in_quotes(p.key) + " is a section; expected values = [{key = value, ...}]");
  }
  if (!(p.low < p.high)) {
    refuse_recipe(at, "low is " + shortest(p.low) + " and high " + shortest(p.high) +
                          ", expected low below high");
  }
  if (p.scale == Scale::log && p.low <= 0) {
    refuse_recipe(at, "low is " + shortest(p.low) + ", expected above 0 with scale = \"log\"");
  }
  if (p.integer && (p.low != std::floor(p.low) || p.high != std::floor(p.high))) {
    refuse_recipe(at, "low and high are " + shortest(p.low) + " and " + shortest(p.high) +
                          ", expected whole numbers with integer = true");
  }
}

SearchParameter read_parameter(const toml::table& table, const std::filesystem::path& path) {
  SearchParameter p;
  RecipeReader reader(table, "parameter");
  reader.field({"key", "section.key of the recipe"}, p.key);
  const toml::node* values = reader.node({"values", "one of these"});
  const toml::node* labels = reader.node({"labels", "what tables call the values"});
  const bool low = reader.node({"low", ""}) != nullptr, high = reader.node({"high", ""}) != nullptr;
  reader.field({"low", "smallest value"}, p.low);
  reader.field({"high", "largest value"}, p.high);
  reader.choice({"scale", "on which draws are even"}, p.scale,
                {{"linear", Scale::linear}, {"log", Scale::log}});
  reader.field({"integer", "whole numbers alone"}, p.integer);
  reader.finish();
  if (p.key.empty()) refuse_recipe(table, "a parameter has no key = \"section.key\"");
  p.where = place_of(*table.get("key"), path);
  for (const std::string fixed_one : {"train.epochs", "split", "data", "train.monitor"}) {
    if (p.key == fixed_one || p.key.rfind(fixed_one + ".", 0) == 0) {
      refuse_recipe(table, "key " + in_quotes(p.key) +
                               " cannot be searched: trials are compared after equal epochs by one "
                               "monitor on the same validation rows");
    }
  }
  if ((values != nullptr) == (low || high) || low != high) {
    refuse_recipe(table, "parameter " + in_quotes(p.key) + " needs either low and high, or values");
  }
  if (values == nullptr && labels != nullptr) refuse_recipe(*labels, "labels are of values");
  if (values == nullptr) check_bounds(p, table);
  if (values != nullptr) read_values(p, *values);
  if (labels != nullptr) read_labels(p, *labels);
  return p;
}

}  // namespace

void SearchOptions::check() const {
  if (folds.empty() || std::set<int64_t>(folds.begin(), folds.end()).size() != folds.size()) {
    fail(ErrorKind::recipe, "[search] folds are none, or one stands there twice");
  }
}

SearchFile read_search(const std::filesystem::path& named) {
  const std::filesystem::path path = recipe_file(named, "recipes/searches");
  if (!std::filesystem::is_regular_file(path)) {
    fail(ErrorKind::usage, path.string() + ": there is no such search; see recipes/searches");
  }
  const toml::table whole = parsed_toml(read_file(path), path.string());
  for (const auto& [key, node] : whole) {
    if (key != "search" && key != "parameter") {
      refuse_recipe(node, "unknown section " + in_quotes(key.str()) +
                              did_you_mean(key.str(), {"search", "parameter"}));
    }
  }
  if (whole.get("search") == nullptr) {
    fail(ErrorKind::recipe, path.string() + ": has no [search]; is it a recipe for `train`?");
  }
  SearchFile file;
  file.path = path;
  file.options_where = place_of(*whole.get("search"), path);
  file.options = read_options<SearchOptions>(recipe_section(whole, "search"), "search");
  try {
    file.options.check();
  } catch (const Error& e) {
    refuse_recipe(*whole.get("search"), e.what());
  }
  if (!std::filesystem::is_regular_file(file.recipe())) {
    refuse_recipe(*whole.get("search"), "recipe: there is no " + file.recipe().string());
  }
  const toml::node* list = whole.get("parameter");
  if (list == nullptr || !list->is_array_of_tables()) {
    fail(ErrorKind::recipe, path.string() +
                                ": has no [[parameter]] with key and low, high or "
                                "values");
  }
  std::set<std::string> keys;
  for (const toml::node& node : *list->as_array()) {
    file.parameters.push_back(read_parameter(*node.as_table(), path));
    if (!keys.insert(file.parameters.back().key).second) {
      refuse_recipe(node, "two parameters have the key " + in_quotes(file.parameters.back().key));
    }
  }
  return file;
}

}  // namespace groundglass
