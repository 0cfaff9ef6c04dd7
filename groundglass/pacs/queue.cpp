#include "groundglass/pacs/queue.h"

#include <fcntl.h>
#include <unistd.h>

#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/even_time.h"
#include "groundglass/core/file_lock.h"
#include "groundglass/core/files.h"
#include "groundglass/io/dicom_maker.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool good = descriptor >= 0 && ::fsync(descriptor) == 0;
  if (descriptor >= 0) ::close(descriptor);
  if (!good) fail(ErrorKind::data, folder.string() + ": cannot be brought to the disk");
}

void make_private_folder(const fs::path& folder) {
  make_folder(folder);
  fs::permissions(folder, fs::perms::owner_all);
}

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS series(uid TEXT PRIMARY KEY, study TEXT, modality TEXT, state TEXT,"
    " note TEXT DEFAULT '', acquisition INTEGER, last INTEGER);"
    "CREATE TABLE IF NOT EXISTS images(sop TEXT PRIMARY KEY, series TEXT, sha256 TEXT,"
    " conflict INTEGER DEFAULT 0);"
    "CREATE INDEX IF NOT EXISTS images_of_series ON images(series);"
    "CREATE TABLE IF NOT EXISTS jobs(id INTEGER PRIMARY KEY, series TEXT, digest TEXT, state TEXT,"
    " date TEXT, time TEXT, attempts INTEGER DEFAULT 0, due INTEGER DEFAULT 0, problem TEXT"
    " DEFAULT '', changed INTEGER, UNIQUE(series, digest));"
    "CREATE TABLE IF NOT EXISTS deliveries(id INTEGER PRIMARY KEY, job INTEGER, file TEXT,"
    " sop TEXT, sha256 TEXT, destination TEXT, state TEXT, attempts INTEGER DEFAULT 0,"
    " due INTEGER DEFAULT 0, problem TEXT DEFAULT '', UNIQUE(job, file, destination));";

void run_all(Database& database, const std::string& statements) {
  for (size_t at = 0; at < statements.size();) {
    const size_t end = statements.find(';', at);
    database.run(statements.substr(at, end - at));
    at = end + 1;
  }
}

}  // namespace

int64_t queued_images(const fs::path& folder, const std::string& series) {
  const fs::path path = folder / "queue.db";
  if (!fs::exists(path)) return 0;
  Database database(path, Database::Opening::existing);
  return database.number("SELECT COUNT(*) FROM images WHERE series = ?", {series});
}

SiteQueue::SiteQueue(fs::path folder)
    : folder_([&] {
        for (const char* part : {"", "parts", "series", "jobs", "results"}) {
          make_private_folder(folder / part);
        }
        return std::move(folder);
      }()),
      database_(folder_ / "queue.db", Database::Opening::or_create) {
  lock();
  fs::permissions(folder_ / "queue.db", fs::perms::owner_read | fs::perms::owner_write);
  database_.run("PRAGMA journal_mode = WAL");
  run_all(database_, kSchema);
  tidy();
}

SiteQueue::~SiteQueue() {
  if (lock_ >= 0) ::close(lock_);
}

void SiteQueue::lock() {
  lock_ = locked_file(folder_ / "queue.lock", IfHeld::give_up);
  if (lock_ >= 0) return;
  fail(ErrorKind::usage, folder_.string() +
                             ": another listen works in this folder; end it first, or name "
                             "another folder in [site]");
}

void SiteQueue::tidy() {
  for (const auto& entry : fs::directory_iterator(folder_ / "parts")) fs::remove(entry.path());
  database_.run("UPDATE jobs SET state = 'ready' WHERE state = 'running'");
  forget_the_future();
  for (const auto& series : fs::directory_iterator(folder_ / "series")) {
    std::set<std::string> known;
    database_.each("SELECT sop FROM images WHERE series = ?", {series.path().filename().string()},
                   [&](const SqlRow& row) { known.insert(row.text(0)); });
    for (const auto& image : fs::directory_iterator(series.path())) {
      if (known.count(image.path().stem().string()) == 0) fs::remove(image.path());
    }
  }
}

void SiteQueue::forget_the_future() {
  constexpr int64_t kLongestWait = 86400;  // of [site] gap_minutes; the others are shorter
  const int64_t now = even_time_s();
  database_.run("UPDATE series SET last = ? WHERE last > ?", {now, now});
  database_.run("UPDATE jobs SET changed = ? WHERE changed > ?", {now, now});
  for (const char* table : {"jobs", "deliveries"}) {
    database_.run("UPDATE " + std::string(table) + " SET due = ? WHERE due > ?",
                  {now, now + kLongestWait});
  }
}

fs::path SiteQueue::new_part() {
  const std::scoped_lock lock(mutex_);
  return folder_ / "parts" / (std::to_string(++parts_) + ".part");
}

