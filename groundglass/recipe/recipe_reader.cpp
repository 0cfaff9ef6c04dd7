#include "groundglass/recipe/recipe_reader.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include <toml++/toml.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/recipe/recipe_writer.h"

namespace groundglass {
namespace {

template <class T>
std::string text(const T& value) {
  std::ostringstream s;
  s << value;
  return s.str();
}

/// A number as a recipe would write it: no ".0" for whole ones, infinities in words.
std::string bound(double value) {
  return value == static_cast<double>(static_cast<int64_t>(value))
             ? std::to_string(static_cast<int64_t>(value))
             : shortest(value);
}

}  // namespace

std::string RecipeKey::range() const {
  if (std::isinf(low) && std::isinf(high)) return "";
  if (std::isinf(high)) return "at least " + bound(low);
  if (std::isinf(low)) return "at most " + bound(high);
  return bound(low) + " to " + bound(high);
}

toml::table parsed_toml(const std::string& text, const std::string& name) {
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& e) {
    const auto where = e.source().begin;
    std::string what(e.description());  // which quotes the text as far as it was read
    for (size_t at = 0; (at = what.find_first_of("\r\n", at)) != std::string::npos;) {
      what.replace(at, 1, what[at] == '\n' ? "\\n" : "\\r");
    }
    fail(ErrorKind::recipe, name + ":" + std::to_string(where.line) + ":" +
                                std::to_string(where.column) + ": " + what);
  }
}

void refuse_recipe(const toml::node& at, const std::string& what) {
  const auto& source = at.source();
  fail(ErrorKind::recipe, (source.path ? *source.path : std::string("recipe")) + ":" +
                              std::to_string(source.begin.line) + ":" +
                              std::to_string(source.begin.column) + ": " + what);
}

RecipeReader::RecipeReader(const toml::table& table, std::string section)
    : table_(table), section_(std::move(section)) {}

template <class T>
void RecipeReader::check_range(const Field& f, const toml::node& at, T value) const {
  if constexpr (std::is_arithmetic_v<T>) {
    const auto v = static_cast<double>(value);
    if (v >= f.low && v <= f.high) return;
    refuse_recipe(at, in_quotes(f.name) + " is " + text(value) + ", expected " + bound(f.low) +
                          " to " + bound(f.high) + " (" + std::string(f.help) + ")");
  }
}

template <class T>
void RecipeReader::read(const Field& f, T& value, const char* expected) {
  const toml::node* node = table_.get(f.name);
  if (node == nullptr) return;
  const auto found = node->value<T>();
  if (!found) {
    refuse_recipe(*node, in_quotes(f.name) + " is a " + text(node->type()) + ", expected " +
                             expected + " (" + std::string(f.help) + ")");
  }
  check_range(f, *node, *found);
  value = *found;
}

template <class T>
void RecipeReader::read_list(const Field& f, std::vector<T>& value, const char* expected) {
  const toml::node* node = table_.get(f.name);
  if (node == nullptr) return;
  const toml::array* list = node->as_array();
  if (list == nullptr) {
    refuse_recipe(*node, in_quotes(f.name) + " is a " + text(node->type()) +
                             ", expected a list of " + expected);
  }
  value.clear();
  for (const toml::node& item : *list) {
    const auto one = item.value<T>();
    if (!one) {
      refuse_recipe(item,
                    in_quotes(f.name) + " holds a " + text(item.type()) + ", expected " + expected);
    }
    check_range(f, item, *one);
    value.push_back(*one);
  }
}

void RecipeReader::ask(const Field& f, const char* kind, std::string value,
                       std::vector<std::string> words) {
  keys_.push_back({std::string(f.name), std::string(f.help), kind, std::move(value), f.low, f.high,
                   std::move(words)});
}

void RecipeReader::field(const Field& f, bool& value) {
  ask(f, "true or false", RecipeWriter::put(value));
  read(f, value, "true or false");
}
void RecipeReader::field(const Field& f, int64_t& value) {
  ask(f, "whole number", RecipeWriter::put(value));
  read(f, value, "a whole number");
}
void RecipeReader::field(const Field& f, double& value) {
  ask(f, "number", RecipeWriter::put(value));
  read(f, value, "a number");
}
void RecipeReader::field(const Field& f, std::string& value) {
  ask(f, "string", RecipeWriter::put(value));
  read(f, value, "a string");
}
void RecipeReader::field(const Field& f, std::vector<int64_t>& value) {
  ask(f, "list of whole numbers", RecipeWriter::put(value));
  read_list(f, value, "whole numbers");
}
void RecipeReader::field(const Field& f, std::vector<double>& value) {
  ask(f, "list of numbers", RecipeWriter::put(value));
  read_list(f, value, "numbers");
}
void RecipeReader::field(const Field& f, std::vector<std::string>& value) {
  ask(f, "list of strings", RecipeWriter::put(value));
  read_list(f, value, "strings");
}

void RecipeReader::read_word(const Field& f, std::string& word,
                             const std::vector<std::string>& known) {
  ask(f, "word", RecipeWriter::put(word), known);
  read(f, word, "a string");
  if (std::find(known.begin(), known.end(), word) != known.end()) return;
  refuse_recipe(*table_.get(f.name), in_quotes(f.name) + " is " + in_quotes(word) +
                                         ", expected one of " + listed(known));
}

const toml::node* RecipeReader::node(const Field& f) {
  ask(f, "table", "");
  return table_.get(f.name);
}

void RecipeReader::finish() const {
  std::set<std::string> known;
  for (const auto& key : keys_) known.insert(key.name);
  for (const auto& [key, node] : table_) {
    const std::string name(key.str());
    if (known.count(name) != 0) continue;
    refuse_recipe(node, "unknown key " + in_quotes(name) + " in [" + section_ + "]" +
                            did_you_mean(name, {known.begin(), known.end()}));
  }
}

}  // namespace groundglass
