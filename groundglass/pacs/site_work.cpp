#include "groundglass/pacs/site_work.h"

#include <algorithm>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/even_time.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSelf = "groundglass";

std::vector<std::string> result_destinations(const Site& site) {
  std::vector<std::string> names;
  for (const auto& one : site.destinations) {
    if (one.results) names.push_back(one.name);
  }
  return names;
}

}  // namespace

std::string with_short_uids(const std::string& text) {
  constexpr size_t kUid = 20;
  std::string shown;
  for (size_t i = 0; i < text.size();) {
    const size_t end = std::min(text.find_first_not_of("0123456789.", i), text.size());
    const std::string run = text.substr(i, end - i);
    shown += run.size() >= kUid ? short_uid(run) : run;
    if (end < text.size()) shown += text[end];
    i = end + 1;
  }
  return shown;
}

SiteWork::SiteWork(const Site& site, const std::string& key, SiteActions actions, Observer& log)
    : site_(site),
      actions_(std::move(actions)),
      log_(log),
      queue_(site.options.folder),
      audit_(site.options.folder, key) {
  note("start", "", "");
}

void SiteWork::say(const std::string& line) {
  const std::scoped_lock lock(log_mutex_);
  std::string one_line = line;
  std::replace(one_line.begin(), one_line.end(), '\n', ' ');
  log_.on(Note{utc_now() + " " + one_line});
}

void SiteWork::note(const std::string& event, const std::string& uid, const std::string& detail) {
  audit_.add({event, kSelf, "", uid, "", detail});
}

uint16_t SiteWork::may_take() {
  std::error_code bad;
  const auto space = fs::space(queue_.folder(), bad);
  const bool room = !bad && space.available >= static_cast<uintmax_t>(site_.options.free_mib) << 20;
  return room && queue_.waiting_jobs() < site_.options.waiting_jobs ? kStored : kOutOfResources;
}

uint16_t SiteWork::take(const ReceivedImage& image, const Peer& peer, int64_t association) {
  {
    const std::scoped_lock lock(open_mutex_);
    open_[association].insert(image.series);
  }
  const Taken taken = queue_.take(image);
  if (taken == Taken::conflict) {
    audit_.add({"conflict", peer.ae, peer.address, image.sop_instance, image.sha256,
                "the first content was kept"});
    say("conflict: " + peer.ae + " sent other content for instance " +
        short_uid(image.sop_instance) + "; the first was kept");
  }
  return kStored;
}

void SiteWork::ended(const EndedAssociation& a) {
  {
    const std::scoped_lock lock(open_mutex_);
    open_.erase(a.id);
  }
  const std::string counts = std::to_string(a.stored) + " images taken, " +
                             std::to_string(a.refused) + " refused, " + a.end;
  try {
    audit_.add({"association", a.peer.ae, a.peer.address, "", "", counts});
  } catch (const Error& e) {  // a full disk must not end the listener
    say(std::string("no audit row: ") + e.what());
  }
  say(a.peer.ae + "@" + a.peer.address + ": " + counts);
}

void SiteWork::committed(const CommitmentReport& report, const Peer& peer) {
  for (const auto& sop : report.kept) {
    audit_.add({"committed", peer.ae, peer.address, sop, "", report.transaction});
  }
  for (const auto& one : report.not_kept) {
    audit_.add({"not committed", peer.ae, peer.address, one.sop_instance, "", one.reason});
  }
  const auto kept = report.kept.size(), all = kept + report.not_kept.size();
  say(peer.ae + " keeps " + std::to_string(kept) + " of " + std::to_string(all) +
      " objects that it was asked to" +
      (report.not_kept.empty() ? "" : ": " + report.not_kept.front().reason));
}

void SiteWork::ask_for_commitment(const Destination& destination,
                                  const std::vector<fs::path>& files) {
  if (files.empty()) return;
  try {
    const auto asked = ask_commitment(destination, site_.listener.ae, site_.tls, files);
    audit_.add({"commitment asked", kSelf, destination.name, asked.transaction, "",
                std::to_string(files.size()) + " objects"});
    if (asked.report) committed(*asked.report, {destination.ae, destination.host});
  } catch (const Error& e) {  // the objects were sent and taken all the same
    audit_.add({"no commitment", kSelf, destination.name, "", "", with_short_uids(e.what())});
    say(destination.name + ": " + with_short_uids(e.what()));
  }
}

void SiteWork::sent_away(const Peer& peer, const std::string& why) {
  constexpr double kOften = 60;
  {
    const std::scoped_lock lock(open_mutex_);
    double& last = sent_away_[peer.address + why];
    if (last > 0 && now_s() - last < kOften) return;
    last = now_s();
  }
  try {
    audit_.add({"sent away", peer.ae, peer.address, "", "", why});
  } catch (const Error& e) {
    say(std::string("no audit row: ") + e.what());
  }
  say("sent away: " + peer.ae + "@" + peer.address + ": " + why);
}

bool SiteWork::settled(const QueuedSeries& series) {
  {
    const std::scoped_lock lock(open_mutex_);
    for (const auto& [id, sending] : open_) {
      if (sending.count(series.uid) > 0) return false;
    }
  }
  if (series.in_acquisition > 1 && series.images >= series.in_acquisition) return true;
  return even_time_s() - series.last_s >= site_.options.settle_seconds;
}

bool SiteWork::settle() {
  std::set<std::string> studies;
  for (const auto& series : queue_.series(SeriesState::receiving)) studies.insert(series.study);
  bool added = false;
  for (const auto& study : studies) added = settle_study(study) || added;
  return added;
}

