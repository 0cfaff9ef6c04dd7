#include "groundglass/serve/serve.h"

#include <chrono>
#include <iostream>
#include <thread>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/process.h"
#include "groundglass/core/version.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/work.h"

namespace groundglass {
namespace {

constexpr const char* kJobVerb = "serve-job";

/// A number that cannot be given, where an option has no default to show.
struct ServeArguments {
  ServeOptions options;
  std::string folder, runs, certificate, key, proxy, site;
};

void run_serve(const ServeArguments& a, const Context& context) {
  ServeOptions options = a.options;
  options.folder = a.folder;
  options.runs = a.runs;
  options.site = a.site;
  options.tls_certificate = a.certificate;
  options.tls_key = a.key;
  options.proxy_host = a.proxy;
  // This program itself: jobs are what its hidden verb does.
  options.job_command = {std::filesystem::canonical("/proc/self/exe").string(),
                         kJobVerb,
                         "--device",
                         context.device,
                         "--precision",
                         context.precision,
                         "--threads",
                         std::to_string(context.threads)};
  ServeSession session(std::move(options));
  session.start();
  if (context.json) {
    print_json({{"address", session.address()},
                {"port", session.port()},
                {"token", session.token()},
                {"note", kNotAMedicalDevice}});
  } else {
    std::cout << session.address() << std::endl;
  }
  if (const auto exposed = session.what_it_exposes(); !exposed.empty()) {
    std::cerr << "warning: " << exposed << std::endl;
  }
  if (!context.quiet) std::cerr << kNotAMedicalDevice << " Ctrl-C ends the server." << std::endl;
  give_back_freed_memory();
  while (stop_signal() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  session.stop();
  throw Stopped(stop_signal(), "stopped; the same call goes on with what is in the queue");
}

/// One object a line on standard output, for the server that reads along.
void run_job(const std::string& order, const Context& context) {
  const Teller tell = [](const nlohmann::ordered_json& line) {
    std::cout << json_text(line) << std::endl;
  };
  try {
    run_order(order, run_settings(context), tell);
  } catch (const Error& e) {
    tell({{"error", e.what()}, {"kind", word_of(e.kind())}});
    throw Error(e.kind(), "the server was told why");  // names of files are no matter of logs
  }
}

}  // namespace

void add_serve(CLI::App& app, Context& context) {
  auto a = std::make_shared<ServeArguments>();
  a->folder = "groundglass-workspace";
  auto* verb = add_verb(app, context, "serve",
                        "a page in the browser: drop studies, see, correct and export masks",
                        [a, &context] { run_serve(*a, context); });
  verb->add_option("folder", a->folder,
                   "the workspace, made if it is missing (./groundglass-workspace)");
  verb->add_option("--port", a->options.port,
                   "port to listen on (8765, or a free one; 0: a free one)")
      ->check(CLI::Range(0, 65535));
  verb->add_option("--listen", a->options.address,
                   "address to listen on (127.0.0.1: this machine alone)");
  verb->add_option("--tls-cert", a->certificate, "PEM file of a certificate (chain): speak TLS");
  verb->add_option("--tls-key", a->key, "PEM file of its key");
  verb->add_option("--behind-proxy", a->proxy,
                   "name (and port) under which a proxy that speaks TLS is reached");
  verb->add_option("--runs", a->runs, "folder of trainings to follow (FOLDER/runs)");
  verb->add_option("--site", a->site,
                   "TOML file of a site, as for listen: its PACS may be sent to and fetched from");
  verb->add_flag("--show-identity", a->options.show_identity,
                 "show names of files, which may name patients");
  add_engine_options(verb, context);
  auto order = std::make_shared<std::string>();
  auto* job = add_verb(app, context, kJobVerb, "one job of `serve`",
                       [order, &context] { run_job(*order, context); });
  job->add_option("order", *order, "what `serve` wrote")->required();
  add_engine_options(job, context);
  job->group("");  // hidden
}

}  // namespace groundglass
