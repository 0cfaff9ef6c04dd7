#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "groundglass/core/events.h"
#include "groundglass/pacs/audit.h"
#include "groundglass/pacs/queue.h"
#include "groundglass/pacs/site.h"

namespace groundglass {

/// What a site does with a series.
struct SiteActions {
  /// Segments the images in a folder into DICOM objects in another and names them. Error(data) is
  /// a series that cannot be segmented, other errors are tried again later.
  std::function<std::vector<SpooledObject>(const QueuedJob&, const std::filesystem::path& images,
                                           const std::filesystem::path& results)>
      segment;
  /// Objects that say why a series could not be segmented.
  std::function<std::vector<SpooledObject>(const QueuedJob&, const std::filesystem::path& images,
                                           const std::filesystem::path& results,
                                           const std::string& problem)>
      explain;
};

/// From the images that come in to the results that went out. The listener's threads hand images
/// over; one thread calls settle() and run_next(), another send_due().
class SiteWork final : public ImageTaker {
 public:
  /// log  told AE titles, counts and ends of UIDs; nothing that names a patient.
  SiteWork(const Site& site, const std::string& key, SiteActions actions, Observer& log);

  uint16_t may_take() override;
  std::filesystem::path new_part() override { return queue_.new_part(); }
  uint16_t take(const ReceivedImage& image, const Peer& peer, int64_t association) override;
  void ended(const EndedAssociation& association) override;
  void committed(const CommitmentReport& report, const Peer& peer) override;
  void sent_away(const Peer& peer, const std::string& why) override;

  /// Makes jobs of the studies whose last image came long enough ago. True if there is a new one.
  bool settle();
  /// Runs the next job that is due. False if there is none.
  bool run_next();
  /// Sends what is due. False if there was nothing, or nothing could be sent.
  bool send_due();
  void tidy();

  SiteQueue& queue() { return queue_; }

 private:
  bool settle_study(const std::string& study);
  bool settled(const QueuedSeries& series);
  void ask_for_commitment(const Destination& destination,
                          const std::vector<std::filesystem::path>& files);
  void failed(const QueuedJob& job, const std::string& problem);
  void say(const std::string& line);
  void note(const std::string& event, const std::string& uid, const std::string& detail);

  const Site& site_;
  SiteActions actions_;
  Observer& log_;
  std::mutex log_mutex_, open_mutex_;
  SiteQueue queue_;
  AuditTrail audit_;
  std::map<int64_t, std::set<std::string>> open_;  // series that associations are sending
  std::map<std::string, double> sent_away_;        // when it was last said
};

/// A text with every UID in it shortened to its end.
std::string with_short_uids(const std::string& text);

}  // namespace groundglass
