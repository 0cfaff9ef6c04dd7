// The report of a study that predict segmented.
#include <iterator>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/pdf_document.h"
#include "groundglass/report/predict_report.h"
#include "groundglass/report/study_findings.h"
#include "tests/complaint.h"
#include "tests/io/dicom_object_samples.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

/// 12 slices of 20 x 16 voxels of 2 x 2 x 5 mm, feet first: a body of water in air with two lesions
/// of -400 HU, 5 x 4 x 3 and 2 x 2 x 2 voxels.
struct SmallStudy {
  torch::Tensor voxels = torch::full({12, 20, 16}, -1000, torch::kInt16);
  torch::Tensor mask = torch::zeros({12, 20, 16}, torch::kUInt8);
  Geometry geometry;

  SmallStudy() {
    geometry.spacing_mm = {2, 2, 5};
    voxels.narrow(1, 2, 16).narrow(2, 2, 12).fill_(0);
    put(mask, 2, 4, 4, {3, 4, 5}, 1);
    put(mask, 9, 12, 10, {2, 2, 2}, 1);
    voxels.masked_fill_(mask > 0, -400);
  }
  static void put(torch::Tensor& to, int64_t k, int64_t j, int64_t i,
                  const std::array<int64_t, 3>& size, int value) {
    to.narrow(0, k, size[0]).narrow(1, j, size[1]).narrow(2, i, size[2]).fill_(value);
  }
};

class StudyReport : public testing::Test {
 protected:
  void SetUp() override {
    write_volume(folder / "ct.nii.gz", {study.voxels, study.geometry, Units::hu, 255, {}});
    write_label_volume(folder / "ct_mask.nii.gz", {study.mask, study.geometry});
    write_summary((folder / "ct.nii.gz").string());
  }
  void write_summary(const std::string& input) {
    write_file(
        folder / "summary.json",
        R"({"model":"m","weights_sha256":"0123456789abcdef0","threshold":0.5,"precision":"fp32",)"
        R"("seconds":1.5,"cases":[{"input":")" +
            input +
            R"(","output":"ct_mask.nii.gz","modality":"CT","size":[12,20,16],"lesion_pixels":68,)"
            R"("lesion_fraction_of_lung":0.25,"lesion_ml":1.36,"lung_ml":5.44,"lungs":"ct_lungs",)"
            R"("attenuation":{"mean_hu":-400.0,"deviation_hu":0.0},"severity":{"scale":"six zones",)"
            R"("score":3,"most":24,"reason":"","regions":[{"region":"right upper",)"
            R"("infected_voxels":60,"voxels":240,"points":2,"lesion_mean_hu":-412.3}]},)"
            R"("warnings":["careful"]}]})");
  }
  AxialSource opened() const { return {folder / "ct.nii.gz", UnitsAsked::hu}; }

  SmallStudy study;
  const ScratchFolder folder;
};

TEST_F(StudyReport, MeasuresLesionsAndTheirPlaces) {
  auto volume = opened();
  const auto found = study_findings(volume, study.mask);
  const auto& lesions = found.lesions.listed;
  ASSERT_EQ(lesions.size(), 2U);
  EXPECT_EQ(lesions[0].voxels, 60);
  EXPECT_NEAR(found.voxel_ml, 20 / 1000.0, 1e-9);
  EXPECT_NEAR(*lesions[0].mean_hu, -400, 1e-9);
  EXPECT_NEAR((*lesions[0].centre_lps_mm)[0], 6 * 2, 1e-6);
  EXPECT_NEAR((*lesions[0].centre_lps_mm)[1], 5.5 * 2, 1e-6);
  EXPECT_NEAR((*lesions[0].centre_lps_mm)[2], 3 * 5, 1e-6);
  EXPECT_EQ(lesions[0].first_slice, 2);
  EXPECT_EQ(lesions[0].last_slice, 4);
  EXPECT_EQ(lesions[1].voxels, 8);
}

// Slices are stored from the feet on; the curve runs from the head down.
TEST_F(StudyReport, DrawsTheBurdenFromTheHeadDown) {
  auto volume = opened();
  const auto found = study_findings(volume, study.mask);
  ASSERT_EQ(found.burden.size(), 12U);
  EXPECT_NEAR(found.burden[11 - 2], 20 * 20 / 1000.0, 1e-9);
  EXPECT_NEAR(found.burden[11 - 9], 4 * 20 / 1000.0, 1e-9);
  EXPECT_EQ(found.burden[0], 0);
  EXPECT_EQ(burden_figure(found).sizes(), torch::IntArrayRef({3, 260, 900}));
}

