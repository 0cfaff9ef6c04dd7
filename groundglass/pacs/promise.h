#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/pacs/listener.h"
#include "groundglass/pacs/site.h"

namespace groundglass {

/// Waits at a listener for what PACSs say of commitment; takes no images. Safe to use from several
/// threads.
class AwaitedReports final : public ImageTaker {
 public:
  uint16_t may_take() override { return kOutOfResources; }
  std::filesystem::path new_part() override { return {}; }
  uint16_t take(const ReceivedImage&, const Peer&, int64_t) override { return kOutOfResources; }
  void committed(const CommitmentReport& report, const Peer& peer) override;

  /// The report on a request, the last one if there are several; nothing if none has come within so
  /// many seconds. Reports on other requests do not count.
  std::optional<CommitmentReport> wait_for(const std::string& transaction, int64_t seconds);

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<CommitmentReport> reports_;
};

/// Asks a DICOM node by ask_commitment() to promise that it keeps files, which it was sent before.
/// The site's own port is open for `seconds`, so that the node may send its report on an
/// association of its own.
///
/// Throws as ask_commitment() and, for that port, check_bind() and Listener do; Error(data) if the
/// node has not answered by then, or does not keep every file.
CommitmentReport promise_of(const Site& site, const Destination& to,
                            const std::vector<std::filesystem::path>& files, int64_t seconds);

}  // namespace groundglass
