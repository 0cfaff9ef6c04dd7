#include "groundglass/core/files.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    folder =
        fs::path(testing::TempDir()) /
        (std::string("files_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  int64_t entries() const { return std::distance(fs::directory_iterator(folder), {}); }

  fs::path folder;
};

bool begins(const std::string& text, const std::string& beginning) {
  return text.compare(0, beginning.size(), beginning) == 0;
}

TEST_F(Files, WritesAndReadsBytesAsTheyAre) {
  const std::string bytes("\0\r\n\xff z", 6);
  write_file(folder / "a.bin", bytes);
  EXPECT_EQ(read_file(folder / "a.bin"), bytes);
  write_file(folder / "a.bin", "shorter", Flush::to_system);  // replaces
  EXPECT_EQ(read_file(folder / "a.bin"), "shorter");
  write_file(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "empty"), "");
  EXPECT_EQ(entries(), 2);  // nothing temporary is left
}

TEST_F(Files, MakesMissingFolders) {
  write_file(folder / "x" / "y" / "a.txt", "1");
  EXPECT_EQ(read_file(folder / "x" / "y" / "a.txt"), "1");
  make_folder(folder / "x" / "y");  // there already
}

TEST_F(Files, SaysWhichFileCannotBeReadAndWhy) {
  const auto missing = folder / "missing";
  EXPECT_EQ(complaint(ErrorKind::data, [&] { read_file(missing); }),
            missing.string() + ": cannot be opened (No such file or directory)");
  EXPECT_EQ(complaint(ErrorKind::data, [&] { read_file(folder); }),
            folder.string() + ": is a folder, not a file");
}

TEST_F(Files, SaysThatANameIsTooLong) {
  const auto long_name = folder / std::string(300, 'n');
  const auto text = complaint(ErrorKind::data, [&] { read_file(long_name); });
  EXPECT_NE(text.find("File name too long"), std::string::npos) << text;
}

TEST_F(Files, SaysWhichFileCannotBeWrittenAndWhy) {
  write_file(folder / "file", "1");
  const auto below = folder / "file" / "below";
  const auto text = complaint(ErrorKind::usage, [&] { write_file(below / "a", "1"); });
  EXPECT_TRUE(begins(text, below.string() + ": the folder cannot be made (")) << text;
  EXPECT_TRUE(begins(complaint(ErrorKind::usage, [&] { make_folder(folder / "file"); }),
                     (folder / "file").string() + ": the folder cannot be made ("));
  fs::create_directory(folder / "taken");
  write_file(folder / "taken" / "inside", "1");
  EXPECT_TRUE(begins(complaint(ErrorKind::data, [&] { write_file(folder / "taken", "1"); }),
                     (folder / "taken").string() + ": cannot be written (Is a directory)"));
  EXPECT_EQ(entries(), 2);  // the temporary file is gone
}

TEST_F(Files, ShowsAnAtomicFileOnlyAfterItsCommit) {
  {
    AtomicFile file(folder / "slice.png");
    EXPECT_EQ(file.temporary().parent_path(), folder);
    EXPECT_EQ(file.temporary().extension(), ".png");
    std::ofstream(file.temporary()) << "half";
    EXPECT_FALSE(fs::exists(folder / "slice.png"));
    file.commit();
    EXPECT_TRUE(fs::exists(folder / "slice.png"));
  }
  EXPECT_EQ(read_file(folder / "slice.png"), "half");
  EXPECT_EQ(entries(), 1);
}

TEST_F(Files, LeavesNothingWithoutACommitAndKeepsTheOldFile) {
  write_file(folder / "a.txt", "old");
  {
    AtomicFile file(folder / "a.txt");
    std::ofstream(file.temporary()) << "half";
  }
  EXPECT_EQ(read_file(folder / "a.txt"), "old");
  EXPECT_EQ(entries(), 1);
  AtomicFile never_written(folder / "b.txt");
}

TEST_F(Files, GivesTwoWritersOfOneFileTheirOwnTemporaries) {
  AtomicFile a(folder / "a.txt"), b(folder / "a.txt");
  EXPECT_NE(a.temporary(), b.temporary());
}

TEST_F(Files, MapsAFile) {
  write_file(folder / "a.bin", "12345");
  const MappedFile file(folder / "a.bin");
  ASSERT_EQ(file.size(), 5U);
  EXPECT_EQ(std::string(file.data(), file.data() + 5), "12345");
}