TEST_F(StudyReport, ShowsTheFullestSlicesOfThreePlanesWithSquarePixels) {
  auto volume = opened();
  const auto found = study_findings(volume, study.mask);
  ASSERT_EQ(found.slices.size(), 5U);
  const auto& axial = found.slices[0];
  const auto &coronal = found.slices[3], &sagittal = found.slices[4];
  EXPECT_EQ(axial.plane, Plane::axial);
  EXPECT_EQ(axial.index, 2);
  EXPECT_EQ(coronal.plane, Plane::coronal);
  EXPECT_EQ(coronal.index, 4);
  EXPECT_EQ(sagittal.plane, Plane::sagittal);
  EXPECT_EQ(sagittal.index, 4);
  const auto shape = [](const StudySlice& s) {
    return static_cast<double>(s.rgb.size(1)) / static_cast<double>(s.rgb.size(2));
  };
  EXPECT_NEAR(shape(axial), 20.0 / 16, 0.01);
  EXPECT_NEAR(shape(coronal), 12 * 5 / (16 * 2.0), 0.01);
  EXPECT_NEAR(shape(sagittal), 12 * 5 / (20 * 2.0), 0.01);
}

// The larger lesion lies near the feet: below in a picture with the head above.
TEST_F(StudyReport, DrawsHeadsAbove) {
  auto volume = opened();
  const auto rgb = study_findings(volume, study.mask).slices[3].rgb.to(torch::kInt32);
  const auto red = (rgb[0] - rgb[1]).clamp_min(0);
  const int64_t half = rgb.size(1) / 2;
  EXPECT_GT(red.narrow(0, half, half).sum().item<int64_t>(), 0);
  EXPECT_EQ(red.narrow(0, 0, half / 2).sum().item<int64_t>(), 0);
}

TEST_F(StudyReport, RefusesAMaskOfAnotherSize) {
  auto volume = opened();
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { study_findings(volume, study.mask.narrow(0, 0, 3)); }),
           {"ct.nii.gz", "[12, 20, 16]", "[3, 20, 16]"}));
}

TEST_F(StudyReport, TellsWarningsAmountsZonesAndLesions) {
  const std::string page = predict_report_html(folder.path());
  EXPECT_TRUE(says(
      page,
      {"Warning: careful", "Lesion 1.4 ml, 25.0 % of the lungs, mean -400 HU", "found by ct_lungs",
       "Severity by six zones: 3 of 24", "right upper", "1.2", "25.0 %", "lesion mean HU", "-412",
       "not anatomical landmarks", "Lesions by size: 2 of", "axial slice 3 of 12",
       "coronal slice with most lesion", "No earlier study was compared", "not a medical device"}));
  EXPECT_LT(page.find("Warning: careful"), page.find("Lesion 1.4 ml"));
}

TEST_F(StudyReport, IsMadeAsAPdf) {
  const std::string pdf = predict_report_pdf(folder.path());
  EXPECT_EQ(pdf.substr(0, 8), "%PDF-1.4");
  EXPECT_EQ(pdf, predict_report_pdf(folder.path()));
  write_file(folder / "summary.json", R"({"threshold":0.5,"cases":[]})");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { predict_report_pdf(folder.path()); }),
                   {"no mask of a volume or X-ray", "write an .html page"}));
}

TEST_F(StudyReport, SaysTheCautionOfTheModelFirst) {
  auto document = nlohmann::json::parse(read_file(folder / "summary.json"));
  document["caution"] = "marks scars, too";
  write_file(folder / "summary.json", document.dump());
  const std::string page = predict_report_html(folder.path());
  EXPECT_TRUE(says(page, {"Warning: the model marks scars, too"}));
  EXPECT_LT(page.find("marks scars"), page.find("Lesion 1.4 ml"));
}

