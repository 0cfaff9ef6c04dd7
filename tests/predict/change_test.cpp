#include "groundglass/predict/change.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/files.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

class ChangeTest : public ::testing::Test {
 protected:
  struct Study {
    double lesion_ml = 100, lung_ml = 4000;
    int score = 8;
    int64_t infected = 50;  ///< of 1000 voxels of the right upper zone
    std::string weights = "aa", patient = "P1", date = "20260101", lungs = "ct_lungs";
    std::string kernel = "B30f", manufacturer = "SIEMENS";
    double spacing_mm = 1;
  };

  void write(const std::string& name, const Study& s) {
    const fs::path folder = scratch_ / name;
    nlohmann::ordered_json found = {
        {"input", name},
        {"lesion_ml", s.lesion_ml},
        {"lung_ml", s.lung_ml},
        {"lesion_fraction_of_lung", s.lesion_ml / s.lung_ml},
        {"lungs", s.lungs},
        {"acquisition",
         {{"slice_spacing_mm", s.spacing_mm},
          {"convolution_kernel", s.kernel},
          {"manufacturer", s.manufacturer}}},
        {"severity",
         {{"score", s.score},
          {"regions",
           nlohmann::json::array(
               {{{"region", "right upper"}, {"infected_voxels", s.infected}, {"voxels", 1000}}})}}},
        {"dicom_objects", nlohmann::json::array({{{"file", "a_sr.dcm"}}})},
        {"warnings", nlohmann::json::array()}};
    write_file(folder / "summary.json",
               nlohmann::ordered_json{{"weights_sha256", s.weights},
                                      {"version", "1"},
                                      {"cases", nlohmann::json::array({found})}}
                   .dump());
    if (s.patient.empty()) return;
    DcmFileFormat file;
    DcmDataset& data = *file.getDataset();
    data.putAndInsertString(DCM_SOPClassUID, UID_EnhancedSRStorage);
    data.putAndInsertString(DCM_SOPInstanceUID, "1.2");
    data.putAndInsertString(DCM_PatientID, s.patient.c_str());
    data.putAndInsertString(DCM_StudyDate, s.date.c_str());
    file.saveFile((folder / "a_sr.dcm").c_str(), EXS_LittleEndianExplicit);
  }

  Change change(SamePatient same = SamePatient::by_dicom) {
    return change_between(scratch_ / "a", scratch_ / "b", same);
  }

  ScratchFolder scratch_;
};

TEST_F(ChangeTest, IsToldInMlPercentagePointsAndDays) {
  write("a", {});
  write("b", {.lesion_ml = 150, .lung_ml = 3750, .score = 10, .infected = 80, .date = "20260131"});
  const Change c = change();
  EXPECT_EQ(c.verdict, "more infection");
  EXPECT_DOUBLE_EQ(*c.lesion_ml.difference(), 50);
  EXPECT_DOUBLE_EQ(*c.relative_percent, 50);
  EXPECT_NEAR(*c.share_percent.difference(), 1.5, 1e-9);  // 2.5 % and 4 %
  EXPECT_DOUBLE_EQ(*c.score.difference(), 2);
  EXPECT_EQ(*c.days, 30);
  ASSERT_EQ(c.regions.size(), 1U);
  EXPECT_NEAR(*c.regions[0].share_percent.difference(), 3, 1e-9);
  EXPECT_TRUE(c.warnings.empty());
  const auto document = change_json(c);
  EXPECT_EQ(document["lesion_ml"]["change"], 50);
  EXPECT_TRUE(says(document["note"].get<std::string>(), {"not a medical device"}));
}

TEST_F(ChangeTest, SmallDifferencesAreNoClearChange) {
  write("a", {});
  write("b", {.lesion_ml = 110});
  EXPECT_EQ(change().verdict, "no clear change");  // 10 %
  write("b", {.lesion_ml = 110.1});
  EXPECT_EQ(change().verdict, "more infection");
  write("b", {.lesion_ml = 89.9});
  EXPECT_EQ(change().verdict, "less infection");
  write("a", {.lesion_ml = 0.9});
  write("b", {.lesion_ml = 1.9});
  EXPECT_EQ(change().verdict, "no clear change");  // 1 ml
  EXPECT_FALSE(change().relative_percent);
}

TEST_F(ChangeTest, WarnsOfWhatElseMayHaveChanged) {
  write("a", {});
  write("b", {.lesion_ml = 150, .lung_ml = 4700, .weights = "bb", .date = "20251231"});
  const auto warnings = change().warnings;
  ASSERT_EQ(warnings.size(), 3U);
  EXPECT_TRUE(says(warnings[0], {"another weights"}));
  EXPECT_TRUE(says(warnings[1], {"4000 and 4700 ml", "another breath"}));
  EXPECT_TRUE(says(warnings[2], {"was made after the second"}));
}

TEST_F(ChangeTest, WarnsOfOtherSlicesKernelsMachinesAndLungs) {
  write("a", {});
  write("b", {.spacing_mm = 1.05});  // as near as scanners place them
  EXPECT_TRUE(change().warnings.empty());
  const auto warning = [&](const Study& b) {
    write("b", b);
    const auto warnings = change().warnings;
    EXPECT_EQ(warnings.size(), 1U);
    return warnings.empty() ? std::string() : warnings[0];
  };
  EXPECT_TRUE(says(warning({.spacing_mm = 5}), {"1 and 5 mm apart"}));
  EXPECT_TRUE(says(warning({.kernel = "B70f"}), {"other kernels", "'B30f' and 'B70f'"}));
  EXPECT_TRUE(says(warning({.manufacturer = "GE"}), {"other manufacturers", "'SIEMENS' and 'GE'"}));
  EXPECT_TRUE(says(warning({.lungs = "threshold"}), {"in two ways", "ct_lungs, threshold"}));
  write("b", {.kernel = "", .manufacturer = ""});  // not told: nothing to warn of
  EXPECT_TRUE(change().warnings.empty());
}

TEST_F(ChangeTest, StudiesOfDifferentPatientsAreNotCompared) {
  write("a", {});
  write("b", {.patient = "P2"});
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { change(); }), {"different patients"}));
  EXPECT_EQ(change(SamePatient::given).verdict, "no clear change");
  write("c", {.patient = ""});
  const auto said = complaint(ErrorKind::data, [&] {
    change_between(scratch_ / "a", scratch_ / "c", SamePatient::by_dicom);
  });
  EXPECT_TRUE(says(said, {"holds no DICOM object that names its patient"}));
  EXPECT_FALSE(change_between(scratch_ / "a", scratch_ / "c", SamePatient::given).days);
}

TEST_F(ChangeTest, NeedsOneVolumeInEachFolder) {
  write("a", {});
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { change(); }), {"holds no summary.json"}));
  write_file(scratch_ / "b/summary.json", "{\"cases\": []}");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { change(); }), {"holds 0 volumes in HU"}));
}

}  // namespace
}  // namespace groundglass
