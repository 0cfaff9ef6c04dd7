#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "groundglass/serve/events_hub.h"
#include "groundglass/serve/workspace.h"

namespace groundglass {

/// How far a running job is.
struct JobProgress {
  std::string what;
  int64_t done = 0, total = 0;
  double began_s = 0;  ///< of this `what`
  int64_t begun_at = 0;
  nlohmann::ordered_json partial = nullptr;
};

/// Runs the jobs of a workspace, each in a process of its own: a file that brings a reader down
/// ends its job and not the server, and the memory of a job goes back when it ends. Trainings stand
/// in one line, other long jobs (networks) in another, what waits for a PACS in a third, short ones
/// (import, measures, export) in a fourth, so that saving a mask does not wait for a network, nor a
/// network for a training.
///
/// A job is the program's hidden verb `serve-job ORDER`; see serve/work.h for the lines it prints.
/// A job whose server was killed is queued again by the next one.
class JobQueue {
 public:
  struct Options {
    std::vector<std::string> command;  ///< to which the path of the order is added
    bool show_identity = false;
  };

  JobQueue(Workspace& workspace, EventHub& events, Options options);
  ~JobQueue();

  void start();
  /// Ends running jobs (they are queued again by the next server) and waits for them.
  void stop();

  JobRecord add(JobRecord job);
  void begin(const JobRecord& job);  ///< one that stands in the workspace already
  /// Takes a queued job out of the line or ends a running one; nothing happens to others.
  void cancel(int64_t id);
  void cancel_of_study(const std::string& study);

  nlohmann::ordered_json json(const JobRecord& job);
  nlohmann::ordered_json study_json(const StudyRecord& study);

  void tell_job(const JobRecord& job);
  void tell_study(const std::string& study);

 private:
  void work(const std::vector<std::string>& kinds);
  void run(JobRecord job);
  void take_line(JobRecord& job, const std::string& line);
  void take_result(JobRecord& job, const nlohmann::ordered_json& result);
  void finish(JobRecord& job, int exit_code);
  void fail_job(JobRecord& job, const std::string& error, const std::string& kind);
  /// Calls the job failed as soon as that can be stored.
  void give_up(int64_t id, const std::string& error, const std::string& kind);

  Workspace& workspace_;
  EventHub& events_;
  Options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int64_t, JobProgress> running_;
  std::map<int64_t, bool> cancelled_;  // those that run
  std::atomic<bool> ending_ = false;
  std::vector<std::thread> lanes_;
};

}  // namespace groundglass
