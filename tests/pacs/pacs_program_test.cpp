// The verbs of the hospital road as a site runs them, with dcmtk's tools as CT and PACS.
// tools/hospital_peers does the same for longer, with Orthanc, kills and full disks.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/io/dicom_seg_reader.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "tests/cli/run_program.h"
#include "tests/complaint.h"
#include "tests/pacs/ct_files.h"
#include "tests/pacs/peers.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

class PacsProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_peers()) GTEST_SKIP() << "dcmtk's storescu is not installed";
    port_ = free_port();
    pacs_port_ = free_port();
    write_file(scratch_ / "key", "0123456789abcdef0123456789\n");
    fs::permissions(scratch_ / "key", fs::perms::owner_read | fs::perms::owner_write);
    write_file(scratch_ / "site.toml",
               "[site]\nfolder = \"work\"\nkey = \"key\"\nsettle_seconds = 1\nfree_mib = 10\n"
               "lungs = \"threshold\"\n[listener]\nport = " +
                   std::to_string(port_) +
                   "\n[[caller]]\nae = \"CT1\"\nhost = \"127.0.0.1\"\n[[destination]]\nname = "
                   "\"pacs\"\nae = \"PACS\"\nhost = \"127.0.0.1\"\nport = " +
                   std::to_string(pacs_port_) + "\n[series]\nmax_thickness_mm = 20\n");
    fs::create_directories(scratch_ / "pacs");
  }

  Outcome run(const std::string& words) const {
    return run_shell("groundglass " + words, scratch_.path());
  }

  std::unique_ptr<Child> pacs() const {
    return std::make_unique<Child>(
        std::vector<std::string>{"storescp", "-aet", "PACS", "-od", (scratch_ / "pacs").string(),
                                 std::to_string(pacs_port_)},
        scratch_ / "pacs.log");
  }

  std::unique_ptr<Child> listen() const {
    auto child = std::make_unique<Child>(
        std::vector<std::string>{GROUNDGLASS_BINARY, "listen", (scratch_ / "site.toml").string()},
        scratch_ / "listen.log");
    EXPECT_TRUE(wait_until([&] { return BareConnection(port_).connected(); }, 60));
    return child;
  }

  size_t received() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(scratch_ / "pacs"), fs::directory_iterator()));
  }

  ScratchFolder scratch_;
  uint16_t port_ = 0, pacs_port_ = 0;
};

TEST_F(PacsProgram, AStudyGoesInAndItsResultsComeOutAlthoughItIsKilledBetween) {
  ASSERT_EQ(run("phantom ct --kind ct --format dicom --cases 1 --slices 20 --side 64 -q").code, 0);
  {
    const auto listener = listen();
    ASSERT_EQ(storescu(port_, scratch_ / "ct/case_000", scratch_ / "said"), 0);
    EXPECT_EQ(listener->end(SIGKILL), 128 + SIGKILL);
  }
  const auto receiver = pacs();
  const auto listener = listen();
  ASSERT_TRUE(wait_until([&] { return received() == 2; }, 60))
      << read_file(scratch_ / "listen.log");
  const auto sent = run("send work/results/1 --site site.toml --to pacs --json");
  EXPECT_EQ(sent.code, 0) << sent.err;
  EXPECT_EQ(nlohmann::json::parse(sent.out)["taken"], 2);
  EXPECT_EQ(listener->end(SIGTERM), 143);
  const auto audit = run("audit verify site.toml");
  EXPECT_EQ(audit.code, 0) << audit.err;
  EXPECT_TRUE(says(audit.out, {"rows, each as it was written"}));
  const auto cut = std::system(
      ("sqlite3 '" + (scratch_ / "work/audit.db").string() + "' 'DELETE FROM audit WHERE id > 2'")
          .c_str());
  if (cut == 0) {
    EXPECT_TRUE(says(run("audit verify site.toml").err, {"are cut off"}));
    EXPECT_EQ(run("audit verify site.toml --json").code, 4);
  }
}

