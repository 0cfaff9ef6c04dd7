// Archives that are uploaded: what is unpacked, and what is refused as a whole.
#include <fstream>

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/serve/archive.h"
#include "groundglass/serve/upload_path.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// One stored entry of a zip archive, as plain as the format allows.
struct Entry {
  std::string name, bytes;
  uint32_t mode = 0100644;  ///< as Unix has it
  uint32_t crc = 0;
};

uint32_t crc_of(const std::string& bytes) {
  uint32_t crc = ~0U;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0);
  }
  return ~crc;
}

void put(std::string& out, uint32_t value, int bytes) {
  for (int k = 0; k < bytes; ++k) out += static_cast<char>(value >> (8 * k));
}

std::string zip_of(const std::vector<Entry>& entries) {
  std::string out, directory;
  for (const auto& e : entries) {
    const auto at = static_cast<uint32_t>(out.size());
    const auto size = static_cast<uint32_t>(e.bytes.size());
    std::string shared;
    for (const uint32_t word : {20U, 0U, 0U, 0U, 0x21U}) put(shared, word, 2);
    put(shared, crc_of(e.bytes), 4);
    put(shared, size, 4);
    put(shared, size, 4);
    put(shared, static_cast<uint32_t>(e.name.size()), 2);
    put(shared, 0, 2);
    out += "PK\x03\x04" + shared + e.name + e.bytes;
    directory += "PK\x01\x02";
    put(directory, 0x0314, 2);  // made by Unix
    directory += shared;
    put(directory, 0, 2);
    put(directory, 0, 2);
    put(directory, 0, 2);
    put(directory, e.mode << 16, 4);
    put(directory, at, 4);
    directory += e.name;
  }
  const auto at = static_cast<uint32_t>(out.size());
  out += directory + "PK\x05\x06";
  put(out, 0, 4);
  put(out, static_cast<uint32_t>(entries.size()), 2);
  put(out, static_cast<uint32_t>(entries.size()), 2);
  put(out, static_cast<uint32_t>(directory.size()), 4);
  put(out, at, 4);
  put(out, 0, 2);
  return out;
}

class Archive : public testing::Test {
 protected:
  std::string refusal(const std::vector<Entry>& entries, const UnpackLimits& limits = {}) {
    write_file(folder / "a.zip", zip_of(entries));
    const std::string said =
        complaint(ErrorKind::data, [&] { unpack_zip(folder / "a.zip", folder / "out", limits); });
    EXPECT_FALSE(fs::exists(folder / "out")) << "leaves something";
    EXPECT_FALSE(fs::exists(folder / "evil"));
    EXPECT_TRUE(says(said, {"a.zip: "}));
    return said;
  }
  ScratchFolder folder;
};

TEST_F(Archive, IsUnpackedWithItsFolders) {
  write_file(folder / "a.zip", zip_of({{"series/1.dcm", "one"}, {"series/2.dcm", "two"}}));
  const Unpacked done = unpack_zip(folder / "a.zip", folder / "out");
  EXPECT_EQ(done.files, 2);
  EXPECT_EQ(done.bytes, 6);
  EXPECT_EQ(read_file(folder / "out/series/2.dcm"), "two");
}

TEST_F(Archive, HasNamesOfAllAlphabets) {
  const std::string name = "M\xc3\xbcller/\xe8\x82\xba.dcm";
  for (const uint32_t flags : {0U, 0x800U}) {  // names without a word about it, and told as UTF-8
    std::string zip = zip_of({{name, "one"}});
    for (const size_t at : {size_t{6}, zip.find("PK\x01\x02") + 8}) {
      zip[at + 1] = static_cast<char>(flags >> 8);
    }
    write_file(folder / "a.zip", zip);
    unpack_zip(folder / "a.zip", folder / "out");
    EXPECT_EQ(read_file(folder / "out" / name), "one") << flags;
    fs::remove_all(folder / "out");
  }
}

