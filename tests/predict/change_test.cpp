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

/// Chest X-rays as summary.json has them.
class ChangeOfXrays : public ::testing::Test {
 protected:
  struct Xray {
    int64_t infected = 1000;  ///< of 10,000 pixels of lung, half of them on each side
    std::optional<double> pixel_mm2 = 4;
    std::string pixel_from = "PixelSpacing", lungs = "xray_lungs", reason = "", scale = "two lungs";
    int64_t lung_pixels = 10000;
  };

  void write(const std::string& name, const Xray& x) {
    using nlohmann::ordered_json;
    const auto region = [&](const char* side) {
      return ordered_json{
          {"region", side}, {"infected_voxels", x.infected / 2}, {"voxels", x.lung_pixels / 2}};
    };
    ordered_json found = {
        {"input", name},
        {"size", {200, 300}},
        {"lesion_ml", nullptr},
        {"lesion_cm2", nullptr},
        {"lesion_fraction_of_lung", nullptr},
        {"lungs", x.lungs},
        {"acquisition", {{"pixel_from", x.pixel_from}, {"source_uid", "1.2"}}},
        {"severity",
         {{"scale", x.scale},
          {"score", nullptr},
          {"reason", nullptr},
          {"regions", ordered_json::array({region("right lung"), region("left lung")})}}},
        {"warnings", ordered_json::array()}};
    if (x.pixel_mm2) {
      found["lesion_cm2"] = static_cast<double>(x.infected) * *x.pixel_mm2 / 100;
      found["acquisition"]["pixel_mm2"] = *x.pixel_mm2;
    }
    if (x.reason.empty()) {
      found["lesion_fraction_of_lung"] =
          static_cast<double>(x.infected) / static_cast<double>(x.lung_pixels);
      found["severity"]["score"] = x.infected > 2500 ? 4 : 2;
    } else {
      found["severity"]["reason"] = x.reason;
    }
    write_file(
        scratch_ / name / "summary.json",
        ordered_json{
            {"weights_sha256", "aa"}, {"version", "1"}, {"cases", ordered_json::array({found})}}
            .dump());
  }
  Change change() { return change_between(scratch_ / "a", scratch_ / "b", SamePatient::given); }

  ScratchFolder scratch_;
};

TEST_F(ChangeOfXrays, IsToldInSquareCentimetresPointsAndScore) {
  write("a", {});
  write("b", {.infected = 3000});
  const Change c = change();
  EXPECT_EQ(c.verdict, "more infection");
  EXPECT_EQ(c.verdict_by, "share_percent");
  EXPECT_NEAR(*c.lesion_cm2.difference(), 80, 1e-9);
  EXPECT_NEAR(*c.share_percent.difference(), 20, 1e-9);
  EXPECT_NEAR(*c.relative_percent, 200, 1e-9);
  EXPECT_EQ(*c.score.difference(), 2);
  EXPECT_EQ(*c.lung_cm2.before, 400);
  ASSERT_EQ(c.regions.size(), 2U);
  EXPECT_NEAR(*c.regions[0].share_percent.after, 30, 1e-9);
  EXPECT_FALSE(c.lesion_ml.before);
  EXPECT_TRUE(c.warnings.empty());
  EXPECT_TRUE(says(change_sentence(c), {"more infection, lesion 40.0 and now 120.0 cm2",
                                        "share of the lungs 10.0 and now 30.0 %",
                                        "points of two lungs 2 and now 4", "in the projection"}));
  const auto json = change_json(c);
  EXPECT_EQ(json["image"], "xray");
  EXPECT_EQ(json["lesion_ml"]["before"], nullptr);
  EXPECT_TRUE(says(json["definitions"].dump(), {"two lungs, 0 to 8", "was not measured"}));
  write("b", {.infected = 1190});  // within 2 points
  EXPECT_EQ(change().verdict, "no clear change");
}

TEST_F(ChangeOfXrays, IsOfTheAreaWhereTheLungsCannotBeTrusted) {
  write("a", {});
  write("b", {.infected = 1200, .reason = "the lungs are cut off"});
  Change c = change();
  EXPECT_EQ(c.verdict, "no clear change");  // 8 cm2
  EXPECT_EQ(c.verdict_by, "lesion_cm2");
  ASSERT_EQ(c.warnings.size(), 1U);
  EXPECT_TRUE(says(c.warnings[0], {"second X-ray have no score", "are cut off"}));
  write("b", {.infected = 400, .reason = "the lungs are cut off"});
  EXPECT_EQ(change().verdict, "less infection");
  write("b", {.infected = 1500, .lungs = "a mask"});
  c = change();
  EXPECT_EQ(c.verdict_by, "lesion_cm2");
  EXPECT_TRUE(says(c.warnings.at(0), {"found in two ways"}));
}

TEST_F(ChangeOfXrays, CannotBeToldWithoutANumberThatBothHave) {
  write("a", {});
  write("b", {.pixel_mm2 = {}, .reason = "no lungs were found"});
  Change c = change();
  EXPECT_EQ(c.verdict, "cannot be told");
  EXPECT_EQ(change_json(c)["verdict_by"], nullptr);
  EXPECT_FALSE(c.relative_percent);
  write("b", {.pixel_from = "ImagerPixelSpacing", .reason = "no lungs were found"});
  c = change();
  EXPECT_EQ(c.verdict, "cannot be told");
  EXPECT_TRUE(says(c.warnings.at(1), {"told in two ways (PixelSpacing, ImagerPixelSpacing)"}));
}

TEST_F(ChangeOfXrays, WarnsOfAnotherBreathOrDistance) {
  write("a", {});
  write("b", {.lung_pixels = 12000});
  EXPECT_TRUE(says(change().warnings.at(0), {"cover 400 and 480 cm2", "another breath, position"}));
}

TEST_F(ChangeOfXrays, IsKeptForTheReport) {
  write("a", {});
  write("b", {.infected = 3000});
  keep_change(change(), scratch_ / "a", scratch_ / "b");
  const auto kept =
      nlohmann::json::parse(read_file(scratch_ / "b/summary.json"))["cases"][0]["change"];
  EXPECT_EQ(kept["lesion_cm2"]["after"], 120);
}

TEST_F(ChangeOfXrays, IsNotThatOfACt) {
  write("a", {});
  write("b", {});
  auto ct = nlohmann::json::parse(read_file(scratch_ / "b/summary.json"));
  ct["cases"][0]["lesion_ml"] = 5;
  ct["cases"][0]["severity"] = nullptr;
  write_file(scratch_ / "b/summary.json", ct.dump());
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { change(); }),
                   {"a CT and a chest X-ray", "expected two of a kind"}));
  ct["cases"] = nlohmann::json::array();
  for (int i = 0; i < 2; ++i) {
    ct["cases"].push_back(
        nlohmann::json::parse(read_file(scratch_ / "a/summary.json"))["cases"][0]);
  }
  write_file(scratch_ / "b/summary.json", ct.dump());
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { change(); }),
                   {"holds 0 volumes in HU and 2 chest X-rays, expected one"}));
}

}  // namespace
}  // namespace groundglass
