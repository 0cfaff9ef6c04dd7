#include "groundglass/pacs/audit.h"

#include <unistd.h>

#include <fstream>
#include <sstream>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/file_lock.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_identity.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr const char* kColumns = "id, time, actor, address, event, uid, object, detail, previous";

/// The fields with their lengths before them: no two rows have one text.
std::string row_text(const std::vector<std::string>& fields) {
  std::string text;
  for (const auto& field : fields) text += std::to_string(field.size()) + ":" + field;
  return text;
}

/// What audit.head says of the last row; without the key nobody can make one for an earlier row.
std::string head_text(const std::string& key, int64_t id, const std::string& hash) {
  return hmac_sha256(key, row_text({"head", std::to_string(id), hash}));
}

/// Held against other processes that write the same trail; freed when its process ends.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder)
      : handle_(locked_file(folder / "audit.lock", IfHeld::wait)) {}
  ~FolderLock() { close(handle_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int handle_;
};

}  // namespace

AuditTrail::AuditTrail(const fs::path& folder, std::string key)
    : head_(folder / "audit.head"),
      key_(std::move(key)),
      database_(folder / "audit.db", Database::Opening::or_create) {
  database_.run(
      "CREATE TABLE IF NOT EXISTS audit(id INTEGER PRIMARY KEY, time TEXT, actor TEXT, address "
      "TEXT, event TEXT, uid TEXT, object TEXT, detail TEXT, previous TEXT, hash TEXT)");
  fs::permissions(folder / "audit.db", fs::perms::owner_read | fs::perms::owner_write);
}

void AuditTrail::add(const AuditEvent& e) {
  const std::scoped_lock lock(mutex_);
  const FolderLock alone(head_.parent_path());  // row and head belong together
  Transaction transaction(database_);
  int64_t id = 1;
  std::string previous;
  database_.each("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1", {}, [&](const SqlRow& row) {
    id = row.integer(0) + 1;
    previous = row.text(1);
  });
  const std::string time = utc_now();
  const std::string hash =
      hmac_sha256(key_, row_text({std::to_string(id), time, e.actor, e.address, e.event, e.uid,
                                  e.object_sha256, e.detail, previous}));
  database_.run(
      std::string("INSERT INTO audit(") + kColumns + ", hash) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {id, time, e.actor, e.address, e.event, e.uid, e.object_sha256, e.detail, previous, hash});
  transaction.commit();
  write_file(head_, std::to_string(id) + " " + head_text(key_, id, hash) + "\n");
}

AuditVerdict verify_audit(const fs::path& folder, const std::string& key) {
  Database database(folder / "audit.db", Database::Opening::existing);
  AuditVerdict verdict;
  std::string previous, head_found;
  int64_t head_id = 0;
  std::string head_hash;
  std::ifstream head(folder / "audit.head");
  head >> head_id >> head_hash;
  database.each(std::string("SELECT ") + kColumns + ", hash FROM audit ORDER BY id", {},
                [&](const SqlRow& row) {
                  if (!verdict.problem.empty()) return;
                  std::vector<std::string> fields;
                  for (int i = 0; i < 9; ++i) fields.push_back(row.text(i));
                  const std::string expected = std::to_string(verdict.rows + 1);
                  if (fields[0] != expected || fields[8] != previous) {
                    verdict.problem = "row " + expected + " is missing";
                  } else if (hmac_sha256(key, row_text(fields)) != row.text(9)) {
                    verdict.problem =
                        "row " + expected + " was changed, or was written with another site key";
                  }
                  previous = row.text(9);
                  if (row.integer(0) == head_id) head_found = head_text(key, head_id, previous);
                  ++verdict.rows;
                });
  if (!verdict.problem.empty()) return verdict;
  if (head_id > verdict.rows) {
    verdict.problem = "rows " + std::to_string(verdict.rows + 1) + " to " +
                      std::to_string(head_id) + " are cut off";
  } else if (head_id + 1 < verdict.rows || (head_found != head_hash)) {
    // A program that is killed between the row and the head leaves the head one row behind.
    verdict.problem = "audit.head does not belong to these rows";
  }
  return verdict;
}

}  // namespace groundglass
