#include "groundglass/command/command_line.h"

#include <algorithm>
#include <iostream>
#include <string>

#include "groundglass/command/verb_text.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"

namespace groundglass {
namespace {

/// What was wrong with the line; CLI11 only says that a verb is missing if it does not know one.
std::string parse_complaint(const CLI::App& app, const CLI::ParseError& e, const char* verb) {
  const std::vector<std::string> verbs = shown_verbs(app);
  const bool word = verb != nullptr && verb[0] != '-';
  const auto named = [&](const CLI::App* known) { return known->get_name() == verb; };
  if (word && app.get_subcommands(named).empty()) {
    return "unknown verb " + in_quotes(verb) + did_you_mean(verb, verbs);
  }
  return std::string(e.what()) + "; see groundglass --help";
}

}  // namespace

void describe_program(CLI::App& app) {
  app.description("GroundGlass finds and measures lung infection on chest CT and chest X-ray.");
  app.name("groundglass");
  app.footer(
      std::string("Exit codes: 1 internal, 2 usage, 3 recipe, 4 data, 5 checkpoint, 6 device, "
                  "130/143 after a signal.\n") +
      kNotAMedicalDevice);
  app.set_version_flag("--version", version_line());
  app.require_subcommand(1);
}

std::optional<int> answer_from_line(CLI::App& app, int count, char** words) {
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    std::cerr << "error: " << parse_complaint(app, e, count > 1 ? words[1] : nullptr) << std::endl;
    return static_cast<int>(ErrorKind::usage);
  }
  return std::nullopt;
}

int after_flush(int code) {
  if (std::cout.flush() || code != 0) return code;
  std::cerr << "error: standard output cannot be written (is the disk full?)" << std::endl;
  return static_cast<int>(ErrorKind::data);
}

void check_threads(int64_t threads) {
  const int64_t processors = usable_processors();
  const int64_t most = std::max<int64_t>(64, 4 * processors);
  if (threads >= 0 && threads <= most) return;
  fail(ErrorKind::usage, "--threads " + std::to_string(threads) + ": expected 0 to " +
                             std::to_string(most) + "; this process may use " +
                             std::to_string(processors) +
                             (processors == 1 ? " processor" : " processors"));
}

}  // namespace groundglass