TEST_F(PacsProgram, XraysAreSegmentedAndLateralViewsExplained) {
  const std::string site = read_file(scratch_ / "site.toml");
  write_file(scratch_ / "site.toml", site.substr(0, site.find("lungs")) +
                                         "objects = \"sr,sc\"\ncapture = \"single\"\n" +
                                         site.substr(site.find("lungs")));
  for (const char* view : {"PA", "LL"}) {
    CtFile xray;
    xray.modality = "CR";
    xray.series = view == std::string("PA") ? "1.2.3.4" : "1.2.3.5";
    const auto file = scratch_ / (std::string("in/") + view + ".dcm");
    write_ct(file, xray);
    DcmFileFormat dicom;
    dicom.loadFile(file.c_str());
    dicom.getDataset()->putAndInsertString(DCM_ViewPosition, view);
    dicom.getDataset()->putAndInsertString(DCM_WindowCenter, "0");
    dicom.getDataset()->putAndInsertString(DCM_WindowWidth, "2000");
    dicom.saveFile(file.c_str(), EXS_LittleEndianExplicit);
  }
  const auto receiver = pacs();
  const auto listener = listen();
  ASSERT_EQ(storescu(port_, scratch_ / "in", scratch_ / "said"), 0);
  ASSERT_TRUE(wait_until([&] { return received() == 4; }, 60))
      << read_file(scratch_ / "listen.log");
  std::string seg, reports;
  int captures = 0;
  for (const auto& entry : fs::directory_iterator(scratch_ / "pacs")) {
    if (dicom_object_kind(entry.path()) == "SEG") seg = entry.path().string();
    DcmFileFormat dicom;
    dicom.loadFile(entry.path().c_str());
    OFString sop_class;
    dicom.getDataset()->findAndGetOFString(DCM_SOPClassUID, sop_class);
    if (sop_class == UID_SecondaryCaptureImageStorage) ++captures;
    if (dicom_object_kind(entry.path()) != "SR") continue;
    for (const auto& remark : read_dicom_report(entry.path()).remarks) reports += remark + "\n";
  }
  EXPECT_EQ(captures, 1);
  EXPECT_TRUE(read_dicom_segmentation(seg).of_picture);
  EXPECT_TRUE(says(reports, {"Not segmented:", "lateral", "By PixelSpacing"}));
  EXPECT_EQ(reports.find("work/"), std::string::npos) << reports;
}

TEST_F(PacsProgram, ListenTellsEverythingThatIsWrong) {
  const auto nobody = run("listen site.toml --check");
  EXPECT_EQ(nobody.code, 2);
  EXPECT_TRUE(says(nobody.out, {"destination pacs: PACS@127.0.0.1"}));
  EXPECT_TRUE(says(nobody.err, {"site.toml: 1 problem, listed above"}));
  const auto receiver = pacs();
  wait_until([&] { return BareConnection(pacs_port_).connected(); });
  const auto fine = run("listen site.toml --check");
  EXPECT_EQ(fine.code, 0) << fine.out;
  EXPECT_TRUE(says(fine.out, {"everything answers"}));
  fs::remove(scratch_ / "key");
  EXPECT_EQ(nlohmann::json::parse(run("listen site.toml --check --json").out)["problems"].size(),
            1);
  EXPECT_EQ(run("listen site.toml").code, 2);
}

TEST_F(PacsProgram, SendSaysThatNothingIsPromised) {
  write_ct(scratch_ / "in/1.dcm", {});
  const auto receiver = pacs();  // which knows no storage commitment
  wait_until([&] { return BareConnection(pacs_port_).connected(); });
  const auto sent = run("send in --site site.toml --to pacs --commit 1");
  EXPECT_EQ(sent.code, 4);
  EXPECT_TRUE(says(sent.err, {"PACS@127.0.0.1:", "no storage commitment"}));
  EXPECT_EQ(received(), 1u);
}

TEST_F(PacsProgram, SendAndFetchSayWhatIsMissing) {
  const auto nowhere = run("send . --site site.toml --to pax");
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_TRUE(says(nowhere.err, {"has no destination 'pax'", "did you mean 'pacs'?"}));
  const auto nothing = run("send pacs --site site.toml --to pacs");
  EXPECT_EQ(nothing.code, 4);
  EXPECT_TRUE(says(nothing.err, {"holds no DICOM file"}));
  EXPECT_TRUE(says(run("send none.dcm --site site.toml --to pacs").err, {"there is no such file"}));
  EXPECT_TRUE(says(run("send key --site site.toml --to pacs").err, {"is no DICOM file"}));
  const auto all = run("fetch --site site.toml --from pacs");
  EXPECT_EQ(all.code, 2);
  EXPECT_TRUE(says(all.err, {"names nothing to look for"}));
  EXPECT_TRUE(says(run("fetch --site site.toml --from pacs --study a/b").err, {"is no UID"}));
  const auto silent = run("fetch --site site.toml --from pacs --study 1.2 --list");
  EXPECT_EQ(silent.code, 4);
  EXPECT_TRUE(says(silent.err, {"PACS@127.0.0.1:"}));
}

}  // namespace
}  // namespace groundglass
