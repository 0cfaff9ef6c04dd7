#include "groundglass/data/prepared_set.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/data/problems.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

/// True if another process is writing the open file, or has just given it its final name. Where the
/// file system knows no locks, nobody can tell.
bool belongs_to_another(int file, const fs::path& path) {
  if (flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return true;
  struct stat open_one {
  }, named_one{};
  return fstat(file, &open_one) != 0 || stat(path.c_str(), &named_one) != 0 ||
         open_one.st_ino != named_one.st_ino;
}

/// Writes all of the bytes. A disk that fills up takes a part of them without an error, and says
/// why only of the rest.
bool write_all(int file, const void* bytes, size_t size, size_t offset) {
  const auto* from = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = pwrite(file, from, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    from += written;
    size -= static_cast<size_t>(written);
    offset += static_cast<size_t>(written);
  }
  return true;
}

constexpr char kMagic[] = "GGSET001";
constexpr size_t kMagicSize = 8;
constexpr size_t kPage = 4096;

[[noreturn]] void refuse(const fs::path& path, const std::string& what) {
  fail(ErrorKind::data, path.string() + ": " + what);
}

std::string header_bytes(const PreparedHeader& h) {
  json rows = json::array();
  for (const auto& r : h.rows) {
    rows.push_back({escaped_utf8(r.id), escaped_utf8(r.case_id), escaped_utf8(r.patient),
                    escaped_utf8(r.domain), escaped_utf8(r.label), r.has_mask});
  }
  const json document = {{"source", escaped_utf8(h.source)},
                         {"preprocess", h.preprocess},
                         {"classes", h.classes},
                         {"class_count", h.class_count},
                         {"image", {h.channels, h.height, h.width}},
                         {"fingerprint", h.fingerprint},
                         {"columns", {"id", "case", "patient", "domain", "label", "has_mask"}},
                         {"rows", rows}};
  const std::string text = document.dump();
  const uint64_t length = text.size();
  std::string bytes(kMagic, kMagicSize);
  bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += text;
  bytes.append((kPage - bytes.size() % kPage) % kPage, ' ');
  return bytes;
}

PreparedHeader parse_header(const fs::path& path, const json& document) {
  PreparedHeader h;
  try {
    h.source = document.at("source");
    h.preprocess = document.at("preprocess");
    h.classes = document.at("classes");
    h.class_count = document.value("class_count", h.classes == "classes" ? 0 : 2);
    h.fingerprint = document.at("fingerprint");
    h.channels = document.at("image").at(0);
    h.height = document.at("image").at(1);
    h.width = document.at("image").at(2);
    for (const auto& r : document.at("rows")) {
      h.rows.push_back({r.at(0), r.at(1), r.at(2), r.at(3), r.at(4), r.at(5)});
    }
  } catch (const json::exception& e) {
    refuse(path, std::string("the header is damaged (") + e.what() + ")");
  }
  if (h.channels < 1 || h.height < 1 || h.width < 1) refuse(path, "the header names no image size");
  return h;
}

size_t pixel_bytes(const PreparedHeader& h) {
  return static_cast<size_t>((h.channels + 1) * h.height * h.width);
}

/// Never zero, so that a block of zeros is not taken for a finished one.
uint64_t checksum(const uint8_t* pixels, size_t size) {
  return XXH3_64bits(pixels, size) | 1;
}

bool block_is_sound(const uint8_t* block, size_t pixels) {
  uint64_t stored = 0;
  std::memcpy(&stored, block + pixels, sizeof stored);
  return stored != 0 && stored == checksum(block, pixels);
}

}  // namespace

PreparedSet::PreparedSet(const fs::path& path) {
  if (!fs::exists(path)) {
    const bool unfinished = fs::exists(path.string() + ".partial");
    refuse(path, unfinished
                     ? "is unfinished; run the same `groundglass prepare` again to complete it"
                     : "no such file");
  }
  if (!fs::is_regular_file(path)) refuse(path, "is not a prepared set");
  file_ = std::make_unique<MappedFile>(path);
  uint64_t length = 0;
  const bool magic = file_->size() > kMagicSize + sizeof length &&
                     std::memcmp(file_->data(), kMagic, kMagicSize) == 0;
  if (!magic) refuse(path, "is not a prepared set of this version; run `groundglass prepare`");
  std::memcpy(&length, file_->data() + kMagicSize, sizeof length);
  const size_t text = kMagicSize + sizeof length;
  if (length > file_->size() - text) refuse(path, "is truncated inside its header");
  const json document =
      json::parse(file_->data() + text, file_->data() + text + length, nullptr, false);
  if (!document.is_object()) refuse(path, "the header is damaged");
  header_ = parse_header(path, document);
  begin_ = (text + length + kPage - 1) / kPage * kPage;
  block_ = pixel_bytes(header_) + sizeof(uint64_t);
  const size_t expected = begin_ + block_ * header_.rows.size();
  if (file_->size() != expected) {
    refuse(path, "has " + std::to_string(file_->size()) + " bytes, its header says " +
                     std::to_string(expected) + ": truncated or damaged; prepare it again");
  }
}

const uint8_t* PreparedSet::block_of(int64_t row) const {
  if (row < 0 || row >= size()) {
    fail(ErrorKind::internal, "row " + std::to_string(row) +
                                  " of a prepared set was asked for, expected 0 to " +
                                  std::to_string(size() - 1));
  }
  return file_->data() + begin_ + block_ * static_cast<size_t>(row);
}

