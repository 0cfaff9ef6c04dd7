#include <sys/stat.h>

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/core/folder_walk.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> names_below(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& file : walk_folder(folder).files) {
    names.push_back(file.lexically_relative(folder).generic_string());
  }
  return names;
}

TEST(FolderWalk, FollowsLinksAndKeepsTheNamesThatLeadThere) {
  const ScratchFolder folder;
  write_file(folder / "far/deep/x", "");
  write_file(folder / "in/two/y", "");
  write_file(folder / "in/.hidden", "");
  fs::create_directory_symlink(folder / "far", folder / "in/one");
  fs::create_symlink(folder / "far/deep/x", folder / "in/z");
  EXPECT_EQ(names_below(folder / "in"), (std::vector<std::string>{"one/deep/x", "two/y", "z"}));
  EXPECT_TRUE(walk_folder(folder / "in").left_out.empty());
}

TEST(FolderWalk, NoticesCirclesAndTellsThem) {
  const ScratchFolder folder;
  write_file(folder / "in/a/x", "");
  fs::create_directory_symlink("..", folder / "in/a/up");
  fs::create_directory_symlink(folder.path(), folder / "in/above");
  fs::create_directory_symlink("a", folder / "in/again");
  fs::create_symlink("self", folder / "in/self");
  fs::create_symlink("nowhere", folder / "in/broken");
  const FolderWalk walk = walk_folder(folder / "in");
  EXPECT_EQ(walk.files.size(), 1U);
  ASSERT_EQ(walk.left_out.size(), 5U);
  EXPECT_TRUE(says(walk.left_out[0], {"in/a/up: a link to", "searched already or lies above"}));
  EXPECT_TRUE(says(walk.left_out[1], {"in/above: a link to"}));
  EXPECT_TRUE(says(walk.left_out[2], {"in/again: a link to", "in/a,"}));
  EXPECT_TRUE(says(walk.left_out[3], {"in/broken: a link to what is not there"}));
  EXPECT_TRUE(says(walk.left_out[4], {"in/self: cannot be looked at"}));
}

TEST(FolderWalk, LooksIntoOneFolderOnlyIfAsked) {
  const ScratchFolder folder;
  write_file(folder / "a", "");
  write_file(folder / "sub/b", "");
  EXPECT_EQ(files_of_folder(folder.path()).files, std::vector<fs::path>{folder / "a"});
}

TEST(FolderWalk, TellsWhatMayNotBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const ScratchFolder folder;
  write_file(folder / "shut/x", "");
  chmod((folder / "shut").c_str(), 0);
  EXPECT_TRUE(says(walk_folder(folder.path()).left_out.at(0), {"shut: the folder cannot be read"}));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { walk_folder(folder / "shut"); }),
                   {"shut: the folder cannot be read (Permission denied)"}));
  chmod((folder / "shut").c_str(), 0700);
}

TEST(FolderWalk, NamesAFolderHoweverItIsGiven) {
  const ScratchFolder folder;
  fs::create_directories(folder / "a");
  EXPECT_EQ(folder_name(folder / "a"), "a");
  EXPECT_EQ(folder_name(folder / "a/"), "a");
  EXPECT_EQ(folder_name(folder / "a/."), "a");
  EXPECT_EQ(folder_name("/"), "");
  const fs::path before = fs::current_path();
  fs::current_path(folder / "a");
  EXPECT_EQ(folder_name("."), "a");
  fs::current_path(before);
}

}  // namespace
}  // namespace groundglass