Taken SiteQueue::take(const ReceivedImage& image) {
  const std::scoped_lock lock(mutex_);
  std::optional<std::string> before;
  database_.each("SELECT sha256 FROM images WHERE sop = ?", {image.sop_instance},
                 [&](const SqlRow& row) { before = row.text(0); });
  if (before) {
    fs::remove(image.file);
    if (*before == image.sha256) return Taken::known;
    database_.run("UPDATE images SET conflict = 1 WHERE sop = ?", {image.sop_instance});
    return Taken::conflict;
  }
  const fs::path home = folder_of_series(image.series);
  if (!fs::exists(home)) {
    make_private_folder(home);
    sync_folder(home.parent_path());
  }
  const fs::path target = home / (image.sop_instance + ".dcm");
  fs::rename(image.file, target);
  try {
    sync_folder(home);
    Transaction transaction(database_);
    database_.run("INSERT INTO images(sop, series, sha256) VALUES(?, ?, ?)",
                  {image.sop_instance, image.series, image.sha256});
    database_.run(
        "INSERT INTO series(uid, study, modality, state, acquisition, last) VALUES(?, ?, ?, "
        "'receiving', ?, ?) ON CONFLICT(uid) DO UPDATE SET state = 'receiving', note = '', last = "
        "excluded.last",
        {image.series, image.study, image.modality, image.in_acquisition, even_time_s()});
    transaction.commit();
  } catch (...) {
    std::error_code ignored;
    fs::remove(target, ignored);
    throw;
  }
  return Taken::stored;
}

fs::path SiteQueue::folder_of_series(const std::string& series) const {
  return folder_ / "series" / series;
}

std::vector<QueuedSeries> SiteQueue::series_where(const std::string& condition,
                                                  const std::string& value) {
  const std::scoped_lock lock(mutex_);
  std::vector<QueuedSeries> all;
  database_.each(
      "SELECT uid, study, modality, state, note, (SELECT COUNT(*) FROM images WHERE series = uid), "
      "acquisition, last FROM series WHERE " +
          condition + " ORDER BY last, uid",
      {value}, [&](const SqlRow& row) {
        all.push_back({row.text(0), row.text(1), row.text(2),
                       stored_state<SeriesState>(row.text(3)), row.text(4), row.integer(5),
                       row.integer(6), row.integer(7)});
      });
  return all;
}

std::vector<QueuedSeries> SiteQueue::series(SeriesState state) {
  return series_where("state = ?", word_of(state));
}

std::vector<QueuedSeries> SiteQueue::series_of_study(const std::string& study) {
  return series_where("study = ?", study);
}

void SiteQueue::pass_over(const std::string& series, const std::string& why) {
  const std::scoped_lock lock(mutex_);
  database_.run("UPDATE series SET state = 'passed over', note = ? WHERE uid = ?", {why, series});
}

std::string SiteQueue::digest(const std::string& series) {
  std::string all;
  database_.each("SELECT sop FROM images WHERE series = ? ORDER BY sop", {series},
                 [&](const SqlRow& row) { all += row.text(0) + "|"; });
  return sha256(all);
}

bool SiteQueue::add_job(const std::string& series) {
  const std::scoped_lock lock(mutex_);
  DicomMaker now;
  set_to_now(now);
  const std::string images = digest(series);
  Transaction transaction(database_);
  // A job that waits for missing images of the series takes the new ones in.
  database_.run(
      "UPDATE OR IGNORE jobs SET digest = ?, due = 0 WHERE series = ? AND state = 'ready'",
      {images, series});
  const int64_t before = database_.number("SELECT COUNT(*) FROM jobs");
  database_.run(
      "INSERT OR IGNORE INTO jobs(series, digest, state, date, time, changed) VALUES(?, ?, "
      "'ready', ?, ?, ?)",
      {series, images, now.date, now.time, even_time_s()});
  database_.run("UPDATE series SET state = 'taken', note = '' WHERE uid = ?", {series});
  const bool added = database_.number("SELECT COUNT(*) FROM jobs") > before;
  transaction.commit();
  return added;
}

std::vector<QueuedJob> SiteQueue::jobs_where(const std::string& condition,
                                             const std::vector<SqlValue>& values) {
  const std::scoped_lock lock(mutex_);
  std::vector<QueuedJob> all;
  database_.each(
      "SELECT id, series, (SELECT study FROM series WHERE uid = series), state, problem, date, "
      "time, attempts, (SELECT COALESCE(MAX(conflict), 0) FROM images WHERE images.series = "
      "jobs.series) FROM jobs WHERE " +
          condition + " ORDER BY id",
      values, [&](const SqlRow& row) {
        all.push_back({row.integer(0), row.text(1), row.text(2),
                       stored_state<JobState>(row.text(3)), row.text(4), row.text(5), row.text(6),
                       row.integer(7), row.integer(8)});
      });
  return all;
}

int64_t SiteQueue::waiting_jobs() {
  const std::scoped_lock lock(mutex_);
  return database_.number("SELECT COUNT(*) FROM jobs WHERE state IN ('ready', 'running')");
}

std::optional<QueuedJob> SiteQueue::next_job() {
  const auto due = jobs_where("state = 'ready' AND due <= ?", {even_time_s()});
  return due.empty() ? std::nullopt : std::optional(due.front());
}

