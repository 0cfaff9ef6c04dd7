#include "groundglass/serve/workspace.h"

#include <unistd.h>

#include <array>

#include "groundglass/core/clock.h"
#include "groundglass/core/file_lock.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json_text.h"
#include "groundglass/serve/access.h"
#include "groundglass/serve/http_error.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

constexpr int kServeId = 0x47477372;  // "GGsr"
constexpr int kServeLayout = 1;

constexpr std::array<const char*, 5> kTables = {
    "CREATE TABLE studies(id TEXT PRIMARY KEY, name TEXT NOT NULL, created TEXT NOT NULL, state "
    "TEXT NOT NULL, problem TEXT NOT NULL, files INTEGER NOT NULL, bytes INTEGER NOT NULL, "
    "left_out "
    "TEXT NOT NULL, identity TEXT NOT NULL)",
    "CREATE TABLE images(study TEXT NOT NULL REFERENCES studies ON DELETE CASCADE, number INTEGER "
    "NOT NULL, about TEXT NOT NULL, PRIMARY KEY(study, number))",
    "CREATE TABLE versions(study TEXT NOT NULL REFERENCES studies ON DELETE CASCADE, image INTEGER "
    "NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, problem TEXT NOT "
    "NULL, author TEXT NOT NULL, reason TEXT NOT NULL, time TEXT NOT NULL, parent INTEGER NOT "
    "NULL, "
    "folder TEXT NOT NULL, job INTEGER NOT NULL, PRIMARY KEY(study, image, version))",
    "CREATE TABLE jobs(id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, state TEXT NOT "
    "NULL, study TEXT NOT NULL, image INTEGER NOT NULL, version INTEGER NOT NULL, ordered TEXT NOT "
    "NULL, created TEXT NOT NULL, started TEXT NOT NULL, finished TEXT NOT NULL, error TEXT NOT "
    "NULL, error_kind TEXT NOT NULL, notes TEXT NOT NULL, file TEXT NOT NULL)",
    "CREATE TABLE drafts(study TEXT NOT NULL REFERENCES studies ON DELETE CASCADE, image INTEGER "
    "NOT NULL, author TEXT NOT NULL, parent INTEGER NOT NULL, time TEXT NOT NULL, PRIMARY "
    "KEY(study, image, author))"};

constexpr const char* kStudyColumns =
    "id, name, created, state, problem, files, bytes, left_out, identity";
constexpr const char* kVersionColumns =
    "study, image, version, kind, state, problem, author, reason, time, parent, folder, job";
constexpr const char* kJobColumns =
    "id, kind, state, study, image, version, ordered, created, started, finished, error, "
    "error_kind, notes, file";

StudyRecord study_of(const SqlRow& row) {
  return {row.text(0),
          row.text(1),
          row.text(2),
          row.text(3),
          row.text(4),
          row.integer(5),
          row.integer(6),
          ordered_json::parse(row.text(7)),
          ordered_json::parse(row.text(8))};
}

VersionRecord version_of(const SqlRow& row) {
  return {row.text(0), row.integer(1), row.integer(2), row.text(3),
          row.text(4), row.text(5),    row.text(6),    row.text(7),
          row.text(8), row.integer(9), row.text(10),   row.integer(11)};
}

JobRecord job_of(const SqlRow& row) {
  return {row.integer(0),
          row.text(1),
          row.text(2),
          row.text(3),
          row.integer(4),
          row.integer(5),
          ordered_json::parse(row.text(6)),
          row.text(7),
          row.text(8),
          row.text(9),
          row.text(10),
          row.text(11),
          ordered_json::parse(row.text(12)),
          row.text(13)};
}

[[noreturn]] void unknown(const std::string& what) {
  throw HttpError(404, ErrorKind::usage, what + ": there is none in this workspace");
}

std::string select(const char* columns, const std::string& rest) {
  return std::string("SELECT ") + columns + " FROM " + rest;
}

}  // namespace

