#include "groundglass/serve/job_queue.h"

#include <signal.h>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json_text.h"
#include "groundglass/serve/child.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/orders.h"
#include "groundglass/serve/views.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

constexpr size_t kMostNotes = 50;
constexpr double kPatienceSeconds = 10;  ///< of a job that was asked to end

const std::vector<std::string> kTraining = {"train"};
const std::vector<std::string> kLong = {"predict", "explain", "propose"};
const std::vector<std::string> kNetwork = {"send", "fetch"};
const std::vector<std::string> kShort = {"import", "measure", "export", "report"};

}  // namespace

JobQueue::JobQueue(Workspace& workspace, EventHub& events, Options options)
    : workspace_(workspace), events_(events), options_(std::move(options)) {}

JobQueue::~JobQueue() {
  stop();
}

void JobQueue::start() {
  workspace_.recover();
  for (const auto& kinds : {kTraining, kLong, kNetwork, kShort}) {
    lanes_.emplace_back([this, kinds] { work(kinds); });
  }
}

void JobQueue::stop() {
  ending_ = true;
  changed_.notify_all();
  for (auto& lane : lanes_) lane.join();
  lanes_.clear();
}

JobRecord JobQueue::add(JobRecord job) {
  job = workspace_.add_job(std::move(job));
  begin(job);
  return job;
}

void JobQueue::begin(const JobRecord& job) {
  changed_.notify_all();
  tell_job(job);
}

void JobQueue::cancel(int64_t id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = cancelled_.find(id); found != cancelled_.end()) {
      found->second = true;
      return;
    }
    JobRecord job = workspace_.job(id);
    if (job.state != "queued") return;
    job.state = "cancelled";
    job.finished = utc_now();
    workspace_.keep(job);
  }
  tell_job(workspace_.job(id));
}

void JobQueue::cancel_of_study(const std::string& study) {
  for (const auto& job : workspace_.jobs(study)) cancel(job.id);
}

void JobQueue::work(const std::vector<std::string>& kinds) {
  while (!ending_) {
    std::optional<JobRecord> job;
    {
      std::unique_lock lock(mutex_);
      try {
        job = workspace_.next_job(kinds);
        if (job) {
          job->state = "running";
          job->started = utc_now();
          workspace_.keep(*job);
          running_[job->id] = {};
          cancelled_[job->id] = false;
        }
      } catch (const std::exception&) {
        job.reset();  // a full disk, say: tried again
      }
      // Woken by add(); the time is for what could not be read just now.
      if (!job) changed_.wait_for(lock, std::chrono::milliseconds(500));
    }
    if (!job) continue;
    const int64_t id = job->id;
    try {
      run(std::move(*job));
    } catch (const Error& e) {
      give_up(id, e.what(), word_of(e.kind()));
    } catch (const std::exception& e) {
      give_up(id, e.what(), "internal");
    }
    const std::lock_guard lock(mutex_);
    running_.erase(id);
    cancelled_.erase(id);
  }
}

void JobQueue::give_up(int64_t id, const std::string& error, const std::string& kind) {
  while (!ending_) {
    try {
      JobRecord broken = workspace_.job(id);
      return fail_job(broken, error, kind);
    } catch (const HttpError&) {
      return;  // its study was removed
    } catch (const std::exception&) {
      // The disk is full: a job of which nothing is stored now would be called running for ever.
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::milliseconds(500));
    }
  }
}

void JobQueue::run(JobRecord job) {
  tell_job(job);
  const fs::path folder = workspace_.folder() / "jobs" / std::to_string(job.id);
  make_folder(folder);
  const fs::path order = folder / "order.json";
  write_file(order, json_text(order_of(workspace_, job, options_.show_identity), 1));
  auto command = options_.command;
  command.push_back(order.string());
  Child child(command, folder / "log.txt");
  bool asked = false;
  double asked_s = 0;
  std::string line;
  while (true) {
    const auto read = child.next_line(line, 0.1);
    if (read == Child::Read::end) break;
    if (read == Child::Read::line) take_line(job, line);
    bool end = ending_;
    {
      const std::lock_guard lock(mutex_);
      end = end || cancelled_[job.id];
    }
    if (end && !asked) {
      child.signal(SIGTERM);
      asked = true;
      asked_s = now_s();
    }
    if (asked && now_s() - asked_s > kPatienceSeconds) child.signal(SIGKILL);
  }
  finish(job, child.wait());
}

