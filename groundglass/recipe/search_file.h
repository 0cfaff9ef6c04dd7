#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/core/field.h"

namespace groundglass {

/// Whether every trial is trained to its end, or the best alone go on.
enum class Strategy { random, halving };
inline Words<Strategy> words_of(Strategy) {
  return {{"random", Strategy::random}, {"halving", Strategy::halving}};
}

/// What trial 0 is: drawn as the others, or the recipe as it is.
enum class FirstTrial { drawn, recipe };
inline Words<FirstTrial> words_of(FirstTrial) {
  return {{"drawn", FirstTrial::drawn}, {"recipe", FirstTrial::recipe}};
}

/// What a search of hyper-parameters tries, and how long.
struct SearchOptions {
  std::string title, caption, recipe;
  Strategy strategy = Strategy::random;
  FirstTrial first = FirstTrial::drawn;
  int64_t trials = 9;
  int64_t seed = 20260101;
  int64_t epochs = 0;
  int64_t min_epochs = 1;
  int64_t eta = 3;
  std::vector<int64_t> folds = {0};
  std::vector<std::string> set;

  template <class V>
  void fields(V& v) {
    v.field({"title", "of the table"}, title);
    v.field({"caption", "what a reader of the table must know besides"}, caption);
    v.field({"recipe", "that all trials begin with, relative to this file"}, recipe);
    v.choice({"strategy", "'random' (every trial to its end) or 'halving' (the best go on)"},
             strategy, words_of(strategy));
    v.choice({"first", "'drawn', or 'recipe' (trial 0 is the recipe as it is)"}, first,
             words_of(first));
    v.field({"trials", "how many are drawn", 1, 100000}, trials);
    v.field({"seed", "of the draws; the recipe's own seed trains"}, seed);
    v.field({"epochs", "of a whole training; 0 for the recipe's", 0, 100000}, epochs);
    v.field({"min_epochs", "halving: after which the first trials drop out", 1, 100000},
            min_epochs);
    v.field({"eta", "halving: one trial of so many goes on, to so many times the epochs", 2, 100},
            eta);
    v.field({"folds", "of the split, from 0; a trial's score is their mean", 0, 99}, folds);
    v.field({"set", "section.key=value, what all trials change in the recipe"}, set);
  }

  /// Throws Error(recipe) for folds that are none
  /// or stand there twice.
  void check() const;
};

/// A value that a trial may give to a parameter.
struct SearchValue {
  std::string label;                   ///< in tables
  std::vector<std::string> overrides;  ///< section.key=value, as read_recipe() takes them
};

enum class Scale { linear, log };

/// What is searched: a number between bounds, or one of several values.
struct SearchParameter {
  std::string key;  ///< section.key, or a section whose values are tables
  double low = 0, high = 1;
  Scale scale = Scale::linear;
  bool integer = false;
  std::vector<SearchValue> values;  ///< empty for a number between bounds
  std::string where;                ///< file:line:column, for messages
};

/// A file of recipes/searches.
struct SearchFile {
  std::filesystem::path path;
  SearchOptions options;
  std::string options_where;  ///< file:line:column of [search]
  std::vector<SearchParameter> parameters;

  std::filesystem::path recipe() const { return path.parent_path() / options.recipe; }
};

/// Throws Error(recipe) with file, line and column for what is no TOML, an unknown section or key,
/// bounds that do not fit each other, a parameter that stands there twice, or that is the epochs or
/// the split, which must be the same for all; Error(usage) if there is no such file.
SearchFile read_search(const std::filesystem::path& path);

}  // namespace groundglass