bool SiteWork::settle_study(const std::string& study) {
  std::vector<SeriesFacts> facts;
  const auto all = queue_.series_of_study(study);
  for (const auto& series : all) {
    if (series.state == SeriesState::receiving && !settled(series)) return false;
  }
  for (const auto& series : all) {
    facts.push_back(series_facts(queue_.folder_of_series(series.uid), series.uid));
  }
  const auto chosen_ones = chosen_series(facts, site_.rule);
  bool added = false;
  for (size_t i = 0; i < facts.size(); ++i) {
    if (std::find(chosen_ones.begin(), chosen_ones.end(), i) != chosen_ones.end()) continue;
    const std::string why = why_not_chosen(facts[i], site_.rule);
    const std::string reason = why.empty() ? "another series of the study is chosen" : why;
    queue_.pass_over(facts[i].uid, reason);
    note("passed over", facts[i].uid, reason);
    say("series " + short_uid(facts[i].uid) + " passed over: " + reason);
  }
  for (const size_t i : chosen_ones) {
    const auto& chosen = facts[i];
    if (!queue_.add_job(chosen.uid)) continue;
    added = true;
    note("job", chosen.uid, std::to_string(chosen.images) + " images");
    say("series " + short_uid(chosen.uid) + " of " + std::to_string(chosen.images) +
        (chosen.images == 1 ? " image is ready" : " images is ready"));
  }
  return added;
}

bool SiteWork::run_next() {
  const auto job = queue_.next_job();
  if (!job) return false;
  queue_.set_running(job->id);
  const double begun = now_s();
  const fs::path results = queue_.results(job->id);
  try {
    fs::remove_all(results);
    make_folder(results);
    fs::permissions(results, fs::perms::owner_all);
    const auto objects = actions_.segment(*job, queue_.linked_images(*job), results);
    queue_.set_spooled(job->id, objects, result_destinations(site_), "");
    note("segmented", job->series, std::to_string(objects.size()) + " objects");
    say("job " + std::to_string(job->id) + ": " + std::to_string(objects.size()) + " objects in " +
        human_seconds(now_s() - begun));
  } catch (const Stopped&) {
    throw;
  } catch (const std::exception& e) {
    const auto* error = dynamic_cast<const Error*>(&e);
    if (error != nullptr && error->kind() == ErrorKind::data) {
      failed(*job, e.what());
    } else {  // no memory, a full disk, a fault of ours
      queue_.try_again(job->id, e.what());
      say("job " + std::to_string(job->id) + ": " + with_short_uids(e.what()));
    }
  }
  return true;
}

void SiteWork::failed(const QueuedJob& job, const std::string& problem) {
  // Missing slices may still be on their way; X-rays have none.
  for (const auto& series : queue_.series_of_study(job.study)) {
    const int64_t until = series.last_s + 60 * site_.options.gap_minutes;
    if (series.uid != job.series || even_time_s() >= until) continue;
    if (is_projection(series.modality)) continue;
    queue_.wait_until(job.id, until, problem);
    say("job " + std::to_string(job.id) + " waits for images until " +
        std::to_string(site_.options.gap_minutes) +
        " min after the last: " + with_short_uids(problem));
    return;
  }
  say("job " + std::to_string(job.id) + " cannot be segmented: " + with_short_uids(problem));
  const fs::path results = queue_.results(job.id);
  fs::remove_all(results);
  make_folder(results);
  std::vector<SpooledObject> objects;
  if (actions_.explain) {
    try {
      objects = actions_.explain(job, queue_.linked_images(job), results, problem);
    } catch (const std::exception& e) {
      say("job " + std::to_string(job.id) + ": no report of that: " + with_short_uids(e.what()));
    }
  }
  note("not segmented", job.series, with_short_uids(problem));
  if (objects.empty()) return queue_.set_failed(job.id, problem);
  queue_.set_spooled(job.id, objects, result_destinations(site_), problem);
}

bool SiteWork::send_due() {
  bool any = false;
  for (const auto& destination : site_.destinations) {
    const auto due = queue_.due_deliveries(destination.name);
    if (due.empty()) continue;
    std::vector<fs::path> files;
    for (const auto& one : due) files.push_back(queue_.results(one.job) / one.file);
    std::vector<SentFile> sent;
    try {
      for (size_t i = 0; i < due.size(); ++i) {
        if (sha256_of_file(files[i]) == due[i].sha256) continue;
        fail(ErrorKind::data, "result " + std::to_string(due[i].job) + "/" + due[i].file +
                                  " is not what was written");
      }
      sent = send_files(destination, site_.listener.ae, site_.tls, files);
    } catch (const Error& e) {
      for (const auto& file : files) sent.push_back({file, "", e.what(), ""});
    }
    std::vector<fs::path> taken;
    for (size_t i = 0; i < due.size(); ++i) {
      const std::string& problem = sent[i].problem;
      if (problem.empty()) {
        audit_.add(
            {"sent", kSelf, destination.name, due[i].sop_instance, due[i].sha256, sent[i].warning});
        queue_.set_sent(due[i]);
        any = true;
        taken.push_back(files[i]);
      } else {
        queue_.delivery_problem(due[i], problem);
      }
      say("job " + std::to_string(due[i].job) + ": " + due[i].file + " to " + destination.name +
          (problem.empty() ? " sent" : ": " + with_short_uids(problem)) +
          (sent[i].warning.empty() ? "" : " (" + sent[i].warning + ")"));
    }
    if (destination.commitment) ask_for_commitment(destination, taken);
  }
  return any;
}

void SiteWork::tidy() {
  queue_.remove_older_than(site_.options.keep_days * 86400);
}

}  // namespace groundglass
