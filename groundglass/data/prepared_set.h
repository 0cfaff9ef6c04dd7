#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "groundglass/core/files.h"

namespace groundglass {

/// A row of the table inside a prepared set.
struct PreparedRow {
  std::string id;  ///< of the image, with "#z" and the slice number for slices of volumes
  std::string case_id, patient, domain, label;
  bool has_mask = true;

  bool operator==(const PreparedRow&) const = default;
};

/// What a prepared set says about itself.
struct PreparedHeader {
  std::string source;      ///< name of the data set it was made from
  std::string preprocess;  ///< the resolved [preprocess] section
  std::string classes;     ///< what mask values mean, for people
  int64_t channels = 1, height = 0, width = 0;
  std::vector<PreparedRow> rows;
  std::string fingerprint;  ///< of the source files; a resumed preparation must find the same
  int64_t class_count = 2;  ///< of the masks, with the background; 0 where a set does not say

  bool operator==(const PreparedHeader&) const = default;
};

/// A data set after preprocessing, in one file: 8-bit images and masks of one size with the table
/// inside. Mapped into memory, so opening is instant and epochs are read from the page cache; a
/// program with nothing but LibTorch can train from it.
///
/// Layout: "GGSET001", header length (8 bytes, little-endian), JSON header, padding to 4096; then a
/// block for each row: image [C,H,W], mask [H,W], XXH3 of both (8 bytes, never 0).
class PreparedSet {
 public:
  /// Throws Error(data) with path and reason: not there, not a prepared set, another version,
  /// shorter than its header says, unfinished.
  explicit PreparedSet(const std::filesystem::path& path);

  const PreparedHeader& header() const { return header_; }
  const std::vector<PreparedRow>& rows() const { return header_.rows; }
  int64_t size() const { return static_cast<int64_t>(header_.rows.size()); }

  // Of a row that the set does not hold: Error(internal).
  torch::Tensor image(int64_t row) const;  ///< [C,H,W] uint8, a view of the file: do not write
  torch::Tensor mask(int64_t row) const;   ///< [H,W] uint8 class numbers, a view of the file

  /// Reads everything and compares the checksums. Throws Error(data) naming the damaged rows.
  void verify() const;

 private:
  PreparedHeader header_;
  const uint8_t* block_of(int64_t row) const;

  std::unique_ptr<MappedFile> file_;
  size_t begin_ = 0, block_ = 0;
};

/// Writes a prepared set under `<path>.partial`; finished rows survive a kill, and a writer with an
/// equal header goes on where the last one stopped. Rows may be written from several threads.
class PreparedSetWriter {
 public:
  PreparedSetWriter(std::filesystem::path path, PreparedHeader header);
  ~PreparedSetWriter();
  PreparedSetWriter(const PreparedSetWriter&) = delete;
  PreparedSetWriter& operator=(const PreparedSetWriter&) = delete;

  /// True if an earlier run wrote this row and its checksum is right.
  bool has(int64_t row) const { return done_[static_cast<size_t>(row)] != 0; }
  int64_t rows_done() const;
  /// True once a row could not be written: no other one will be, either.
  bool failed() const { return failed_; }

  /// image [C,H,W] uint8, mask [H,W] uint8 or undefined (then zeros).
  void write(int64_t row, const torch::Tensor& image, const torch::Tensor& mask);

  /// Gives the file its own name. Throws Error(internal) if a row is missing, Error(data) if the
  /// disk does not take it.
  void finish();

 private:
  std::filesystem::path path_, partial_;
  PreparedHeader header_;
  int file_ = -1;
  size_t begin_ = 0, block_ = 0;
  std::vector<char> done_;
  std::atomic<bool> failed_{false};
};

}  // namespace groundglass
