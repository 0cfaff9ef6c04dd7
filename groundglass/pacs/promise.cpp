#include "groundglass/pacs/promise.h"

#include <chrono>

#include "groundglass/core/error.h"
#include "groundglass/pacs/commitment.h"
#include "groundglass/pacs/site_check.h"

namespace groundglass {
namespace fs = std::filesystem;

void AwaitedReports::committed(const CommitmentReport& report, const Peer&) {
  const std::scoped_lock lock(mutex_);
  reports_.push_back(report);
  arrived_.notify_all();
}

std::optional<CommitmentReport> AwaitedReports::wait_for(const std::string& transaction,
                                                         int64_t seconds) {
  std::unique_lock lock(mutex_);
  std::optional<CommitmentReport> found;
  arrived_.wait_for(lock, std::chrono::seconds(seconds), [&] {
    for (const auto& report : reports_) {
      if (report.transaction == transaction) found = report;
    }
    return found.has_value();
  });
  return found;
}

CommitmentReport promise_of(const Site& site, const Destination& to,
                            const std::vector<fs::path>& files, int64_t seconds) {
  check_bind(site);
  AwaitedReports taker;
  std::optional<CommitmentReport> report;
  {
    const Listener listener(site.listener_options(), taker);
    auto asked = ask_commitment(to, site.listener.ae, site.tls, files);
    report = asked.report ? asked.report : taker.wait_for(asked.transaction, seconds);
  }
  if (!report) {
    fail(ErrorKind::data, to.name + ": was sent " + std::to_string(files.size()) +
                              " files and has not said within " + std::to_string(seconds) +
                              " s that it keeps them (it must know " + site.listener.ae +
                              " with host and port)");
  }
  if (!report->not_kept.empty()) {
    fail(ErrorKind::data, to.name + ": does not keep " + std::to_string(report->not_kept.size()) +
                              " of " + std::to_string(files.size()) +
                              " files: " + report->not_kept.front().reason);
  }
  return *report;
}

}  // namespace groundglass