TEST_F(Files, RefusesToMapWhatIsNotThereOrEmptyOrAFolder) {
  EXPECT_EQ(complaint(ErrorKind::data, [&] { MappedFile m(folder / "missing"); }),
            (folder / "missing").string() + ": cannot be opened (No such file or directory)");
  write_file(folder / "empty", "");
  EXPECT_EQ(complaint(ErrorKind::data, [&] { MappedFile m(folder / "empty"); }),
            (folder / "empty").string() + ": is empty");
  complaint(ErrorKind::data, [&] { MappedFile m(folder); });
}

// FIPS 180-4 and NIST's example values.
TEST(Sha256, GivesNistsValues) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmno"
                   "pqklmnopqrlmnopqrsmnopqrstnopqrstu"),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Where the padding just fits into the last block and just does not (hashlib's values).
TEST(Sha256, PadsAtEveryLength) {
  EXPECT_EQ(sha256(std::string(55, 'a')),
            "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  EXPECT_EQ(sha256(std::string(56, 'a')),
            "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  EXPECT_EQ(sha256(std::string(63, 'a')),
            "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34");
  EXPECT_EQ(sha256(std::string(64, 'a')),
            "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
  EXPECT_EQ(sha256(std::string(119, 'a')),
            "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb");
  EXPECT_EQ(sha256(std::string(120, 'a')),
            "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c");
}

TEST_F(Files, HashesAFileInPortions) {
  write_file(folder / "big", std::string(1'000'000, 'a'));
  EXPECT_EQ(sha256_of_file(folder / "big"), sha256(std::string(1'000'000, 'a')));
  write_file(folder / "exact", std::string(2 << 16, 'b'));  // whole portions
  EXPECT_EQ(sha256_of_file(folder / "exact"), sha256(std::string(2 << 16, 'b')));
  EXPECT_EQ(complaint(ErrorKind::data, [&] { sha256_of_file(folder / "missing"); }),
            (folder / "missing").string() + ": cannot be opened");
}

TEST_F(Files, RefusesToHashAFolder) {
  complaint(ErrorKind::data, [&] { sha256_of_file(folder); });
}

TEST(InsideFolder, NeverLeadsOut) {
  EXPECT_EQ(inside_folder("a/b.png"), "a/b.png");
  EXPECT_EQ(inside_folder("/data/a.png"), "data/a.png");
  EXPECT_EQ(inside_folder("../../a/./b/../c"), "a/b/c");
  EXPECT_EQ(inside_folder("//x//y"), "x/y");
  EXPECT_EQ(inside_folder(".."), "");
}

TEST_F(Files, TakesEveryNameThatTheFileSystemTakes) {
  const auto longest = folder / (std::string(251, 'n') + ".png");
  write_file(longest, "1");
  EXPECT_EQ(read_file(longest), "1");
  AtomicFile file(longest);
  EXPECT_EQ(file.temporary().extension(), ".png");
  EXPECT_LT(file.temporary().filename().string().size(), 100U);
}

TEST_F(Files, RemovesWhatAKilledProcessHasLeftAndNothingElse) {
  const auto inner = folder / "inner";
  fs::create_directories(inner);
  const pid_t killed = fork();
  if (killed == 0) {
    AtomicFile file(inner / "result.png");
    std::ofstream(file.temporary()) << "half";
    kill(getpid(), SIGKILL);
  }
  waitpid(killed, nullptr, 0);
  const pid_t alive = fork();
  if (alive == 0) {
    AtomicFile file(inner / "other.png");
    std::ofstream(file.temporary()) << "half";
    for (;;) pause();
  }
  const auto temporaries = [&] {
    return std::count_if(fs::directory_iterator(inner), {}, [](const auto& entry) {
      return begins(entry.path().filename().string(), ".tmp-");
    });
  };
  for (int i = 0; i < 500 && temporaries() < 1; ++i) usleep(10000);
  usleep(50000);
  std::ofstream(inner / ".tmp-1-elsewhere-1-1-a.png") << "of another machine";
  std::ofstream(inner / ".tmp-999999999-note.txt") << "not ours";
  write_file(inner / "a.txt", "1");
  EXPECT_EQ(temporaries(), 3);
  kill(alive, SIGKILL);
  waitpid(alive, nullptr, 0);
}

}  // namespace
}  // namespace groundglass
