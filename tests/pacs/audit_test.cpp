#include "groundglass/pacs/audit.h"

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

class AuditTest : public ::testing::Test {
 protected:
  AuditTest() {
    AuditTrail trail(scratch_.path(), "secret of the site");
    for (int i = 1; i <= 4; ++i) {
      trail.add({"sent", "groundglass", "pacs", "1.2." + std::to_string(i), "ab", ""});
    }
  }

  void change(const std::string& sql) {
    Database database(scratch_ / "audit.db", Database::Opening::existing);
    database.run(sql);
  }

  std::string problem(const std::string& key = "secret of the site") {
    return verify_audit(scratch_.path(), key).problem;
  }

  ScratchFolder scratch_;
};

TEST_F(AuditTest, AnUntouchedTrailIsWhole) {
  const auto verdict = verify_audit(scratch_.path(), "secret of the site");
  EXPECT_EQ(verdict.rows, 4);
  EXPECT_EQ(verdict.problem, "");
  AuditTrail(scratch_.path(), "secret of the site").add({"stop", "groundglass", "", "", "", ""});
  EXPECT_EQ(problem(), "");
}

TEST_F(AuditTest, AChangedRowIsFound) {
  change("UPDATE audit SET address = 'elsewhere' WHERE id = 2");
  EXPECT_EQ(problem(), "row 2 was changed, or was written with another site key");
}

TEST_F(AuditTest, TextMovedFromOneColumnToTheNextIsFound) {
  change("UPDATE audit SET actor = 'groundglas', address = 'spacs' WHERE id = 3");
  EXPECT_EQ(problem(), "row 3 was changed, or was written with another site key");
}

TEST_F(AuditTest, AMissingRowIsFound) {
  change("DELETE FROM audit WHERE id = 2");
  EXPECT_EQ(problem(), "row 2 is missing");
}

TEST_F(AuditTest, RowsCutOffAtTheEndAreFound) {
  change("DELETE FROM audit WHERE id > 2");
  EXPECT_EQ(problem(), "rows 3 to 4 are cut off");
  // A head for the row before can not be made without the key.
  write_file(scratch_ / "audit.head", "2 0123\n");
  EXPECT_EQ(problem(), "audit.head does not belong to these rows");
  std::filesystem::remove(scratch_ / "audit.head");
  EXPECT_EQ(problem(), "audit.head does not belong to these rows");
}

TEST_F(AuditTest, AnotherKeyVerifiesNothing) {
  EXPECT_EQ(problem("another secret"), "row 1 was changed, or was written with another site key");
}

TEST_F(AuditTest, AHeadOneRowBehindIsWhatAKillLeaves) {
  const std::string head = read_file(scratch_ / "audit.head");
  AuditTrail(scratch_.path(), "secret of the site").add({"stop", "groundglass", "", "", "", ""});
  write_file(scratch_ / "audit.head", head);
  EXPECT_EQ(problem(), "");
}

TEST_F(AuditTest, AFolderWithoutATrailIsRefused) {
  const ScratchFolder empty;
  complaint(ErrorKind::data, [&] { verify_audit(empty.path(), "secret of the site"); });
}

}  // namespace
}  // namespace groundglass
