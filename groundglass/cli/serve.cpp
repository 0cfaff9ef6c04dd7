#include "groundglass/serve/serve.h"

#include <iostream>
#include <memory>
#include <string>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/json_text.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/questions.h"
#include "groundglass/serve/work.h"

namespace groundglass {
namespace {

constexpr const char* kJobVerb = "serve-job";

/// What the line may say; cli/serve_main.cpp reads it.
struct ServeArguments {
  ServeOptions options;
  std::string folder = "groundglass-workspace", runs, certificate, key, proxy, site;
};

/// One object a line on standard output, for the server that reads along. "-" are the questions of
/// its assistant.
void run_job(const std::string& order, const Context& context) {
  if (order == "-") return answer_questions(std::cin, std::cout);
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
  auto* verb = add_verb(app, context, "serve",
                        "a page in the browser: drop studies, see, correct and export masks", [a] {
                          fail(ErrorKind::usage,
                               "serve: is done by groundglass-serve, a program without LibTorch; "
                               "call `groundglass serve`");
                        });
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
