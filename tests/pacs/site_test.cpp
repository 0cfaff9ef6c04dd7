#include "groundglass/pacs/site.h"

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/pacs/site_check.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

class SiteTest : public ::testing::Test {
 protected:
  std::string refused(const std::string& text, ErrorKind kind = ErrorKind::recipe) {
    write_file(scratch_ / "site.toml", text);
    return complaint(kind, [&] { read_site(scratch_ / "site.toml"); });
  }

  Site site(const std::string& text) {
    write_file(scratch_ / "site.toml", text);
    return read_site(scratch_ / "site.toml");
  }

  ScratchFolder scratch_;
  const std::string begin_ = "[site]\nfolder = \"work\"\nkey = \"key\"\n";
};

TEST_F(SiteTest, PathsAreSeenFromTheFile) {
  const Site s =
      site(begin_ +
           "settle_seconds = 5\n[listener]\nport = 104\n[[caller]]\nae = \"CT1\"\nhost = "
           "\"10.0.0.1\"\n[[destination]]\nname = \"pacs\"\nae = \"PACS\"\nhost = "
           "\"pacs\"\n[series]\nmin_images = 30\n");
  EXPECT_EQ(s.options.folder, (scratch_ / "work").string());
  EXPECT_EQ(s.options.settle_seconds, 5);
  EXPECT_EQ(s.listener_options().port, 104);
  EXPECT_EQ(s.listener_options().callers.front().ae, "CT1");
  EXPECT_EQ(s.destination("pacs").host, "pacs");
  EXPECT_EQ(s.rule.min_images, 30);
  const auto said = complaint(ErrorKind::usage, [&] { s.destination("pac"); });
  EXPECT_TRUE(says(said, {"has no destination 'pac'", "did you mean 'pacs'?"}));
}

TEST_F(SiteTest, MistakesAreNamedWithTheirPlace) {
  EXPECT_TRUE(says(refused("[sites]\n"), {"site.toml:1:", "unknown section 'sites'", "'site'"}));
  EXPECT_TRUE(says(refused("[site]\nfolder = \"work\"\n"), {"[site] has no key"}));
  EXPECT_TRUE(says(refused(begin_ + "listener = 3\n"), {"unknown key 'listener'"}));
  EXPECT_TRUE(says(refused("listener = 3\n"), {"listener is no table"}));
  EXPECT_TRUE(says(refused(begin_ + "[listener]\nae = \"A\\\\B\"\n"), {"is no AE title"}));
  EXPECT_TRUE(says(refused(begin_ + "[[caller]]\nae = \"CT1\"\n"),
                   {"a caller needs an ae of 1 to 16 characters and a host"}));
  EXPECT_TRUE(says(refused(begin_ + "[caller]\nae = \"CT1\"\n"), {"expected [[caller]]"}));
  EXPECT_TRUE(says(refused(begin_ + "[[destination]]\nae = \"P\"\n"), {"has no name"}));
  EXPECT_TRUE(says(refused(begin_ + "[[destination]]\nname = \"p\"\n"),
                   {"needs either ae, host and port, or url"}));
  EXPECT_TRUE(
      says(refused(begin_ + "[[destination]]\nname = \"p\"\nae = \"P\"\n"), {"'p': has no host"}));
  const std::string web = "[[destination]]\nname = \"p\"\nurl = \"http://p\"\n";
  EXPECT_TRUE(says(refused(begin_ + web + web), {"two destinations are called 'p'"}));
  EXPECT_TRUE(says(refused(begin_ + "capture = \"pages\"\n"),
                   {"site.toml:4:", "'capture' is 'pages'", "expected one of frames", "single"}));
  const auto said = complaint(ErrorKind::usage, [&] { read_site(scratch_ / "none.toml"); });
  EXPECT_TRUE(says(said, {"there is no such site file"}));
}

TEST_F(SiteTest, ASecretIsLongAndItsOwnersAlone) {
  const auto key = scratch_ / "key";
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage, [&] { read_site_key(key); }), {"there is no such key"}));
  write_file(key, "0123456789abcdef0123\n");
  fs::permissions(key, fs::perms::owner_read | fs::perms::group_read);
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { read_site_key(key); }), {"chmod 600"}));
  fs::permissions(key, fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(read_site_key(key), "0123456789abcdef0123");
  write_file(key, "short\n");
  fs::permissions(key, fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { read_site_key(key); }),
                   {"holds 5 bytes, expected 16 or more"}));
}

TEST_F(SiteTest, ACheckNamesEverythingThatIsWrongAtOnce) {
  const Site s =
      site(begin_ +
           "free_mib = 16000000\ncapture = \"single\"\n[listener]\nport = 0\nbind = \"0.0.0.0\"\n"
           "[[destination]]\nname = \"pacs\"\nae = \"PACS\"\nhost = "
           "\"127.0.0.1\"\nport = 1\n[[destination]]\nname = \"web\"\nurl = "
           "\"http://127.0.0.1:1/dicom-web\"\n");
  const auto problems = site_problems(s);
  std::string all;
  for (const auto& problem : problems) all += problem + "\n";
  EXPECT_TRUE(says(all, {"there is no such key", "MiB are free, below free_mib = 16000000",
                         "capture = \"single\" is of key slices", "has no sc among them",
                         "no [[caller]] stands there", "bind 0.0.0.0 without TLS",
                         "destination pacs: PACS@127.0.0.1:1:",
                         "destination web: http://127.0.0.1:1/dicom-web: does not answer"}));
  EXPECT_EQ(problems.size(), 7u) << all;
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { check_bind(s); }), {"insecure_network"}));
}

TEST_F(SiteTest, ASiteWithoutDestinationsKeepsItsResults) {
  const auto problems = site_problems(site(begin_ + "[listener]\nport = 0\n"));
  std::string all;
  for (const auto& problem : problems) all += problem + "\n";
  EXPECT_TRUE(says(all, {"no [[destination]] stands there, so results stay in"}));
}

TEST(DicomNames, AreCheckedBeforeTheyBecomeFiles) {
  EXPECT_TRUE(is_uid("1.2.840.10008"));
  for (const char* odd : {"", ".1", "1.", "1..2", "1/2", "../1", "1.2a"}) {
    EXPECT_FALSE(is_uid(odd)) << odd;
  }
  EXPECT_FALSE(is_uid(std::string(65, '1')));
  EXPECT_TRUE(is_ae_title("A"));
  EXPECT_FALSE(is_ae_title(""));
  EXPECT_FALSE(is_ae_title("12345678901234567"));
  EXPECT_EQ(short_uid("1.2.840.113619.2.55.3"), "..13619.2.55.3");
}

}  // namespace
}  // namespace groundglass
