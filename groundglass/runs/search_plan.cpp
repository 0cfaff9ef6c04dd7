#include "groundglass/runs/search_plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/rng.h"
#include "groundglass/core/text.h"
#include "groundglass/recipe/classifier_recipe.h"

namespace groundglass {
namespace {

/// A number that stands for a key in the key of a generator.
uint64_t number_of(const std::string& key) {
  return std::stoull(sha256(key).substr(0, 16), nullptr, 16);
}

/// Four digits that count: what a table shows is what was trained.
double rounded(double value) {
  std::array<char, 64> buffer{};
  char* const begin = buffer.data();
  const auto end =
      std::to_chars(begin, begin + buffer.size(), value, std::chars_format::general, 4);
  std::from_chars(begin, end.ptr, value);
  return value;
}

double drawn_number(const SearchParameter& p, Rng& rng) {
  const double above = p.integer ? 1 : 0;  // whole numbers own the stretch up to the next
  const double value = p.scale == Scale::log
                           ? std::exp(rng.uniform(std::log(p.low), std::log(p.high + above)))
                           : rng.uniform(p.low, p.high + above);
  return std::clamp(p.integer ? std::floor(value) : rounded(value), p.low, p.high);
}

SearchValue drawn_value(const SearchParameter& p, int64_t seed, int64_t trial) {
  const auto key = number_of(p.key), drawn = static_cast<uint64_t>(seed);
  if (p.values.empty()) {
    Rng rng(mix_keys(drawn, static_cast<uint64_t>(trial), key, 0x5ea));
    const std::string text = shortest(drawn_number(p, rng));
    return {text, {p.key + "=" + text}};
  }
  const auto n = static_cast<int64_t>(p.values.size());
  Rng rng(mix_keys(drawn, static_cast<uint64_t>(trial / n), key, 0xdea1));
  return p.values[static_cast<size_t>(permutation(n, rng)[static_cast<size_t>(trial % n)])];
}

/// The parameter that changes a key, or null.
const SearchParameter* parameter_of(const SearchFile& file, const std::string& key) {
  for (const auto& p : file.parameters) {
    if (key == p.key || key.rfind(p.key + ".", 0) == 0) return &p;
  }
  return nullptr;
}

std::string key_of(const std::string& override_text) {
  return override_text.substr(0, override_text.find('='));
}

/// Throws if a key is set for all trials that is searched, or that the search itself decides.
void check_constants(const SearchFile& file, const std::vector<std::string>& overrides) {
  const auto check = [&](const std::string& text, const std::string& where, ErrorKind kind) {
    if (parameter_of(file, key_of(text)) != nullptr) {
      fail(kind, where + in_quotes(text) + ": this key is searched; take its [[parameter]] out");
    }
    if (key_of(text) == "train.epochs") {
      fail(kind, where + in_quotes(text) + ": the search decides this; set [search] epochs");
    }
  };
  for (const auto& text : file.options.set) {
    check(text, file.options_where + ": set ", ErrorKind::recipe);
  }
  for (const auto& text : overrides) check(text, "--set ", ErrorKind::usage);
}

/// The complaint about a trial's recipe, told where the search file says what is at fault.
[[noreturn]] void refuse_trial(const SearchFile& file, const Trial& trial, const Error& e) {
  const std::string message = e.what(), word = "--set ";
  if (message.rfind(word, 0) == 0) {
    const std::string key = message.substr(word.size(), message.find(':') - word.size());
    const size_t end = message.find(": ");
    const std::string what = end == std::string::npos ? message : message.substr(end + 2);
    if (const auto* p = parameter_of(file, key)) fail(ErrorKind::recipe, p->where + ": " + what);
    for (const auto& text : file.options.set) {
      if (key_of(text) == key) {
        fail(ErrorKind::recipe, file.options_where + ": set: " + what);
      }
    }
    throw e;
  }
  std::vector<std::string> words;
  for (const auto& value : trial.values) words.push_back(joined(value.overrides, ", "));
  fail(ErrorKind::recipe, file.path.string() + ": trial " + std::to_string(trial.number) + " (" +
                              joined(words, ", ") + ") is no recipe: " + message);
}

Trial read_trial(const SearchFile& file, int64_t number, const std::vector<std::string>& overrides,
                 int64_t train_seed) {
  Trial trial;
  trial.number = number;
  std::vector<std::string> all = file.options.set;
  all.insert(all.end(), overrides.begin(), overrides.end());
  if (number > 0 || file.options.first == FirstTrial::drawn)
    trial.values = drawn_values(file, number);
  for (const auto& value : trial.values) {
    all.insert(all.end(), value.overrides.begin(), value.overrides.end());
  }
  try {
    trial.recipe = read_recipe(file.recipe(), all);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::recipe) throw;
    refuse_trial(file, trial, e);
  }
  if (file.options.epochs > 0) trial.recipe.train.epochs = file.options.epochs;
  if (train_seed >= 0) trial.recipe.train.seed = train_seed;
  return trial;
}

void check_comparable(const SearchFile& file, const Recipe& recipe) {
  if (recipe.train.monitor == Monitor::last) {
    fail(ErrorKind::recipe, file.path.string() +
                                ": the recipe's [train] monitor is 'last', which is no score; "
                                "expected 'soft_dice', 'hard_dice' or 'domain_dice'");
  }
  if (recipe.cascade) {
    fail(ErrorKind::recipe, file.path.string() +
                                ": the recipe trains a [cascade], which has no one score; search "
                                "its networks one by one");
  }
  for (const int64_t fold : file.options.folds) {
    if (fold >= recipe.split.folds) {
      fail(ErrorKind::recipe, file.options_where + ": folds holds " + std::to_string(fold) +
                                  ", and the recipe has 0 to " +
                                  std::to_string(recipe.split.folds - 1));
    }
  }
}

}  // namespace