torch::Tensor PreparedSet::image(int64_t row) const {
  const uint8_t* block = block_of(row);
  return torch::from_blob(const_cast<uint8_t*>(block),
                          {header_.channels, header_.height, header_.width}, torch::kUInt8);
}

torch::Tensor PreparedSet::mask(int64_t row) const {
  const uint8_t* block = block_of(row);
  const auto offset = static_cast<size_t>(header_.channels * header_.height * header_.width);
  return torch::from_blob(const_cast<uint8_t*>(block + offset), {header_.height, header_.width},
                          torch::kUInt8);
}

void PreparedSet::verify() const {
  Problems problems;
  for (size_t row = 0; row < header_.rows.size(); ++row) {
    const uint8_t* block = file_->data() + begin_ + block_ * row;
    if (!block_is_sound(block, pixel_bytes(header_))) {
      problems.add("row " + header_.rows[row].id + " is damaged (checksum); prepare the set again");
    }
  }
  problems.refuse("prepared set");
}

namespace {

/// Whether the file has its size, and its room on the disk where the file system can reserve it: a
/// disk that is too small is better known now than after hours.
bool reserve(int file, size_t bytes) {
  const auto size = static_cast<off_t>(bytes);
  if (ftruncate(file, size) != 0) return false;
  return fallocate(file, 0, 0, size) == 0 || errno == EOPNOTSUPP || errno == ENOSYS;
}

}  // namespace

PreparedSetWriter::PreparedSetWriter(fs::path path, PreparedHeader header)
    : path_(std::move(path)),
      partial_(path_.string() + ".partial"),
      header_(std::move(header)),
      block_(pixel_bytes(header_) + sizeof(uint64_t)),
      done_(header_.rows.size(), 0) {
  if (!path_.parent_path().empty()) make_folder(path_.parent_path());
  const std::string bytes = header_bytes(header_);
  begin_ = bytes.size();
  file_ = open(partial_.c_str(), O_RDWR | O_CREAT, 0644);
  if (file_ < 0) refuse(partial_, std::string("cannot be written (") + std::strerror(errno) + ")");
  if (belongs_to_another(file_, partial_)) {
    close(std::exchange(file_, -1));
    refuse(path_, "is being prepared by another process; wait for it, or name another file");
  }
  std::string found(begin_, '\0');
  const bool same =
      pread(file_, found.data(), begin_, 0) == static_cast<ssize_t>(begin_) && found == bytes;
  if (!same) {
    const bool written = ftruncate(file_, 0) == 0 && write_all(file_, bytes.data(), begin_, 0);
    if (!written) refuse(partial_, std::string("cannot be written (") + std::strerror(errno) + ")");
  }
  const size_t size = begin_ + block_ * done_.size();
  if (!reserve(file_, size)) {
    refuse(partial_, "cannot be given its size, " + human_bytes(static_cast<double>(size)) + " (" +
                         std::strerror(errno) + "); make room, or name another disk");
  }
  if (!same) return;
  std::vector<uint8_t> block(block_);
  for (size_t row = 0; row < done_.size(); ++row) {
    const auto offset = static_cast<off_t>(begin_ + block_ * row);
    done_[row] = pread(file_, block.data(), block_, offset) == static_cast<ssize_t>(block_) &&
                 block_is_sound(block.data(), pixel_bytes(header_));
  }
}

PreparedSetWriter::~PreparedSetWriter() {
  if (file_ >= 0) close(file_);
}

int64_t PreparedSetWriter::rows_done() const {
  return std::count(done_.begin(), done_.end(), 1);
}

void PreparedSetWriter::write(int64_t row, const torch::Tensor& image, const torch::Tensor& mask) {
  const size_t pixels = pixel_bytes(header_);
  const auto image_bytes = static_cast<size_t>(image.numel());
  std::vector<uint8_t> block(block_, 0);
  std::memcpy(block.data(), image.contiguous().data_ptr<uint8_t>(), image_bytes);
  if (mask.defined()) {
    std::memcpy(block.data() + image_bytes, mask.contiguous().data_ptr<uint8_t>(),
                pixels - image_bytes);
  }
  const uint64_t sum = checksum(block.data(), pixels);
  std::memcpy(block.data() + pixels, &sum, sizeof sum);
  if (!write_all(file_, block.data(), block_, begin_ + block_ * static_cast<size_t>(row))) {
    failed_ = true;
    refuse(partial_, std::string("cannot be written (") + std::strerror(errno) +
                         "); the same call goes on from here once there is room");
  }
  done_[static_cast<size_t>(row)] = 1;
}

void PreparedSetWriter::finish() {
  const auto missing = std::find(done_.begin(), done_.end(), 0);
  if (missing != done_.end()) {
    fail(ErrorKind::internal, path_.string() + ": row " +
                                  header_.rows[static_cast<size_t>(missing - done_.begin())].id +
                                  " was never written");
  }
  const std::string lost = fsync(file_) != 0 ? why_not_written("") : "";
  if (!lost.empty()) refuse(path_, "cannot be written (" + lost + ")");
  std::error_code code;
  fs::rename(partial_, path_, code);  // before the lock is let go of
  if (code) refuse(path_, "cannot be written (" + code.message() + ")");
  close(std::exchange(file_, -1));
}

}  // namespace groundglass
