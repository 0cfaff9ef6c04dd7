#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace groundglass {

/// What the workspace remembers; docs/reference/serve.md names the files that belong to it.

/// One upload and the images in it.
struct StudyRecord {
  std::string id;  ///< 16 hexadecimal digits, random: it tells nothing of the patient
  std::string name, created;
  std::string state = "uploading";  ///< "importing", "ready", "failed"
  std::string problem;              ///< of a failed one
  int64_t files = 0, bytes = 0;
  nlohmann::ordered_json left_out = nlohmann::ordered_json::array();
  nlohmann::ordered_json identity = nullptr;
};

/// One picture or volume of a study. `about` is what the import found: kind, modality, size, ..
struct ImageRecord {
  std::string study;
  int64_t number = 1;
  nlohmann::ordered_json about;
};

/// A mask of an image and who made it.
struct VersionRecord {
  std::string study;
  int64_t image = 1, version = 1;
  std::string kind;                 ///< "network", "correction"
  std::string state = "measuring";  ///< "ready", "failed"
  std::string problem, author, reason, time;
  int64_t parent = 0;  ///< 0 for none
  std::string folder;  ///< relative to the study's folder
  int64_t job = 0;     ///< that makes or measures it
};

/// A piece of work in the queue.
struct JobRecord {
  int64_t id = 0;
  std::string kind;
  std::string state = "queued";  ///< "running", "done", "failed", "cancelled"
  std::string study;             ///< empty for none
  int64_t image = 0, version = 0;
  nlohmann::ordered_json order = nlohmann::ordered_json::object();  ///< what was asked for
  std::string created, started, finished;
  std::string error, error_kind;
  nlohmann::ordered_json notes = nlohmann::ordered_json::array();
  std::string file;  ///< what it made for download, relative to the workspace
};

}  // namespace groundglass
