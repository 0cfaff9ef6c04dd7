#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <thread>

#include "groundglass/cli/site_segmenter.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/version.h"
#include "groundglass/pacs/site_check.h"

namespace groundglass {
namespace {

struct ListenArguments {
  std::string site;
  bool check = false;
  RunnerFlags runner;
};

void check_site(const Site& site, const Context& context) {
  const auto problems = site_problems(site);
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

void wait_a_moment() {
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

/// Sends on a thread of its own, so that a slow PACS holds up no series.
class SendingThread {
 public:
  SendingThread(SiteWork& work, Observer& log)
      : thread_([this, &work, &log] {
          while (!stop_) {
            try {
              work.send_due();
            } catch (const std::exception& e) {  // of the queue: a full disk, most of all
              log.on(Warning{with_short_uids(e.what())});
              for (int i = 0; i < 50 && !stop_; ++i) wait_a_moment();
            }
            wait_a_moment();
          }
        }) {}
  ~SendingThread() {
    stop_ = true;
    thread_.join();
  }
  SendingThread(const SendingThread&) = delete;
  SendingThread& operator=(const SendingThread&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

void work_until_stopped(SiteWork& work, Observer& log) {
  constexpr double kBetweenTidying = 3600;
  double tidied = -kBetweenTidying;
  while (stop_signal() == 0) {
    try {
      const bool settled = work.settle();
      const bool ran = work.run_next();
      if (now_s() - tidied > kBetweenTidying) {
        work.tidy();
        tidied = now_s();
      }
      if (settled || ran) continue;
    } catch (const Stopped&) {
      return;  // the job is ready again with the next call
    } catch (const std::exception& e) {
      log.on(Warning{with_short_uids(e.what())});
      for (int i = 0; i < 50 && stop_signal() == 0; ++i) wait_a_moment();
    }
    wait_a_moment();
  }
}

void run_listen(const ListenArguments& a, const Context& context) {
  const Site site = read_site(a.site);
  if (a.check) return check_site(site, context);
  check_bind(site);
  const std::string key = read_site_key(site.options.key);
  umask(0077);
  const auto log = console_observer(context);
  SiteSegmenter segmenter(site, key, a.runner, context);
  SiteWork work(site, key, segmenter.actions(), *log);
  {
    const SendingThread sending(work, *log);
    const Listener listener(site.listener_options(), work);
    std::cout << site.listener.ae << " listens at " << site.listener.bind << ":" << listener.port()
              << ", model " << segmenter.model_name() << "\n"
              << kNotAMedicalDevice << std::endl;
    work_until_stopped(work, *log);
  }
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