Workspace::Workspace(const fs::path& folder) {
  make_folder(folder);
  folder_ = fs::canonical(folder);
  const fs::path lock = folder_ / "serve.lock";
  lock_ = locked_file(lock, IfHeld::give_up);
  if (lock_ < 0) {
    fail(ErrorKind::data,
         folder_.string() + ": another server has it open; stop that one or name another folder");
  }
  const fs::path path = folder_ / "serve.sqlite";
  database_ = std::make_unique<Database>(path, Database::Opening::or_create);
  const int64_t id = database_->number("PRAGMA application_id");
  const int64_t layout = database_->number("PRAGMA user_version");
  if (id == 0 && layout == 0 && database_->number("SELECT count(*) FROM sqlite_master") == 0) {
    Transaction transaction(*database_);
    for (const char* table : kTables) database_->run(table);
    database_->run("PRAGMA application_id = " + std::to_string(kServeId));
    database_->run("PRAGMA user_version = " + std::to_string(kServeLayout));
    transaction.commit();
  } else if (id != kServeId || layout != kServeLayout) {
    fail(ErrorKind::data, path.string() +
                              ": is no workspace of this version of the program "
                              "(layout " +
                              std::to_string(layout) + ", expected " +
                              std::to_string(kServeLayout) + "); name another folder");
  }
  database_->run("PRAGMA foreign_keys = ON");
  make_folder(folder_ / "studies");
  make_folder(folder_ / "jobs");
}

Workspace::~Workspace() {
  database_.reset();
  close(lock_);
}

fs::path Workspace::study_folder(const std::string& study) const {
  return folder_ / "studies" / study;
}

fs::path Workspace::files_folder(const std::string& study) const {
  return study_folder(study) / "files";
}

fs::path Workspace::image_folder(const std::string& study, int64_t image) const {
  return study_folder(study) / "images" / std::to_string(image);
}

fs::path Workspace::stem(const VersionRecord& version) const {
  return study_folder(version.study) / version.folder / ("image_" + std::to_string(version.image));
}

fs::path Workspace::draft_file(const std::string& study, int64_t image,
                               const std::string& author) const {
  return study_folder(study) / "drafts" /
         (std::to_string(image) + "_" + sha256(author).substr(0, 16) + ".draft");
}

StudyRecord Workspace::create_study(const std::string& name) {
  const std::lock_guard lock(mutex_);
  StudyRecord study;
  study.id = random_token(8);
  study.created = utc_now();
  make_folder(files_folder(study.id));
  Transaction transaction(*database_);
  study.name = name;
  if (name.empty()) {
    // Numbers are not given twice, whatever was removed.
    const int64_t number = database_->number("SELECT count(*) FROM studies");
    for (int64_t n = number + 1;; ++n) {
      study.name = "Study " + std::to_string(n);
      if (database_->number("SELECT count(*) FROM studies WHERE name = ?", {study.name}) == 0)
        break;
    }
  }
  database_->run("INSERT INTO studies VALUES(?, ?, ?, ?, '', 0, 0, '[]', 'null')",
                 {study.id, study.name, study.created, study.state});
  transaction.commit();
  return study;
}

std::vector<StudyRecord> Workspace::studies() {
  const std::lock_guard lock(mutex_);
  std::vector<StudyRecord> all;
  database_->each(select(kStudyColumns, "studies ORDER BY rowid DESC"), {},
                  [&](const SqlRow& row) { all.push_back(study_of(row)); });
  return all;
}

StudyRecord Workspace::study(const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::optional<StudyRecord> found;
  database_->each(select(kStudyColumns, "studies WHERE id = ?"), {id},
                  [&](const SqlRow& row) { found = study_of(row); });
  if (!found) unknown("study " + id);
  return *found;
}

void Workspace::keep(const StudyRecord& s) {
  const std::lock_guard lock(mutex_);
  database_->run(
      "UPDATE studies SET name = ?, state = ?, problem = ?, left_out = ?, identity = ? WHERE id = "
      "?",
      {s.name, s.state, s.problem, json_text(s.left_out), json_text(s.identity), s.id});
}

void Workspace::add_files(const std::string& study, int64_t files, int64_t bytes) {
  const std::lock_guard lock(mutex_);
  database_->run("UPDATE studies SET files = files + ?, bytes = bytes + ? WHERE id = ?",
                 {files, bytes, study});
}

void Workspace::remove_study(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    Transaction transaction(*database_);
    database_->run("DELETE FROM jobs WHERE study = ? AND state IN ('queued', 'running')", {id});
    database_->run("DELETE FROM studies WHERE id = ?", {id});
    transaction.commit();
  }
  std::error_code ignored;  // what a job still writes goes when the server starts next
  fs::remove_all(study_folder(id), ignored);
}

