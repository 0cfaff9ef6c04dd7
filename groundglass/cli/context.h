#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "groundglass/core/events.h"
#include "groundglass/core/field.h"
#include "groundglass/data/data_options.h"
#include "groundglass/runs/run_settings.h"

namespace groundglass {

/// What every verb understands, and where a verb leaves what it will do once the line is parsed.
struct Context {
  bool json = false;
  bool quiet = false;
  std::string device = "auto";
  std::string precision = "auto";
  int64_t threads = 0;
  int64_t seed = -1;  ///< -1: the recipe's
  std::vector<std::string> overrides;

  int64_t processes = 0;   ///< to train with on this machine; 0: as the launcher says
  double timeout_s = 600;  ///< until a process that does not answer counts as lost
  int exit_code = 0;       ///< of a verb that ends without an error

  std::function<void()> work;
  std::string command;  ///< command_text() of the verb that `work` belongs to
};

/// The command line that a verb was given, quoted for a shell: run again, it gives the same result.
/// What only says how a run is shown or gone on with (--json, --quiet, --resume) is left out.
std::string command_text(const CLI::App& verb);

/// A verb with the options that every verb has. `work` runs after parsing.
CLI::App* add_verb(CLI::App& app, Context& context, const std::string& name,
                   const std::string& help, std::function<void()> work);

/// --device and --precision for verbs that run a network.
void add_engine_options(CLI::App* verb, Context& context);

/// --labels, what the values of masks mean. A word that is none is an Error(recipe).
void add_labels_option(CLI::App* verb, DataOptions& data, const std::string& help);

/// An option whose words stand for the values of an enum (words_of()); any other word is a usage
/// error. `value` must live as long as the verb.
template <class Enum>
CLI::Option* add_choice_option(CLI::App* verb, const std::string& name, Enum& value,
                               const std::string& help) {
  std::vector<std::string> known;
  for (const auto& [word, meaning] : words_of(value)) known.push_back(word);
  return verb
      ->add_option_function<std::string>(
          name,
          [&value](const std::string& given) {
            for (const auto& [word, meaning] : words_of(value)) {
              if (word == given) value = meaning;
            }
          },
          help)
      ->check(CLI::IsMember(known));
}

/// --set for verbs that read a recipe.
void add_override_option(CLI::App* verb, Context& context);

/// The device and arithmetic asked for. "auto" takes CUDA where there is one; bf16 where the
/// hardware multiplies it. Throws Error(device) if it is not there, Error(usage) for an unknown
/// word.
Engine engine_of(const Context& context);

/// What the command line asks for beside the verb's own words. Throws as engine_of().
RunSettings run_settings(const Context& context);

/// A progress bar with the time to go on a terminal, plain lines elsewhere, nothing if quiet.
std::unique_ptr<Observer> console_observer(const Context& context);

/// The one JSON document of a verb on stdout; numbers that are not finite become null,
/// bytes that are not UTF-8 become \xHH.
void print_json(const nlohmann::ordered_json& document);

}  // namespace groundglass
