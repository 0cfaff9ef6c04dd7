#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <functional>

#include <gtest/gtest.h>

#include "groundglass/data/prepared_set.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

PreparedHeader header_of(int64_t rows) {
  PreparedHeader h;
  h.source = "cases.csv";
  h.preprocess = "size = [8, 16]\n";
  h.classes = "binary";
  h.height = 8;
  h.width = 16;
  h.fingerprint = "abc";
  for (int64_t i = 0; i < rows; ++i) {
    const std::string n = std::to_string(i);
    h.rows.push_back({"case/" + n, "case", "patient " + n, "domain", "", i % 2 == 0});
  }
  return h;
}

torch::Tensor image_of(int64_t row) {
  torch::manual_seed(static_cast<uint64_t>(row));
  return torch::randint(0, 256, {1, 8, 16}, torch::kUInt8);
}

torch::Tensor mask_of(int64_t row) {
  torch::manual_seed(static_cast<uint64_t>(row) + 1000);
  return torch::randint(0, 2, {8, 16}, torch::kUInt8);
}

void write_all(const fs::path& path, int64_t rows) {
  PreparedSetWriter writer(path, header_of(rows));
  for (int64_t i = 0; i < rows; ++i) writer.write(i, image_of(i), mask_of(i));
  writer.finish();
}

void change_byte(const fs::path& path, int64_t from_end) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-from_end, std::ios::end);
  const int byte = file.get();
  file.seekp(-from_end, std::ios::end);
  file.put(static_cast<char>(byte ^ 0x55));
}

TEST(PreparedSet, GivesBackWhatWasWritten) {
  const ScratchFolder folder;
  write_all(folder / "a.ggset", 5);
  const PreparedSet set(folder / "a.ggset");
  EXPECT_EQ(set.header(), header_of(5));
  for (int64_t i = 0; i < 5; ++i) {
    EXPECT_TRUE(torch::equal(set.image(i), image_of(i)));
    EXPECT_TRUE(torch::equal(set.mask(i), mask_of(i)));
  }
  EXPECT_NO_THROW(set.verify());
  EXPECT_FALSE(fs::exists(folder / "a.ggset.partial"));
}

TEST(PreparedSet, KeepsFinishedRowsOfAnInterruptedWriter) {
  const ScratchFolder folder;
  {
    PreparedSetWriter writer(folder / "a.ggset", header_of(4));
    writer.write(2, image_of(2), mask_of(2));
    writer.write(0, image_of(0), torch::Tensor());
  }
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { PreparedSet set(folder / "a.ggset"); }),
                   {"unfinished", "prepare"}));
  PreparedSetWriter writer(folder / "a.ggset", header_of(4));
  EXPECT_EQ(writer.rows_done(), 2);
  EXPECT_TRUE(writer.has(0) && writer.has(2));
  EXPECT_FALSE(writer.has(1) || writer.has(3));
  EXPECT_TRUE(says(complaint(ErrorKind::internal, [&] { writer.finish(); }), {"case/1"}));
  writer.write(1, image_of(1), mask_of(1));
  writer.write(3, image_of(3), mask_of(3));
  writer.finish();
  const PreparedSet set(folder / "a.ggset");
  EXPECT_TRUE(torch::equal(set.image(2), image_of(2)));
  EXPECT_EQ(set.mask(0).sum().item<int64_t>(), 0);  // a row without a mask holds zeros
}

TEST(PreparedSet, ForgetsRowsOfAnotherPreparation) {
  const ScratchFolder folder;
  {
    PreparedSetWriter writer(folder / "a.ggset", header_of(3));
    writer.write(0, image_of(0), mask_of(0));
  }
  auto other = header_of(3);
  other.fingerprint = "the files have changed";
  EXPECT_EQ(PreparedSetWriter(folder / "a.ggset", other).rows_done(), 0);
}

