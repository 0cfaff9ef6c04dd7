#include <sys/stat.h>

#include <iostream>

#include "groundglass/cli/runner_flags.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/version.h"
#include "groundglass/pacs/site_check.h"
#include "groundglass/pacs/site_segmenter.h"
#include "groundglass/pacs/site_service.h"
#include "groundglass/predict/dicom_outputs.h"

namespace groundglass {
namespace {

struct ListenArguments {
  std::string site;
  bool check = false;
  RunnerFlags runner;
};

void check_site(const Site& site, const Context& context) {
  auto problems = site_problems(site);
  try {
    parse_dicom_outputs(site.options.objects);
  } catch (const Error& e) {
    problems.push_back(site.file.string() + ": objects: " + e.what());
  }
  if (context.json) {
    print_json({{"site", site.file.string()}, {"problems", problems}});
  } else {
    for (const auto& problem : problems) std::cout << problem << "\n";
    if (problems.empty()) std::cout << site.file.string() << ": everything answers" << std::endl;
  }
  if (!problems.empty()) {
    fail(ErrorKind::usage, site.file.string() + ": " + std::to_string(problems.size()) +
                               (problems.size() == 1 ? " problem" : " problems") +
                               ", listed above");
  }
}

void run_listen(const ListenArguments& a, const Context& context) {
  const Site site = read_site(a.site);
  if (a.check) return check_site(site, context);
  check_bind(site);
  const std::string key = read_site_key(site.options.key);
  umask(0077);
  const auto log = console_observer(context);
  SiteSegmenter segmenter(site, key, settings_of_runner(context), runner_choice(a.runner, context));
  serve_site(site, key, segmenter.actions(), *log, [&](uint16_t port) {
    std::cout << site.listener.ae << " listens at " << site.listener.bind << ":" << port
              << ", model " << segmenter.model_name() << "\n"
              << kNotAMedicalDevice << std::endl;
  });
  throw Stopped(stop_signal(), "listen has ended; what is in " + site.options.folder +
                                   " goes on with the next call");
}

}  // namespace

void add_listen(CLI::App& app, Context& context) {
  auto a = std::make_shared<ListenArguments>();
  auto* verb = add_verb(app, context, "listen",
                        "take studies in from a PACS, segment them, send the results back",
                        [a, &context] { run_listen(*a, context); });
  verb->add_option("site", a->site, "TOML file of the site")->required();
  verb->add_flag("--check", a->check, "tell everything that is wrong with the site, and end");
  add_engine_options(verb, context);
  add_runner_options(verb, a->runner);
}

}  // namespace groundglass