int64_t SearchPlan::epochs() const {
  int64_t sum = 0, before = 0;
  for (const auto& rung : rungs) {
    sum += rung.trials * (rung.epochs - before);
    before = rung.epochs;
  }
  return sum * static_cast<int64_t>(file.options.folds.size());
}

std::vector<SearchValue> drawn_values(const SearchFile& file, int64_t trial) {
  std::vector<SearchValue> values;
  for (const auto& p : file.parameters) {
    values.push_back(drawn_value(p, file.options.seed, trial));
  }
  return values;
}

std::vector<Rung> search_rungs(const SearchFile& file, int64_t epochs) {
  const SearchOptions& o = file.options;
  if (o.strategy == Strategy::random) return {{epochs, o.trials}};
  if (o.min_epochs > epochs) {
    fail(ErrorKind::recipe, file.options_where + ": min_epochs is " + std::to_string(o.min_epochs) +
                                ", and a whole training has " + std::to_string(epochs));
  }
  std::vector<Rung> rungs = {{o.min_epochs, o.trials}};
  while (rungs.back().epochs < epochs) {
    rungs.push_back({std::min(rungs.back().epochs * o.eta, epochs),
                     std::max<int64_t>(rungs.back().trials / o.eta, 1)});
  }
  return rungs;
}

SearchPlan search_plan(const SearchFile& file, const std::vector<std::string>& overrides,
                       int64_t train_seed) {
  if (is_classifier_recipe(file.recipe().string())) {
    fail(ErrorKind::recipe, file.options_where + ": " + file.recipe().string() +
                                " trains a classifier; `search` takes recipes that segment");
  }
  check_constants(file, overrides);
  SearchPlan plan;
  plan.file = file;
  for (int64_t i = 0; i < file.options.trials; ++i) {
    plan.trials.push_back(read_trial(file, i, overrides, train_seed));
    check_comparable(file, plan.trials.back().recipe);
  }
  plan.rungs = search_rungs(file, plan.recipe().train.epochs);
  return plan;
}

}  // namespace groundglass
