#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/io/sqlite.h"
#include "groundglass/pacs/queue_states.h"
#include "groundglass/pacs/received_image.h"

namespace groundglass {

/// What became of an image that came in.
enum class Taken {
  stored,    ///< it is on the disk and in the queue
  known,     ///< the same bytes were there already; nothing was written
  conflict,  ///< another content was there under its UID; the first was kept
};

/// A series of which images have come in.
struct QueuedSeries {
  std::string uid, study;
  std::string modality;
  SeriesState state = SeriesState::receiving;
  std::string note;  ///< why it was passed over
  int64_t images = 0;
  int64_t in_acquisition = 0;  ///< that the scanner says it made; 0 if it does not
  int64_t last_s = 0;          ///< when its last image came, as even_time_s() says
};

/// A series on its way through the network and back to the PACS.
struct QueuedJob {
  int64_t id = 0;
  std::string series, study;
  JobState state = JobState::ready;
  std::string problem;
  std::string date, time;  ///< of all its objects, whenever they are made: "20260131", "081500"
  int64_t attempts = 0;
  int64_t conflict = 0;  ///< 1 if an image of the series came twice with different content
};

/// An object of a job on its way to one destination.
struct Delivery {
  int64_t id = 0, job = 0, attempts = 0;
  std::string file;  ///< relative to the job's folder of results
  std::string sop_instance, sha256, destination;
  DeliveryState state = DeliveryState::waiting;
  std::string problem;
};

/// An object that a job made.
struct SpooledObject {
  std::string file, sop_instance, sha256;
};

/// Everything a listener has taken, on the disk: images under series/<SeriesInstanceUID>/, results
/// under results/<job>/, and what is to be done with them in queue.db. When a function returns,
/// what it did survives kill -9 and power cuts. Safe from several threads. Throws Error(data) as
/// Database does.
class SiteQueue {
 public:
  /// Opens or makes the queue. Jobs that ran when the last process ended are ready again; parts of
  /// images and images that were never acknowledged are removed.
  /// Throws Error(usage) if another process works in the folder, Error(data) if that knows no
  /// locks.
  explicit SiteQueue(std::filesystem::path folder);
  ~SiteQueue();
  SiteQueue(const SiteQueue&) = delete;
  SiteQueue& operator=(const SiteQueue&) = delete;

  /// A name for an image while it comes in.
  std::filesystem::path new_part();

  /// Takes an image over: renames its file, then makes it known.
  Taken take(const ReceivedImage& image);

  std::vector<QueuedSeries> series(SeriesState state);
  std::vector<QueuedSeries> series_of_study(const std::string& study);
  std::filesystem::path folder_of_series(const std::string& series) const;
  void pass_over(const std::string& series, const std::string& why);

  /// Makes a job of a series as it is now, unless there is one of exactly these images already.
  /// Returns true if there is a new job.
  bool add_job(const std::string& series);

  int64_t waiting_jobs();
  std::optional<QueuedJob> next_job();  ///< ready and due, the oldest first
  std::optional<QueuedJob> job(int64_t id);
  std::vector<QueuedJob> jobs();

  /// The job's images in a folder of its own, as links, or as copies on a file system without them:
  /// what comes in later does not get among them.
  std::filesystem::path linked_images(const QueuedJob& job);
  std::filesystem::path results(int64_t job) const;
  void set_running(int64_t job);
  /// After the objects are in results(): they go to every destination. `problem` is what they say
  /// of a series that could not be segmented.
  void set_spooled(int64_t job, const std::vector<SpooledObject>& objects,
                   const std::vector<std::string>& destinations, const std::string& problem);
  void set_failed(int64_t job, const std::string& problem);
  /// The job is ready again after the wait that suits its number of attempts; after the last it
  /// has failed.
  void try_again(int64_t job, const std::string& problem);
  /// The job is ready again at a time of even_time_s(), or when the series has grown.
  void wait_until(int64_t job, int64_t time_s, const std::string& problem);

  std::vector<Delivery> due_deliveries(const std::string& destination);
  std::vector<Delivery> deliveries(int64_t job);
  void set_sent(const Delivery& delivery);
  void delivery_problem(const Delivery& delivery, const std::string& problem);

  /// Removes images and results of jobs and series that nothing has been done with for so long.
  /// Failed jobs keep theirs.
  void remove_older_than(int64_t seconds);

  const std::filesystem::path& folder() const { return folder_; }

 private:
  void lock();
  void tidy();
  /// Times that a clock which has been set back since would make wait for days or years.
  void forget_the_future();
  void end_job_if_sent(int64_t job);
  std::vector<QueuedSeries> series_where(const std::string& condition, const std::string& value);
  std::vector<QueuedJob> jobs_where(const std::string& condition,
                                    const std::vector<SqlValue>& values);
  std::vector<Delivery> deliveries_where(const std::string& condition,
                                         const std::vector<SqlValue>& values);
  /// Digest of the images that the series has now.
  std::string digest(const std::string& series);

  std::filesystem::path folder_;
  std::recursive_mutex mutex_;
  Database database_;
  int64_t parts_ = 0;
  int lock_ = -1;
};

/// How many images of a series the queue in a folder holds, whether a listen works there or not; 0
/// where there is no queue.
int64_t queued_images(const std::filesystem::path& folder, const std::string& series);

/// Seconds to wait after an attempt that failed: 10 s, 1, 5, 30 min, 2 h; nothing after the last.
std::optional<int64_t> wait_after(int64_t attempts);

}  // namespace groundglass