void JobQueue::take_line(JobRecord& job, const std::string& line) {
  const auto document = ordered_json::parse(line, nullptr, false);
  if (!document.is_object()) return;  // a library that prints
  if (document.contains("progress")) {
    const auto& p = document["progress"];
    const std::lock_guard lock(mutex_);
    JobProgress& now = running_[job.id];
    const std::string what = p.value("what", "");
    if (what != now.what || p.value("done", 0) < now.done) {
      now.what = what;
      now.began_s = now_s();
      now.begun_at = p.value("done", 0);
    }
    now.done = p.value("done", 0);
    now.total = p.value("total", 0);
  } else if (document.contains("partial")) {
    const std::lock_guard lock(mutex_);
    running_[job.id].partial = document["partial"];
  } else if (document.contains("note")) {
    job.notes.push_back(document["note"]);
    if (job.notes.size() > kMostNotes) job.notes.erase(0);
  } else if (document.contains("error")) {
    job.error = document.value("error", "");
    job.error_kind = document.value("kind", "internal");
  } else if (document.contains("result")) {
    take_result(job, document["result"]);
  } else {
    return;
  }
  tell_job(job);
}

void JobQueue::take_result(JobRecord& job, const ordered_json& result) {
  apply_result(workspace_, job, result);
  if (!job.study.empty()) tell_study(job.study);
}

void JobQueue::finish(JobRecord& job, int exit_code) {
  bool cancelled = false;
  {
    const std::lock_guard lock(mutex_);
    cancelled = cancelled_[job.id];
  }
  if (exit_code == 0) {
    job.state = "done";
  } else if (cancelled) {
    job.state = "cancelled";
  } else if (ending_) {
    return;  // stays 'running', which the next server queues again
  } else {
    if (job.error.empty()) {
      job.error = exit_code > 128
                      ? "the job was ended by signal " + std::to_string(exit_code - 128) +
                            " (a damaged file, or not enough memory); see jobs/" +
                            std::to_string(job.id) + "/log.txt in the workspace"
                      : "the job ended without saying why; see jobs/" + std::to_string(job.id) +
                            "/log.txt in the workspace";
      job.error_kind = word_of(kind_of_exit_code(exit_code));
    }
    return fail_job(job, job.error, job.error_kind);
  }
  if (cancelled) after_failure(workspace_, job, "cancelled");
  job.finished = utc_now();
  workspace_.keep(job);
  if (!job.study.empty()) tell_study(job.study);
  tell_job(job);
}

void JobQueue::fail_job(JobRecord& job, const std::string& error, const std::string& kind) {
  job.state = "failed";
  job.error = error;
  job.error_kind = kind;
  job.finished = utc_now();
  // Whoever sees that the job has failed must find what it worked on failed, too.
  try {
    after_failure(workspace_, job, error);
  } catch (const HttpError&) {
    // It was removed.
  }
  workspace_.keep(job);
  if (!job.study.empty()) tell_study(job.study);
  tell_job(job);
}

ordered_json JobQueue::json(const JobRecord& job) {
  JobProgress progress;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = running_.find(job.id); found != running_.end()) progress = found->second;
  }
  if (options_.show_identity) return view_of_job(job, progress);
  JobRecord plain = job;
  for (auto& note : plain.notes) note = without_names(workspace_, job.study, note);
  plain.error = without_names(workspace_, job.study, job.error);
  return view_of_job(plain, progress);
}

ordered_json JobQueue::study_json(const StudyRecord& study) {
  return view_of_study(workspace_, study, options_.show_identity);
}

void JobQueue::tell_job(const JobRecord& job) {
  events_.tell("job", json(job), job.study);
}

void JobQueue::tell_study(const std::string& study) {
  try {
    events_.tell("study", study_json(workspace_.study(study)), study);
  } catch (const HttpError&) {
    // It was removed.
  }
}

}  // namespace groundglass
