#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>

#include "groundglass/io/sqlite.h"

namespace groundglass {

/// One thing that happened. No field names a patient.
struct AuditEvent {
  std::string event;    ///< "association", "refused", "conflict", "job", "sent", ..
  std::string actor;    ///< AE title of the peer, or "groundglass"
  std::string address;  ///< of the peer; "" for none
  std::string uid;      ///< of what it is about; "" for none
  std::string object_sha256 = {};
  std::string detail = {};  ///< counts and reasons
};

/// Rows that hold each other: each row's hash (HMAC-SHA-256 with the site's key) covers the row
/// and the hash before it, and a file beside the database holds the number and hash of the last
/// row, so that a row that is changed, missing or cut off at the end is found.
class AuditTrail {
 public:
  /// Opens or makes FOLDER/audit.db and FOLDER/audit.head. Throws Error(data).
  AuditTrail(const std::filesystem::path& folder, std::string key);

  /// Adds a row; it is on the disk when this returns. Safe from several threads and processes.
  void add(const AuditEvent& event);

 private:
  std::mutex mutex_;
  std::filesystem::path head_;
  std::string key_;
  Database database_;
};

/// What a check of an audit trail found.
struct AuditVerdict {
  int64_t rows = 0;
  std::string problem;  ///< "" if every row is as it was written
};

/// Follows the hashes from the first row to the last. Throws Error(data) if FOLDER holds no trail.
AuditVerdict verify_audit(const std::filesystem::path& folder, const std::string& key);

}  // namespace groundglass