std::vector<ImageRecord> Workspace::images(const std::string& study) {
  const std::lock_guard lock(mutex_);
  std::vector<ImageRecord> all;
  database_->each("SELECT study, number, about FROM images WHERE study = ? ORDER BY number",
                  {study}, [&](const SqlRow& row) {
                    all.push_back({row.text(0), row.integer(1), ordered_json::parse(row.text(2))});
                  });
  return all;
}

ImageRecord Workspace::image(const std::string& study, int64_t number) {
  const std::lock_guard lock(mutex_);
  std::optional<ImageRecord> found;
  database_->each("SELECT study, number, about FROM images WHERE study = ? AND number = ?",
                  {study, number}, [&](const SqlRow& row) {
                    found = {row.text(0), row.integer(1), ordered_json::parse(row.text(2))};
                  });
  if (!found) unknown("study " + study + ", image " + std::to_string(number));
  return *found;
}

void Workspace::set_images(const std::string& study, const std::vector<ImageRecord>& images) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_);
  database_->run("DELETE FROM images WHERE study = ?", {study});
  for (const auto& i : images) {
    database_->run("INSERT INTO images VALUES(?, ?, ?)", {study, i.number, json_text(i.about)});
  }
  transaction.commit();
}

std::vector<VersionRecord> Workspace::versions(const std::string& study, int64_t image) {
  const std::lock_guard lock(mutex_);
  std::vector<VersionRecord> all;
  database_->each(
      select(kVersionColumns, "versions WHERE study = ? AND image = ? ORDER BY version"),
      {study, image}, [&](const SqlRow& row) { all.push_back(version_of(row)); });
  return all;
}

VersionRecord Workspace::version(const std::string& study, int64_t image, int64_t number) {
  const std::lock_guard lock(mutex_);
  std::optional<VersionRecord> found;
  database_->each(select(kVersionColumns, "versions WHERE study = ? AND image = ? AND version = ?"),
                  {study, image, number}, [&](const SqlRow& row) { found = version_of(row); });
  if (!found) {
    unknown("study " + study + ", image " + std::to_string(image) + ", version " +
            std::to_string(number));
  }
  return *found;
}

VersionRecord Workspace::add_version(VersionRecord version) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_);
  version = insert(std::move(version));
  transaction.commit();
  return version;
}

void Workspace::add_correction(VersionRecord& version, JobRecord& job) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_);
  version = insert(std::move(version));
  job.version = version.version;
  job = insert(std::move(job));
  version.job = job.id;
  database_->run("UPDATE versions SET job = ? WHERE study = ? AND image = ? AND version = ?",
                 {version.job, version.study, version.image, version.version});
  transaction.commit();
}

VersionRecord Workspace::insert(VersionRecord v) {
  const int64_t same = v.job == 0
                           ? 0
                           : database_->number(
                                 "SELECT version FROM versions WHERE study = ? AND image = ? "
                                 "AND job = ?",
                                 {v.study, v.image, v.job});
  if (v.time.empty()) v.time = utc_now();
  v.version = same != 0 ? same
                        : 1 + database_->number(
                                  "SELECT coalesce(max(version), 0) FROM versions "
                                  "WHERE study = ? AND image = ?",
                                  {v.study, v.image});
  database_->run("INSERT OR REPLACE INTO versions VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 {v.study, v.image, v.version, v.kind, v.state, v.problem, v.author, v.reason,
                  v.time, v.parent, v.folder, v.job});
  return v;
}

void Workspace::keep(const VersionRecord& v) {
  const std::lock_guard lock(mutex_);
  database_->run(
      "UPDATE versions SET state = ?, problem = ?, job = ?, folder = ? WHERE study = ? AND image = "
      "? "
      "AND version = ?",
      {v.state, v.problem, v.job, v.folder, v.study, v.image, v.version});
}

JobRecord Workspace::add_job(JobRecord job) {
  const std::lock_guard lock(mutex_);
  return insert(std::move(job));
}

JobRecord Workspace::insert(JobRecord job) {
  job.created = utc_now();
  database_->run(
      "INSERT INTO jobs(kind, state, study, image, version, ordered, created, started, finished, "
      "error, error_kind, notes, file) VALUES(?, ?, ?, ?, ?, ?, ?, '', '', '', '', '[]', '')",
      {job.kind, job.state, job.study, job.image, job.version, json_text(job.order), job.created});
  job.id = database_->last_id();
  return job;
}

