#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "groundglass/core/field.h"

namespace toml {
inline namespace v3 {
class node;
class table;
}  // namespace v3
}  // namespace toml

namespace groundglass {

/// A key that a reader was asked for, as docs/reference/recipe_keys.md shows it.
struct RecipeKey {
  std::string name, help;
  std::string kind;   ///< "whole number", "list of strings", "word", "table" ..
  std::string value;  ///< the default as TOML writes it; empty for a table
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  std::vector<std::string> words = {};  ///< that may stand there, if these are known

  std::string range() const;  ///< "1 to 10000", "at least 0"; empty if any number may stand there

  bool operator==(const RecipeKey&) const = default;
};

/// Fills an options struct from one table of a recipe. A missing key keeps the struct's default.
/// Throws Error(recipe) with file:line:column if a value has the wrong kind or range, and, from
/// finish(), if the table holds a key that no field asked for.
class RecipeReader {
 public:
  RecipeReader(const toml::table& table, std::string section);

  void field(const Field& f, bool& value);
  void field(const Field& f, int64_t& value);
  void field(const Field& f, double& value);
  void field(const Field& f, std::string& value);
  void field(const Field& f, std::vector<int64_t>& value);
  void field(const Field& f, std::vector<double>& value);
  void field(const Field& f, std::vector<std::string>& value);

  template <class Enum>
  void choice(const Field& f, Enum& value, const Words<std::type_identity_t<Enum>>& words) {
    std::vector<std::string> known;
    std::string word;
    for (const auto& [name, meaning] : words) {
      known.push_back(name);
      if (meaning == value) word = name;
    }
    read_word(f, word, known);
    for (const auto& [name, meaning] : words) {
      if (name == word) value = meaning;
    }
  }

  /// A value of any kind, which the caller reads; null if the key is missing.
  const toml::node* node(const Field& f);

  /// Throws for the first key that was never asked for, with the nearest one that was.
  void finish() const;

  /// All keys asked for so far, in that order, each with the value that it had before.
  const std::vector<RecipeKey>& keys() const { return keys_; }

 private:
  void ask(const Field& f, const char* kind, std::string value,
           std::vector<std::string> words = {});
  template <class T>
  void read(const Field& f, T& value, const char* expected);
  template <class T>
  void read_list(const Field& f, std::vector<T>& value, const char* expected);
  template <class T>
  void check_range(const Field& f, const toml::node& at, T value) const;
  void read_word(const Field& f, std::string& word, const std::vector<std::string>& known);

  const toml::table& table_;
  std::string section_;
  std::vector<RecipeKey> keys_;
};

/// "unet.toml:2:16: what", as every complaint about a recipe begins.
[[noreturn]] void refuse_recipe(const toml::node& at, const std::string& what);

/// TOML text as a table; `name` stands in the Error(recipe), before line and column, for what is
/// none.
toml::table parsed_toml(const std::string& text, const std::string& name);

/// Options struct -> filled and checked. The usual entry point.
template <class Options>
Options read_options(const toml::table& table, const std::string& section) {
  Options options;
  RecipeReader reader(table, section);
  options.fields(reader);
  reader.finish();
  return options;
}

}  // namespace groundglass