// The zones of a lung make it up: 60 and 20 of 240 and 160 voxels of 20 mm3.
TEST_F(StudyReport, TellsWhatWasLeftOutAndTheThinAndDenseParts) {
  const auto page_with = [&](double left_out_ml) {
    auto summary = nlohmann::ordered_json::parse(read_file(folder / "summary.json"));
    auto& one = summary["cases"][0];
    one["left_out_outside_lungs"] = {{"lungs", "ct_lungs"}, {"pixels", 5}, {"ml", left_out_ml}};
    one["by_hu"] = {{"split_hu", -300}, {"below_ml", 1.26}, {"from_there_ml", 0.1}};
    write_file(folder / "summary.json", summary.dump());
    return predict_report_html(folder.path());
  };
  const std::string page = page_with(2.5);
  EXPECT_NE(
      page.find("2.5 ml that the network marked outside the lungs of ct_lungs were left out."),
      std::string::npos);
  EXPECT_NE(page.find("1.3 ml of it lie below -300 HU and 0.1 ml from there on (a threshold, not a "
                      "reading"),
            std::string::npos);
  EXPECT_EQ(page_with(0.01).find("were left out"), std::string::npos) << "0.0 ml says nothing";
}

TEST_F(StudyReport, HasShareAndHuOfEachLung) {
  auto document = nlohmann::json::parse(read_file(folder / "summary.json"));
  auto& one = document["cases"][0];
  one["right_lung_ml"] = 8;
  one["left_lung_ml"] = 9;
  auto zone = one["severity"]["regions"][0];
  zone["region"] = "right lower";
  zone["infected_voxels"] = 20;
  zone["voxels"] = 160;
  zone["lesion_mean_hu"] = -200;
  one["severity"]["regions"].push_back(zone);
  write_file(folder / "summary.json", document.dump());
  const std::string page = predict_report_html(folder.path());
  EXPECT_TRUE(says(page, {"<td>right</td><td>8</td><td>1.6</td><td>20.0 %</td><td>-359</td>",
                          "<td>left</td><td>9</td><td>0.0</td><td>n/a</td><td>n/a</td>"}));
}

TEST_F(StudyReport, DrawsTallPicturesOfAPdfInTheirShape) {
  if (!is_installed("pdfimages")) GTEST_SKIP() << "poppler-utils are not installed";
  PdfDocument pdf;
  const std::vector<uint8_t> tall(300 * 100 * 3, 9);
  pdf.add_pictures({&tall}, 300, 100);
  write_file(folder / "tall.pdf", pdf.finish());
  const std::string listed = printed_by("pdfimages -list '" + (folder / "tall.pdf").string() + "'");
  std::istringstream last(listed.substr(listed.rfind("\n", listed.size() - 2) + 1));
  const std::vector<std::string> words{std::istream_iterator<std::string>(last), {}};
  ASSERT_GE(words.size(), 14U) << listed;
  EXPECT_EQ(words[12], words[13]) << "pixels per inch: " << listed;
}

TEST_F(StudyReport, KeepsATableOfAPdfOnOnePage) {
  PdfDocument pdf;
  for (int i = 0; i < 40; ++i) pdf.add_line("line " + std::to_string(i));
  std::vector<std::vector<std::string>> rows;
  for (int i = 0; i < 20; ++i) rows.push_back({"row " + std::to_string(i), "1.5"});
  pdf.add_table("first title", {"name", "ml"}, rows);
  for (int i = 0; i < 100; ++i) rows.push_back({"more " + std::to_string(i), "2.5"});
  pdf.add_table("", {"name", "of a table that is longer than a page"}, rows);
  write_file(folder / "t.pdf", pdf.finish());
  if (!is_installed("pdftotext")) GTEST_SKIP() << "pdftotext is not installed";
  const std::string text = printed_by("pdftotext -layout '" + (folder / "t.pdf").string() + "' -");
  std::vector<std::string> pages = split_text(text, '\f');
  ASSERT_GE(pages.size(), 4U);
  EXPECT_EQ(pages[0].find("first title"), std::string::npos) << "it had no room";
  EXPECT_TRUE(says(pages[1], {"first title", "name", "row 0", "row 19"}));
  EXPECT_TRUE(says(pages[2], {"longer than a page", "row 0"}));
  EXPECT_TRUE(says(pages[3], {"longer than a page", "more 99"})) << "the head again";
}

TEST_F(StudyReport, SaysThatTheStudyIsNoLongerThere) {
  write_summary("gone.nii.gz");
  const std::string page = predict_report_html(folder.path());
  EXPECT_TRUE(says(page, {"gone.nii.gz: no longer there", "Severity by six zones"}));
  EXPECT_EQ(page.find("axial slice"), std::string::npos);
}

}  // namespace
}  // namespace groundglass
