#include <algorithm>
#include <filesystem>
#include <iostream>
#include <new>

#include <c10/util/Exception.h>

#include "groundglass/cli/verb_text.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"

namespace groundglass {
namespace {

int speak(const std::string& message, int code) {
  std::cerr << "error: " << message << std::endl;
  return code;
}

constexpr int kNotUtf8 = 316;  ///< number of nlohmann's complaint

/// The first line of LibTorch's message; the rest is its call stack.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

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

/// More threads than that help nobody: each takes memory, and thousands bring the machine down.
void check_threads(int64_t threads) {
  const int64_t processors = usable_processors();
  const int64_t most = std::max<int64_t>(64, 4 * processors);
  if (threads >= 0 && threads <= most) return;
  fail(ErrorKind::usage, "--threads " + std::to_string(threads) + ": expected 0 to " +
                             std::to_string(most) + "; this process may use " +
                             std::to_string(processors) +
                             (processors == 1 ? " processor" : " processors"));
}

int run(int count, char** words) {
  CLI::App app("GroundGlass finds and measures lung infection on chest CT and chest X-ray.",
               "groundglass");
  app.footer(
      std::string("Exit codes: 1 internal, 2 usage, 3 recipe, 4 data, 5 checkpoint, 6 device, "
                  "130/143 after a signal.\n") +
      kNotAMedicalDevice);
  app.set_version_flag("--version", version_line());
  app.require_subcommand(1);
  Context context;
  add_verbs(app, context);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    return speak(parse_complaint(app, e, count > 1 ? words[1] : nullptr),
                 static_cast<int>(ErrorKind::usage));
  }
  check_threads(context.threads);
  set_threads(context.threads);
  context.work();
  return 0;
}

/// Runs the verb; whatever is thrown becomes one line and an exit code.
int guarded_run(int count, char** words) {
  try {
    return run(count, words);
  } catch (const Error& e) {
    return speak(e.what(), e.exit_code());
  } catch (const Stopped& e) {
    std::cerr << e.what() << std::endl;
    return e.exit_code();
  } catch (const std::filesystem::filesystem_error& e) {
    return speak(e.path1().string() + ": cannot be looked at (" + e.code().message() + ")",
                 static_cast<int>(ErrorKind::data));
  } catch (const nlohmann::json::type_error& e) {
    if (e.id != kNotUtf8) {
      return speak(first_line(e.what()), static_cast<int>(ErrorKind::internal));
    }
    return speak("a name is not UTF-8 and cannot be noted in JSON (" + first_line(e.what()) +
                     "); rename the file or folder",
                 static_cast<int>(ErrorKind::data));
  } catch (const std::bad_alloc&) {
    return speak("not enough memory; use smaller batches", static_cast<int>(ErrorKind::device));
  } catch (const c10::Error& e) {
    const std::string text = first_line(e.what());
    const bool memory = text.find("memory") != std::string::npos;
    return speak(text, static_cast<int>(memory ? ErrorKind::device : ErrorKind::internal));
  } catch (const std::exception& e) {
    return speak(first_line(e.what()), static_cast<int>(ErrorKind::internal));
  }
}

}  // namespace
}  // namespace groundglass

int main(int count, char** words) {
  groundglass::keep_freed_memory();
  groundglass::catch_stop_signals();
  int code = groundglass::guarded_run(count, words);
  if (!std::cout.flush() && code == 0) {
    code = groundglass::speak("standard output cannot be written (is the disk full?)",
                              static_cast<int>(groundglass::ErrorKind::data));
  }
  std::cerr.flush();
  // Taking down LibTorch's registries costs about a seventh of a short call (docs/results/speed.md)
  // and frees nothing that the end of the process does not.
  std::_Exit(code);
}