TEST_F(Archive, LeadsNowhereElse) {
  for (const std::string name : {"../evil", "/evil", "a/../../evil", "CON", "a/./b"}) {
    refusal({{"good", "x"}, {name, "x"}});
  }
  EXPECT_TRUE(says(refusal({{"../evil", "x"}}), {"'../evil'", "holds the part '..'"}));
}

TEST_F(Archive, HoldsFilesAlone) {
  EXPECT_TRUE(says(refusal({{"link", "/etc/passwd", 0120777}}), {"link or device", "'link'"}));
  EXPECT_TRUE(says(refusal({{"a", "x"}, {"A", "y"}}), {"'A' twice"}));
  EXPECT_TRUE(says(refusal({}), {"holds no files"}));
}

TEST_F(Archive, StaysWithinItsLimits) {
  EXPECT_TRUE(
      says(refusal({{"a", "x"}, {"b", "x"}, {"c", "x"}}, {.files = 2}), {"more than 2 files"}));
  EXPECT_TRUE(says(refusal({{"a", std::string(100, 'x')}}, {.bytes = 99}), {"more than 99 B"}));
}

TEST_F(Archive, IsNoBomb) {
  std::ofstream(folder / "zeros", std::ios::binary) << std::string(80 << 20, '\0');
  pack_zip(folder / "bomb.zip", {{"zeros", folder / "zeros"}});
  EXPECT_LT(fs::file_size(folder / "bomb.zip"), 200000U);
  const std::string said =
      complaint(ErrorKind::data, [&] { unpack_zip(folder / "bomb.zip", folder / "out"); });
  EXPECT_TRUE(says(said, {"bomb.zip: unpacks to more than 200 times its size"}));
  EXPECT_FALSE(fs::exists(folder / "out"));
}

TEST_F(Archive, IsRefusedWhenDamaged) {
  write_file(folder / "b.zip", "PK\x03\x04 and no more");
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { unpack_zip(folder / "b.zip", folder / "out"); }),
           {"b.zip: is no whole zip archive"}));
  write_file(folder / "c.zip", "hello");
  complaint(ErrorKind::data, [&] { unpack_zip(folder / "c.zip", folder / "out"); });
  std::string cut = zip_of({{"a", std::string(1000, 'x')}});
  cut.resize(500);
  write_file(folder / "d.zip", cut);
  complaint(ErrorKind::data, [&] { unpack_zip(folder / "d.zip", folder / "out"); });
  // Cut between two files, where the front alone looks whole, and one whose list tells of more.
  const std::string both = zip_of({{"1.dcm", "one"}, {"2.dcm", "two"}});
  const size_t second = both.find("PK\x03\x04", 4);
  for (const size_t length : {second, both.find("PK\x01\x02"), both.size() - 1}) {
    write_file(folder / "e.zip", both.substr(0, length));
    EXPECT_TRUE(
        says(complaint(ErrorKind::data, [&] { unpack_zip(folder / "e.zip", folder / "out"); }),
             {"e.zip: is no whole zip archive"}))
        << length;
    EXPECT_FALSE(fs::exists(folder / "out"));
  }
  std::string counted = both;
  counted[counted.rfind("PK\x05\x06") + 10] = 3;
  write_file(folder / "f.zip", counted);
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { unpack_zip(folder / "f.zip", folder / "out"); }),
           {"holds 2 entries, expected 3"}));
}

TEST(FilesInside, AreNotReachedThroughALinkToAFolderOutside) {
  const ScratchFolder folder;
  fs::create_directory(folder / "workspace");
  fs::create_directory(folder / "outside");
  write_file(folder / "workspace/a.txt", "a");
  write_file(folder / "outside/secret.txt", "secret");
  fs::create_directory_symlink(folder / "outside", folder / "workspace/link");
  EXPECT_TRUE(is_file_inside(folder / "workspace", folder / "workspace/a.txt"));
  EXPECT_FALSE(is_file_inside(folder / "workspace", folder / "workspace/link/secret.txt"));
  EXPECT_FALSE(is_file_inside(folder / "workspace", folder / "workspace"));
}

}  // namespace
}  // namespace groundglass
