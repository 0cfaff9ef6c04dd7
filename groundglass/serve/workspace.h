#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/io/sqlite.h"
#include "groundglass/serve/records.h"

namespace groundglass {

/// The folder that `serve` works in: studies, results, corrections, and a queue of jobs, remembered
/// in FOLDER/serve.sqlite. Each call is one transaction, so that a kill at any moment loses nothing
/// that was answered. May be called from several threads.
class Workspace {
 public:
  /// Opens or begins one. Throws Error(data) if the folder is no workspace of this version, or
  /// another server has it open.
  explicit Workspace(const std::filesystem::path& folder);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path study_folder(const std::string& study) const;
  std::filesystem::path files_folder(const std::string& study) const;
  std::filesystem::path image_folder(const std::string& study, int64_t image) const;
  /// Where a version's files lie: <this>_mask.nii.gz, <this>_probability.nii.gz, ..
  std::filesystem::path stem(const VersionRecord& version) const;
  std::filesystem::path draft_file(const std::string& study, int64_t image,
                                   const std::string& author) const;

  StudyRecord create_study(const std::string& name);
  std::vector<StudyRecord> studies();
  /// Throws HttpError(404) if there is none, as the others below do.
  StudyRecord study(const std::string& id);
  void keep(const StudyRecord& study);
  void add_files(const std::string& study, int64_t files, int64_t bytes);
  void remove_study(const std::string& id);

  std::vector<ImageRecord> images(const std::string& study);
  ImageRecord image(const std::string& study, int64_t number);
  /// The images of an import, in place of those of an earlier one.
  void set_images(const std::string& study, const std::vector<ImageRecord>& images);

  std::vector<VersionRecord> versions(const std::string& study, int64_t image);
  VersionRecord version(const std::string& study, int64_t image, int64_t number);
  /// Gives it the next number; a version of the same job and image is replaced instead.
  VersionRecord add_version(VersionRecord version);
  /// A correction and the job that measures it, together or not at all; fills in their numbers.
  void add_correction(VersionRecord& version, JobRecord& job);
  void keep(const VersionRecord& version);

  JobRecord add_job(JobRecord job);
  std::vector<JobRecord> jobs(const std::string& study = "");
  JobRecord job(int64_t id);
  void keep(const JobRecord& job);
  /// The oldest queued job of one of these kinds; nothing if there is none.
  std::optional<JobRecord> next_job(const std::vector<std::string>& kinds);
  /// After a kill: what ran is queued again, a study whose import never reached the queue takes
  /// files again, and files that were not whole are removed. Returns how many jobs were queued
  /// again.
  int64_t recover();

  /// Drafts: which version of the image the author corrects; 0 without a draft.
  int64_t draft_parent(const std::string& study, int64_t image, const std::string& author);
  void set_draft(const std::string& study, int64_t image, const std::string& author,
                 int64_t parent);
  void remove_draft(const std::string& study, int64_t image, const std::string& author);

 private:
  VersionRecord insert(VersionRecord version);
  JobRecord insert(JobRecord job);
  void remove_leftovers();

  std::filesystem::path folder_;
  int lock_ = -1;
  std::unique_ptr<Database> database_;
  std::mutex mutex_;
};

}  // namespace groundglass
