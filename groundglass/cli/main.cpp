#include <filesystem>
#include <iostream>
#include <new>

#include <c10/util/Exception.h>

#include "groundglass/cli/ranks.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/command/command_line.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"

namespace groundglass {
namespace {

int speak(const std::string& message, int code) {
  if (errors_are_mine()) std::cerr << "error: " << rank_in_front() << message << std::endl;
  return code;
}

constexpr int kNotUtf8 = 316;  ///< number of nlohmann's complaint

/// The first line of LibTorch's message; the rest is its call stack.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

int run(int count, char** words) {
  CLI::App app;
  describe_program(app);
  Context context;
  add_verbs(app, context);
  if (const auto code = answer_from_line(app, count, words)) return *code;
  check_threads(context.threads);
  set_threads(context.threads);
  context.work();
  return context.exit_code;
}

/// Runs the verb; whatever is thrown becomes one line and an exit code.
int guarded_run(int count, char** words) {
  try {
    return run(count, words);
  } catch (const Error& e) {
    return speak(e.what(), e.exit_code());
  } catch (const Stopped& e) {
    if (errors_are_mine()) std::cerr << e.what() << std::endl;
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
  const int code = groundglass::after_flush(groundglass::guarded_run(count, words));
  std::cerr.flush();
  // Taking down LibTorch's registries costs about a seventh of a short call (docs/results/speed.md)
  // and frees nothing that the end of the process does not.
  std::_Exit(code);
}