std::vector<JobRecord> Workspace::jobs(const std::string& study) {
  const std::lock_guard lock(mutex_);
  std::vector<JobRecord> all;
  const auto take = [&](const SqlRow& row) { all.push_back(job_of(row)); };
  if (study.empty()) {
    database_->each(select(kJobColumns, "jobs ORDER BY id DESC LIMIT 1000"), {}, take);
  } else {
    database_->each(select(kJobColumns, "jobs WHERE study = ? ORDER BY id DESC LIMIT 1000"),
                    {study}, take);
  }
  return all;
}

JobRecord Workspace::job(int64_t id) {
  const std::lock_guard lock(mutex_);
  std::optional<JobRecord> found;
  database_->each(select(kJobColumns, "jobs WHERE id = ?"), {id},
                  [&](const SqlRow& row) { found = job_of(row); });
  if (!found) unknown("job " + std::to_string(id));
  return *found;
}

void Workspace::keep(const JobRecord& j) {
  const std::lock_guard lock(mutex_);
  database_->run(
      "UPDATE jobs SET state = ?, version = ?, started = ?, finished = ?, error = ?, error_kind = "
      "?, "
      "notes = ?, file = ? WHERE id = ?",
      {j.state, j.version, j.started, j.finished, j.error, j.error_kind, json_text(j.notes), j.file,
       j.id});
}

std::optional<JobRecord> Workspace::next_job(const std::vector<std::string>& kinds) {
  const std::lock_guard lock(mutex_);
  std::optional<JobRecord> found;
  database_->each(select(kJobColumns, "jobs WHERE state = 'queued' ORDER BY id"), {},
                  [&](const SqlRow& row) {
                    if (found) return;
                    JobRecord job = job_of(row);
                    if (std::find(kinds.begin(), kinds.end(), job.kind) != kinds.end()) {
                      found = std::move(job);
                    }
                  });
  return found;
}

int64_t Workspace::recover() {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_);
  const int64_t count = database_->number("SELECT count(*) FROM jobs WHERE state = 'running'");
  database_->run("UPDATE jobs SET state = 'queued' WHERE state = 'running'");
  database_->run(
      "UPDATE studies SET state = 'uploading' WHERE state = 'importing' AND id NOT IN (SELECT "
      "study "
      "FROM jobs WHERE kind IN ('import', 'fetch') AND state = 'queued')");
  transaction.commit();
  remove_leftovers();
  return count;
}

void Workspace::remove_leftovers() {
  std::error_code ignored;
  for (fs::directory_iterator at(folder_ / "studies", ignored), end; at != end;
       at.increment(ignored)) {
    const std::string id = at->path().filename().string();
    if (database_->number("SELECT count(*) FROM studies WHERE id = ?", {id}) == 0) {
      fs::remove_all(at->path(), ignored);
      continue;
    }
    std::vector<fs::path> partial;
    for (fs::recursive_directory_iterator file(at->path() / "files", ignored), none; file != none;
         file.increment(ignored)) {
      if (file->path().extension() == ".partial") partial.push_back(file->path());
    }
    for (const auto& path : partial) fs::remove_all(path, ignored);
  }
}

int64_t Workspace::draft_parent(const std::string& study, int64_t image,
                                const std::string& author) {
  const std::lock_guard lock(mutex_);
  return database_->number("SELECT parent FROM drafts WHERE study = ? AND image = ? AND author = ?",
                           {study, image, author});
}

void Workspace::set_draft(const std::string& study, int64_t image, const std::string& author,
                          int64_t parent) {
  const std::lock_guard lock(mutex_);
  database_->run("INSERT OR REPLACE INTO drafts VALUES(?, ?, ?, ?, ?)",
                 {study, image, author, parent, utc_now()});
}

void Workspace::remove_draft(const std::string& study, int64_t image, const std::string& author) {
  {
    const std::lock_guard lock(mutex_);
    database_->run("DELETE FROM drafts WHERE study = ? AND image = ? AND author = ?",
                   {study, image, author});
  }
  std::error_code ignored;
  fs::remove(draft_file(study, image, author), ignored);
}

}  // namespace groundglass
