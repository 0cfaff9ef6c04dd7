#include "groundglass/io/sqlite.h"

#include <sqlite3.h>

#include <memory>

#include "groundglass/core/error.h"
#include "groundglass/core/file_lock.h"

namespace groundglass {
namespace {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementPtr = std::unique_ptr<sqlite3_stmt, Finalize>;

void bind(sqlite3_stmt* statement, int position, const SqlValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    sqlite3_bind_int64(statement, position, *number);
  } else if (const auto* real = std::get_if<double>(&value)) {
    sqlite3_bind_double(statement, position, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sqlite3_bind_text(statement, position, text->data(), static_cast<int>(text->size()),
                      SQLITE_TRANSIENT);
  } else {
    sqlite3_bind_null(statement, position);
  }
}

}  // namespace

bool SqlRow::null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

int64_t SqlRow::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double SqlRow::real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string SqlRow::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_, column);
  if (bytes == nullptr) return "";
  return {reinterpret_cast<const char*>(bytes),
          static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

Database::Database(const std::filesystem::path& path, Opening opening) : path_(path) {
  const int create = opening == Opening::or_create ? SQLITE_OPEN_CREATE : 0;
  if (sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE | create, nullptr) !=
      SQLITE_OK) {
    const std::string reason = sqlite3_errmsg(handle_);
    sqlite3_close(handle_);
    fail(ErrorKind::data, path_.string() + ": " + reason);
  }
  sqlite3_busy_timeout(handle_, 5000);
  try {
    run("PRAGMA foreign_keys = ON");
    run("PRAGMA synchronous = FULL");
  } catch (...) {
    sqlite3_close(handle_);
    throw;
  }
}

Database::~Database() {
  sqlite3_close(handle_);
}

void Database::refuse(const std::string& what) const {
  const int code = sqlite3_errcode(handle_);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_IOERR) {
    if (!knows_locks(path_.parent_path().empty() ? "." : path_.parent_path())) {
      fail(ErrorKind::data, path_.string() +
                                ": cannot be locked against other calls; expected a folder on a "
                                "file system that knows locks, such as a local disk");
    }
    if (code != SQLITE_IOERR) {
      fail(ErrorKind::data,
           path_.string() + ": is in use by another call; wait until it has ended");
    }
  }
  if (code == SQLITE_FULL) {
    throw DatabaseFull(ErrorKind::data, path_.string() + ": cannot be written, the disk is full");
  }
  fail(ErrorKind::data, path_.string() + ": " + sqlite3_errmsg(handle_) + " (" +
                            what.substr(0, what.find_first_of("(\n")) + ")");
}

void Database::each(const std::string& sql, const std::vector<SqlValue>& values,
                    const std::function<void(const SqlRow&)>& row) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &raw, nullptr) !=
      SQLITE_OK) {
    refuse(sql);
  }
  const StatementPtr statement(raw);
  for (size_t i = 0; i < values.size(); ++i) bind(raw, static_cast<int>(i) + 1, values[i]);
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(raw)) == SQLITE_ROW) row(SqlRow(raw));
  if (code != SQLITE_DONE) refuse(sql);
}

void Database::run(const std::string& sql, const std::vector<SqlValue>& values) {
  each(sql, values, [](const SqlRow&) {});
}

int64_t Database::number(const std::string& sql, const std::vector<SqlValue>& values) {
  int64_t answer = 0;
  bool first = true;
  each(sql, values, [&](const SqlRow& row) {
    if (first) answer = row.integer(0);
    first = false;
  });
  return answer;
}

int64_t Database::last_id() const {
  return sqlite3_last_insert_rowid(handle_);
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const Error&) {
    // SQLite has taken everything back already, e.g. when the disk was full.
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace groundglass
