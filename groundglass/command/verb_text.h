#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace groundglass {

/// An option or argument of a verb, as CLI11 knows it.
struct OptionText {
  std::vector<std::string> names;  ///< "-o", "--output"; empty for an argument without dashes
  std::string argument;            ///< name of an argument without dashes
  std::string help;
  std::string value;               ///< "TEXT", "INT in [0 - 64]"; empty for a flag
  std::vector<std::string> words;  ///< that the value may be, if CLI11 checks them
  std::string fallback;            ///< the default, if CLI11 knows it
  bool required = false;

  std::string value_text() const;  ///< "TEXT", or the words: "probabilities|logits|both"
};

/// A verb, "predict" or "annotate init".
struct VerbText {
  std::string name, help;
  std::vector<std::string> verbs;  ///< of its own: "init" of "annotate"
  std::vector<OptionText> arguments, options;

  /// "groundglass predict [OPTIONS] input -o OUTPUT".
  std::string usage() const;
};

/// All verbs that are not hidden, each after the one it belongs to.
std::vector<VerbText> verb_texts(const CLI::App& app);

/// What stands between the braces of CLI11's "TEXT:{a,b}", the words that an option may have.
std::vector<std::string> checked_words(const std::string& type);

/// The names of the verbs of `app` that are not hidden.
std::vector<std::string> shown_verbs(const CLI::App& app);

/// docs/reference/verbs.md.
std::string verbs_markdown(const CLI::App& app);

/// The manual page groundglass(1), for `man`.
std::string man_page(const CLI::App& app);

/// Completion of verbs, options, checked words and files, to be read by bash or put where zsh finds
/// its functions.
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);

}  // namespace groundglass
