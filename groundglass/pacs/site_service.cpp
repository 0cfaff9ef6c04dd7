#include "groundglass/pacs/site_service.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/pacs/listener.h"

namespace groundglass {
namespace {

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

}  // namespace

void serve_site(const Site& site, const std::string& key, SiteActions actions, Observer& log,
                const std::function<void(uint16_t port)>& listening) {
  SiteWork work(site, key, std::move(actions), log);
  const SendingThread sending(work, log);
  const Listener listener(site.listener_options(), work);
  listening(listener.port());
  work_until_stopped(work, log);
}

}  // namespace groundglass