TEST(PreparedSet, IsLeftToTheProcessThatWritesIt) {
  const ScratchFolder folder;
  const fs::path path = folder / "a.ggset";
  {
    PreparedSetWriter first(path, header_of(3));
    first.write(0, image_of(0), mask_of(0));
    EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { PreparedSetWriter(path, header_of(9)); }),
                     {"a.ggset: is being prepared by another process"}));
  }
  EXPECT_EQ(PreparedSetWriter(path, header_of(3)).rows_done(), 1) << "killed, so it goes on";
}

/// What is said when no file may grow beyond so many bytes.
std::string told_within(uintmax_t bytes, const std::function<void()>& work) {
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit less = {bytes, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &less);
  const std::string told = complaint(ErrorKind::data, work);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  return told;
}

TEST(PreparedSet, SaysAtOnceThatItHasNoRoom) {
  const ScratchFolder folder;
  const fs::path path = folder / "a.ggset";
  { PreparedSetWriter writer(path, header_of(3)); }
  const auto size = fs::file_size(folder / "a.ggset.partial");
  fs::remove(folder / "a.ggset.partial");
  const auto told = told_within(size - 1, [&] { PreparedSetWriter(path, header_of(3)); });
  EXPECT_TRUE(
      says(told, {"a.ggset.partial: cannot be given its size", "File too large", "make room"}));
}

TEST(PreparedSet, KnowsThatNoRowCanBeWrittenAnyMore) {
  const ScratchFolder folder;
  PreparedSetWriter writer(folder / "a.ggset", header_of(3));
  writer.write(0, image_of(0), mask_of(0));
  EXPECT_FALSE(writer.failed());
  const auto size = fs::file_size(folder / "a.ggset.partial");
  const auto told = told_within(size - 1, [&] { writer.write(2, image_of(2), mask_of(2)); });
  EXPECT_TRUE(says(told, {"a.ggset.partial: cannot be written (File too large)", "goes on"}));
  EXPECT_TRUE(writer.failed());
  EXPECT_EQ(writer.rows_done(), 1);
}

TEST(PreparedSet, TrustsNoHalfWrittenRow) {
  const ScratchFolder folder;
  {
    PreparedSetWriter writer(folder / "a.ggset", header_of(3));
    for (int64_t i = 0; i < 3; ++i) writer.write(i, image_of(i), mask_of(i));
  }
  change_byte(folder / "a.ggset.partial", 40);  // in the last row's pixels
  const PreparedSetWriter writer(folder / "a.ggset", header_of(3));
  EXPECT_EQ(writer.rows_done(), 2);
  EXPECT_FALSE(writer.has(2));
}

TEST(PreparedSet, NamesDamagedRows) {
  const ScratchFolder folder;
  write_all(folder / "a.ggset", 3);
  change_byte(folder / "a.ggset", 40);
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { PreparedSet(folder / "a.ggset").verify(); }),
                   {"case/2", "damaged"}));
}

TEST(PreparedSet, RefusesWhatIsNoPreparedSet) {
  const ScratchFolder folder;
  const auto refusal = [&](const std::string& name) {
    return complaint(ErrorKind::data, [&] { PreparedSet set(folder / name); });
  };
  EXPECT_TRUE(says(refusal("nowhere.ggset"), {"nowhere.ggset", "no such file"}));
  std::ofstream(folder / "text.ggset") << "this is a text, not a set of images, but long enough";
  EXPECT_TRUE(says(refusal("text.ggset"), {"not a prepared set"}));
  std::ofstream(folder / "empty.ggset").close();
  EXPECT_TRUE(says(refusal("empty.ggset"), {"empty"}));
  write_all(folder / "short.ggset", 3);
  fs::resize_file(folder / "short.ggset", fs::file_size(folder / "short.ggset") - 100);
  EXPECT_TRUE(says(refusal("short.ggset"), {"truncated", "bytes"}));
  fs::resize_file(folder / "short.ggset", 60);
  EXPECT_TRUE(says(refusal("short.ggset"), {"truncated inside its header"}));
  fs::create_directory(folder / "folder.ggset");
  EXPECT_TRUE(says(refusal("folder.ggset"), {"is not a prepared set"}));
}

}  // namespace
}  // namespace groundglass
