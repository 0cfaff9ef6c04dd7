#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace groundglass {

/// What a recipe key may hold and what it means. Shown by docs/reference/recipe_keys.md and in
/// error messages.
///
/// An options struct says its fields once, in `template <class V> void fields(V& v)`; the same
/// function serves RecipeReader (TOML in), RecipeWriter (resolved TOML out) and the documentation.
/// A field is a bool, int64_t, double, std::string, or a list of numbers or words; `choice` is an
/// enum with the words that stand for its values.
struct Field {
  std::string_view name;
  std::string_view help;  ///< one line, with the unit and, for words, what may stand there
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

/// The words that stand for the values of an enum.
template <class Enum>
using Words = std::vector<std::pair<std::string, Enum>>;

/// The word that stands for a value. An enum that recipes name has a table of its words beside it,
/// `Words<Enum> words_of(Enum)`.
template <class Enum>
std::string word_of(Enum value) {
  for (const auto& [word, meaning] : words_of(value)) {
    if (meaning == value) return word;
  }
  return {};
}

/// Throws Error(recipe), naming section, key and the words that may stand there, unless `value` is
/// one of `known`.
void check_word(std::string_view section, std::string_view key, const std::string& value,
                const std::vector<std::string>& known);

/// The value that a word stands for. Throws Error(recipe) as check_word() does.
template <class Enum>
Enum value_of(std::string_view section, std::string_view key, const std::string& word) {
  std::vector<std::string> known;
  for (const auto& [name, meaning] : words_of(Enum{})) {
    if (name == word) return meaning;
    known.push_back(name);
  }
  check_word(section, key, word, known);
  return {};
}

}  // namespace groundglass
