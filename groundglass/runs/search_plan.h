#pragma once

#include "groundglass/recipe/recipe.h"
#include "groundglass/recipe/search_file.h"

namespace groundglass {

/// One set of values: a recipe to train.
struct Trial {
  int64_t number = 0;
  std::vector<SearchValue> values;  ///< one for each parameter; empty: the recipe's own
  Recipe recipe;
};

/// So many trials, trained for so many epochs in all; then the best go on to the next rung.
struct Rung {
  int64_t epochs = 0;
  int64_t trials = 0;
};

/// Everything that a search will do, known before it begins.
struct SearchPlan {
  SearchFile file;
  std::vector<Trial> trials;
  std::vector<Rung> rungs;

  int64_t epochs() const;  ///< of all trials on all rungs and folds, each epoch counted once
  /// What a recipe lays down for all trials alike, the first one's.
  const Recipe& recipe() const { return trials.front().recipe; }
};

/// The values of a trial, from the search's seed, the trial's number and each parameter's key
/// alone: neither the number of trials nor that of processes nor another parameter changes them.
///
/// Numbers are even on their scale and rounded to four digits. Values are dealt: of n values each
/// stands once, in an order of its own, in trials 0 to n - 1, n to 2n - 1, ...
/// Differs from random search (Bergstra and Bengio, JMLR 2012, https://jmlr.org/papers/v13/
/// bergstra12a.html): values are dealt, not drawn with replacement.
std::vector<SearchValue> drawn_values(const SearchFile& file, int64_t trial);

/// The rungs. 'random': one, of all trials. 'halving': successive halving (Jamieson and Talwalkar,
/// AISTATS 2016, https://arxiv.org/abs/1502.07943) in the form that Hyperband runs (Li et al., JMLR
/// 2018, https://arxiv.org/abs/1603.06560, Algorithm 1): of n trials floor(n / eta) go on, at least
/// one, to eta times as many epochs.
/// Differs: each training follows the schedule of `epochs`, the last rung's, from its first step,
/// and only pauses at a rung, so that a trial that goes on has the bits of an uninterrupted
/// training; the last rung ends at `epochs` even if that is no power of eta times min_epochs, and
/// it may hold more than one trial.
///
/// Throws Error(recipe) if min_epochs is above `epochs`.
std::vector<Rung> search_rungs(const SearchFile& file, int64_t epochs);

/// Draws all trials and reads their recipes. `overrides` are the command line's, `train_seed` its
/// seed for the trainings, -1 for the recipe's. Throws Error(recipe) for the first recipe that
/// cannot be read, with the place of the parameter at fault, and for recipes that cannot be
/// compared: without validation rows, or that are cascades.
SearchPlan search_plan(const SearchFile& file, const std::vector<std::string>& overrides,
                       int64_t train_seed);

}  // namespace groundglass
