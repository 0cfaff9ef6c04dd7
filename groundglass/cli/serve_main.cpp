// The program behind `groundglass serve`. LibTorch and the libraries for images are not in it, so
// that a server that nobody uses takes little memory; what needs them is done by processes of
// groundglass-program, which lies beside it.
#include <chrono>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>
#include <thread>

#include "groundglass/command/command_line.h"
#include "groundglass/command/option_table.h"
#include "groundglass/core/error.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/process.h"
#include "groundglass/core/version.h"
#include "groundglass/serve/serve.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// option_table() of groundglass-program, with which the first stage has checked the line.
constexpr const char* kOptionTable =
#include "option_table.inc"
    ;

template <class Value>
Value given(const CLI::App& verb, const char* option, Value otherwise) {
  const CLI::Option* found = verb.get_option(option);
  return found->count() > 0 ? found->as<Value>() : otherwise;
}

std::string text_given(const CLI::App& verb, const char* option, const char* otherwise = "") {
  return given(verb, option, std::string(otherwise));
}

ServeOptions options_of(const CLI::App& verb) {
  ServeOptions options;
  options.folder = text_given(verb, "folder", "groundglass-workspace");
  options.runs = text_given(verb, "--runs");
  options.address = given(verb, "--listen", options.address);
  options.port = given(verb, "--port", options.port);
  options.tls_certificate = text_given(verb, "--tls-cert");
  options.tls_key = text_given(verb, "--tls-key");
  options.proxy_host = text_given(verb, "--behind-proxy");
  options.site = text_given(verb, "--site");
  options.show_identity = verb.count("--show-identity") > 0;
  const fs::path here = fs::canonical("/proc/self/exe").parent_path();
  options.job_command = {(here / "groundglass-program").string(),
                         "serve-job",
                         "--device",
                         text_given(verb, "--device", "auto"),
                         "--precision",
                         text_given(verb, "--precision", "auto"),
                         "--threads",
                         text_given(verb, "--threads", "0")};
  return options;
}

/// Serves until a signal ends it.
[[noreturn]] void serve(const CLI::App& verb) {
  ServeSession session(options_of(verb));
  session.start();
  if (verb.count("--json") > 0) {
    std::cout << json_text({{"address", session.address()},
                            {"port", session.port()},
                            {"token", session.token()},
                            {"note", kNotAMedicalDevice}},
                           1)
              << std::endl;
  } else {
    std::cout << session.address() << std::endl;
  }
  if (const auto exposed = session.what_it_exposes(); !exposed.empty()) {
    std::cerr << "warning: " << exposed << std::endl;
  }
  if (verb.count("--quiet") == 0) {
    std::cerr << kNotAMedicalDevice << " Ctrl-C ends the server." << std::endl;
  }
  give_back_freed_memory();
  while (stop_signal() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  session.stop();
  throw Stopped(stop_signal(), "stopped; the same call goes on with what is in the queue");
}

int speak(const std::string& message, ErrorKind kind) {
  std::cerr << "error: " << message << std::endl;
  return static_cast<int>(kind);
}

/// Serves; whatever is thrown becomes one line and an exit code.
int run(int count, char** words) {
  try {
    CLI::App app;
    describe_program(app);
    add_from_table(app, nlohmann::json::parse(kOptionTable));
    if (const auto code = answer_from_line(app, count, words)) return *code;
    serve(*app.get_subcommand("serve"));
  } catch (const Error& e) {
    return speak(e.what(), e.kind());
  } catch (const Stopped& e) {
    std::cerr << e.what() << std::endl;
    return e.exit_code();
  } catch (const fs::filesystem_error& e) {
    return speak(e.path1().string() + ": cannot be looked at (" + e.code().message() + ")",
                 ErrorKind::data);
  } catch (const std::bad_alloc&) {
    return speak("not enough memory", ErrorKind::device);
  } catch (const std::exception& e) {
    return speak(e.what(), ErrorKind::internal);
  }
}

}  // namespace
}  // namespace groundglass

int main(int count, char** words) {
  groundglass::catch_stop_signals();
  return groundglass::after_flush(groundglass::run(count, words));
}
