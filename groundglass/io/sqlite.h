#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "groundglass/core/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace groundglass {

/// What a question mark in a statement stands for; nullptr is NULL.
using SqlValue = std::variant<std::nullptr_t, int64_t, double, std::string>;

/// The row that a query stands on; columns count from 0.
class SqlRow {
 public:
  explicit SqlRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool null(int column) const;
  int64_t integer(int column) const;   ///< 0 for NULL
  double real(int column) const;       ///< 0 for NULL
  std::string text(int column) const;  ///< empty for NULL

 private:
  sqlite3_stmt* statement_;
};

/// The disk of a database, or its quota, is full: what was to be written is not.
class DatabaseFull : public Error {
 public:
  using Error::Error;
};

/// An open SQLite file. Everything that is written reaches the disk before commit returns
/// (rollback journal, synchronous = FULL), and a killed program leaves what the last commit left.
///
/// Every function throws Error(data) with the path and SQLite's reason: no database, damaged, full
/// disk (DatabaseFull), read-only; a file that another call holds for more than five seconds is
/// said to be in use.
class Database {
 public:
  enum class Opening { existing, or_create };

  Database(const std::filesystem::path& path, Opening opening);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// One statement without an answer.
  void run(const std::string& sql, const std::vector<SqlValue>& values = {});

  /// Calls `row` for each row of the answer.
  void each(const std::string& sql, const std::vector<SqlValue>& values,
            const std::function<void(const SqlRow&)>& row);

  /// The first column of the first row, 0 without rows.
  int64_t number(const std::string& sql, const std::vector<SqlValue>& values = {});

  int64_t last_id() const;  ///< of the row that was inserted last
  const std::filesystem::path& path() const { return path_; }

 private:
  [[noreturn]] void refuse(const std::string& what) const;

  std::filesystem::path path_;
  sqlite3* handle_ = nullptr;
};

/// All or nothing: what was written between the begin and commit() is taken back if commit() is not
/// reached. Waits for other writers at the begin, not in the middle.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace groundglass