std::optional<QueuedJob> SiteQueue::job(int64_t id) {
  const auto found = jobs_where("id = ?", {id});
  return found.empty() ? std::nullopt : std::optional(found.front());
}

std::vector<QueuedJob> SiteQueue::jobs() {
  return jobs_where("id > ?", {int64_t{0}});
}

fs::path SiteQueue::linked_images(const QueuedJob& job) {
  const std::scoped_lock lock(mutex_);
  const fs::path folder = folder_ / "jobs" / std::to_string(job.id);
  fs::remove_all(folder);
  make_private_folder(folder);
  for (const auto& image : fs::directory_iterator(folder_of_series(job.series))) {
    const fs::path link = folder / image.path().filename();
    std::error_code code;
    fs::create_hard_link(image.path(), link, code);
    if (code) fs::copy_file(image.path(), link);  // a file system without links
  }
  // What came in since the job was made is in the digest of the images that it works on.
  database_.run("UPDATE OR IGNORE jobs SET digest = ? WHERE id = ?", {digest(job.series), job.id});
  return folder;
}

fs::path SiteQueue::results(int64_t job) const {
  return folder_ / "results" / std::to_string(job);
}

void SiteQueue::set_running(int64_t job) {
  const std::scoped_lock lock(mutex_);
  database_.run(
      "UPDATE jobs SET state = 'running', attempts = attempts + 1, changed = ? WHERE id = ?",
      {even_time_s(), job});
}

void SiteQueue::set_spooled(int64_t job, const std::vector<SpooledObject>& objects,
                            const std::vector<std::string>& destinations,
                            const std::string& problem) {
  const std::scoped_lock lock(mutex_);
  sync_folder(results(job));
  sync_folder(results(job).parent_path());
  Transaction transaction(database_);
  for (const auto& object : objects) {
    for (const auto& destination : destinations) {
      database_.run(
          "INSERT OR IGNORE INTO deliveries(job, file, sop, sha256, destination, state) VALUES(?, "
          "?, ?, ?, ?, 'waiting')",
          {job, object.file, object.sop_instance, object.sha256, destination});
    }
  }
  database_.run("UPDATE jobs SET state = 'spooled', problem = ?, changed = ? WHERE id = ?",
                {problem, even_time_s(), job});
  end_job_if_sent(job);
  transaction.commit();
  fs::remove_all(folder_ / "jobs" / std::to_string(job));
}

void SiteQueue::set_failed(int64_t job, const std::string& problem) {
  const std::scoped_lock lock(mutex_);
  database_.run("UPDATE jobs SET state = 'failed', problem = ?, changed = ? WHERE id = ?",
                {problem, even_time_s(), job});
  fs::remove_all(folder_ / "jobs" / std::to_string(job));
}

void SiteQueue::try_again(int64_t id, const std::string& problem) {
  const std::scoped_lock lock(mutex_);
  const auto found = job(id);
  const auto wait = wait_after(found ? found->attempts : 0);
  if (!wait) return set_failed(id, problem);
  database_.run("UPDATE jobs SET state = 'ready', problem = ?, due = ?, changed = ? WHERE id = ?",
                {problem, even_time_s() + *wait, even_time_s(), id});
}

void SiteQueue::wait_until(int64_t job, int64_t time_s, const std::string& problem) {
  const std::scoped_lock lock(mutex_);
  database_.run(
      "UPDATE jobs SET state = 'ready', problem = ?, due = ?, attempts = attempts - 1, changed = ? "
      "WHERE id = ?",
      {problem, time_s, even_time_s(), job});
}

void SiteQueue::remove_older_than(int64_t seconds) {
  const std::scoped_lock lock(mutex_);
  const int64_t before = even_time_s() - seconds;
  std::vector<std::string> series;
  database_.each(
      "SELECT uid FROM series WHERE last < ? AND state IN ('passed over', 'taken') AND NOT EXISTS "
      "(SELECT 1 FROM jobs WHERE jobs.series = uid AND (jobs.state <> 'sent' OR changed >= ?))",
      {before, before}, [&](const SqlRow& row) { series.push_back(row.text(0)); });
  for (const auto& uid : series) {
    std::vector<int64_t> jobs;
    database_.each("SELECT id FROM jobs WHERE series = ?", {uid},
                   [&](const SqlRow& row) { jobs.push_back(row.integer(0)); });
    // Rows first: files without rows are removed at the next start, rows without files never.
    Transaction transaction(database_);
    for (const int64_t job : jobs) database_.run("DELETE FROM deliveries WHERE job = ?", {job});
    database_.run("DELETE FROM jobs WHERE series = ?", {uid});
    database_.run("DELETE FROM images WHERE series = ?", {uid});
    database_.run("DELETE FROM series WHERE uid = ?", {uid});
    transaction.commit();
    for (const int64_t job : jobs) fs::remove_all(results(job));
    fs::remove_all(folder_of_series(uid));
  }
}

}  // namespace groundglass
