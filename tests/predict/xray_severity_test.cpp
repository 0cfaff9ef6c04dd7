// The score of chest X-rays: two lungs of 0 to 4 points.
#include "groundglass/predict/xray_severity.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/xray_measures.h"
#include "groundglass/report/predict_report.h"
#include "tests/complaint.h"
#include "tests/io/dicom_object_samples.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/predict/dicom_job.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kRows = 40, kColumns = 48;

/// A box of ones, columns [x0, x1) of rows [y0, y1).
void draw(std::vector<uint8_t>& mask, int64_t y0, int64_t y1, int64_t x0, int64_t x1,
          uint8_t value = 1) {
  for (int64_t y = y0; y < y1; ++y) {
    for (int64_t x = x0; x < x1; ++x) mask[static_cast<size_t>(y * kColumns + x)] = value;
  }
}

/// Lungs of 20 x 12 pixels at the left of the picture and 20 x 16 at its right; 60 pixels of the
/// first are infected (a quarter), and 160 of the second (a half); 10 lie outside.
XrayMasks two_boxes() {
  XrayMasks masks{kRows, kColumns, std::vector<uint8_t>(kRows * kColumns, 0),
                  std::vector<uint8_t>(kRows * kColumns, 0)};
  draw(masks.lungs, 10, 30, 6, 18);
  draw(masks.lungs, 10, 30, 26, 42);
  draw(masks.lesions, 10, 15, 6, 18);
  draw(masks.lesions, 20, 30, 26, 42);
  draw(masks.lesions, 2, 3, 20, 30);
  return masks;
}

TEST(XraySeverity, CountsTheTwoLungsByThemselves) {
  const auto found = severity_of_xray(two_boxes(), PictureLeft::right_as_told);
  ASSERT_EQ(found.severity.regions.size(), 2U);
  EXPECT_EQ(found.severity.regions[0].region, "right lung");
  EXPECT_EQ(found.severity.regions[0].count, (RegionCount{60, 240}));
  EXPECT_EQ(found.severity.regions[0].points, 2);
  EXPECT_EQ(found.severity.regions[1].count, (RegionCount{160, 320}));
  EXPECT_EQ(found.severity.regions[1].points, 3);
  EXPECT_EQ(found.severity.score, 5);
  EXPECT_EQ(found.severity.most, 8);
  EXPECT_EQ(found.severity.note, "");
  EXPECT_NEAR(*found.lung_share, 220.0 / 560, 1e-12);
  EXPECT_NEAR(*found.outside_share, 10.0 / 230, 1e-12);
}

TEST(XraySeverity, TellsTheSidesByWhatThePictureShows) {
  const auto mirrored = severity_of_xray(two_boxes(), PictureLeft::left_as_told).severity;
  EXPECT_EQ(mirrored.regions[0].count.voxels, 320);
  EXPECT_EQ(mirrored.score, 5);
  const auto hung = severity_of_xray(two_boxes(), PictureLeft::right_as_hung).severity;
  EXPECT_EQ(hung.regions[0].count.voxels, 240);
  EXPECT_TRUE(says(hung.note, {"No PatientOrientation"}));
  const auto turned = severity_of_xray(two_boxes(), PictureLeft::turned).severity;
  EXPECT_FALSE(turned.score);
  EXPECT_TRUE(says(turned.reason, {"is turned"}));
  XrayMasks told = two_boxes();
  draw(told.lungs, 10, 30, 6, 18, 2);  // the left lung, whatever the place
  told.sides_told = true;
  EXPECT_EQ(severity_of_xray(told, PictureLeft::right_as_hung).severity.regions[0].count.voxels,
            320);

  EXPECT_EQ(picture_left("L\\F"), PictureLeft::right_as_told);
  EXPECT_EQ(picture_left("LP\\F"), PictureLeft::right_as_told);
  EXPECT_EQ(picture_left("R\\F"), PictureLeft::left_as_told);
  EXPECT_EQ(picture_left(""), PictureLeft::right_as_hung);
  for (const char* odd : {"L", "F\\L", "L\\H", "A\\F"}) {
    EXPECT_EQ(picture_left(odd), PictureLeft::turned) << odd;
  }
}

TEST(XraySeverity, HasNoScoreWhereTheLungsAreNotWholeOrNotTwo) {
  const auto reason = [](auto change) {
    XrayMasks masks = two_boxes();
    change(masks.lungs);
    const auto severity = severity_of_xray(masks, PictureLeft::right_as_told).severity;
    EXPECT_FALSE(severity.score);
    for (const auto& region : severity.regions) EXPECT_FALSE(region.points);
    return severity.reason;
  };
  EXPECT_EQ(reason([](auto& lungs) { lungs.assign(lungs.size(), 0); }), "no lungs were found");
  EXPECT_EQ(reason([](auto& lungs) {
              draw(lungs, 0, kRows, 0, 24, 0);
              draw(lungs, 10, 14, 6, 16);  // of 40 pixels, and the other of 320
            }),
            "no right lung was found");
  EXPECT_EQ(reason([](auto& lungs) { draw(lungs, 0, kRows, 0, 24, 0); }),
            "the right and the left lung cannot be told apart");
  EXPECT_EQ(reason([](auto& lungs) { draw(lungs, 10, 30, 18, 26); }),
            "the right and the left lung cannot be told apart");
  EXPECT_EQ(reason([](auto& lungs) { draw(lungs, 30, 40, 26, 42); }),
            "the lungs reach the edge of the picture");
  EXPECT_EQ(reason([](auto& lungs) { draw(lungs, 10, 30, 0, 6); }),
            "the lungs reach the edge of the picture");
}

TEST(XraySeverity, LeavesSpecksOutAndCutsLungsThatTouch) {
  XrayMasks masks = two_boxes();
  draw(masks.lungs, 0, 1, 0, 10);     // below a twentieth of 320, at the edge
  draw(masks.lungs, 12, 15, 18, 26);  // a bridge of three rows
  const auto severity = severity_of_xray(masks, PictureLeft::right_as_told).severity;
  EXPECT_EQ(severity.score, 3) << severity.reason;  // the bridge makes both shares less
  EXPECT_EQ(severity.regions[0].count.voxels + severity.regions[1].count.voxels, 560 + 24);
}

/// An X-ray whose lungs a mask gives: the infected box of write_xray() is in the right one.
class ScoredXrays : public testing::Test {
 protected:
  ScoredXrays() {
    fs::create_directories(folder / "in");
    write_xray(folder / "in/a.dcm", "2\\2");
    auto lungs = torch::zeros({kRows, kColumns}, torch::kUInt8);
    lungs.slice(0, 6, 34).slice(1, 5, 20).fill_(255);
    lungs.slice(0, 6, 34).slice(1, 26, 42).fill_(255);
    write_png(folder / "lungs.png", lungs);
  }

  CaseSummary predicted(LungSource lungs) {
    SegmenterOptions options = bright_segmenter().options();
    options.xray_lungs = std::move(lungs);
    Segmenter segmenter(options);
    auto job = dicom_job(folder / "in", folder / "out", "sr,pdf");
    job.save_lungs = true;
    job.caution = job.dicom.maker.caution = "marks healthy lungs, too";
    return predict(segmenter, job).cases.at(0);
  }
  CaseSummary with_mask() {
    return predicted({.from = LungsFrom::file, .name = "lungs.png", .file = folder / "lungs.png"});
  }
  nlohmann::json told() const {
    return nlohmann::json::parse(read_file(folder / "out/summary.json"))["cases"][0];
  }

  const ScratchFolder folder;
};

TEST_F(ScoredXrays, SayScoreAndSharesInSummaryAndReports) {
  const CaseSummary summary = with_mask();
  EXPECT_EQ(summary.severity->score, 1);
  EXPECT_NEAR(*summary.lesion_fraction_of_lung, 78.0 / (28 * 31), 1e-9);
  const auto json = told();
  EXPECT_EQ(json["severity"]["scale"], "two lungs");
  EXPECT_EQ(json["severity"]["regions"][0]["infected_voxels"], 78);
  EXPECT_EQ(json["severity"]["regions"][1]["points"], 0);
  EXPECT_TRUE(
      says(json["severity"]["definition"].get<std::string>(),
           {"Points of a lung: 0 none", "not a volume", "does not say that a chest is ill"}));
  EXPECT_EQ(json["lungs"], "lungs.png");

  const auto report = read_dicom_report(folder / "out/a_sr.dcm");
  std::string numbers, remarks;
  for (const auto& q : report.quantities) {
    numbers += q.name + "/" + q.site + "=" + decimal_string(q.value) + " " + q.unit + "\n";
  }
  for (const auto& remark : report.remarks) remarks += remark + "\n";
  EXPECT_TRUE(says(numbers, {"Severity of two lungs on a chest X-ray, 0 to 8/=1 {score}",
                             "Severity of a lung, 0 to 4/Lung, Right=1 {score}",
                             "Severity of a lung, 0 to 4/Lung, Left=0 {score}",
                             "Share of the lungs that is infected/Lung, Left=0 %"}));
  const std::string share = "Share of the lungs that is infected/=";
  EXPECT_NE(numbers.find(share), std::string::npos);
  EXPECT_EQ(numbers.find(share), numbers.rfind(share)) << "said once";
  EXPECT_TRUE(says(remarks, {"Points of a lung: 0 none", "of areas on the picture",
                             "Caution of the model: marks healthy lungs, too"}));
  EXPECT_EQ(errors_in(folder / "out/a_sr.dcm"), "");

  const std::string page = predict_report_html(folder / "out");
  EXPECT_TRUE(says(page, {"Severity by two lungs: 1 of 8; lungs found by lungs.png", "right lung",
                          "Infection of 3.1 cm2 by ImagerPixelSpacing", "Points of a lung: 0 none",
                          "data:image/png;base64,"}));
  EXPECT_LT(page.find("the model marks healthy lungs, too"), page.find("1 of 8"));
  EXPECT_EQ(page.find("n/a"), std::string::npos);
  write_file(folder / "page.pdf", predict_report_pdf(folder / "out"));
  if (!is_installed("pdftotext")) return;
  const std::string text =
      printed_by("pdftotext -layout '" + (folder / "page.pdf").string() + "' -");
  EXPECT_TRUE(says(text, {"Warning: the model marks healthy lungs, too", "3.1 cm2", "1 of 8",
                          "left lung", "not a medical device"}));
}

TEST_F(ScoredXrays, SayWhyThereIsNoScore) {
  const LungSource network = {.from = LungsFrom::network,
                              .name = "finder",
                              .network = std::make_shared<Segmenter>(bright_segmenter()),
                              .weights_sha256 = std::string(64, 'b')};
  EXPECT_FALSE(predicted(network).severity->score);  // the box is one lung to it
  EXPECT_EQ(told()["lungs"], "finder");
  EXPECT_EQ(read_mask_picture(folder / "out/a_lungs.png").to(torch::kInt64).sum().item<int64_t>(),
            78 * 255);
  const auto report = read_dicom_report(folder / "out/a_sr.dcm");
  std::string remarks;
  for (const auto& remark : report.remarks) remarks += remark + "\n";
  EXPECT_TRUE(says(remarks, {"No score: the right and the left lung cannot be told apart"}));
  EXPECT_TRUE(says(predict_report_html(folder / "out"), {"no score (the right and the left lung"}));

  CaseSummary odd;
  odd.input = "a.png";
  const auto mask = torch::ones({4, 4}, torch::kUInt8);
  measure_xray_lungs(mask, {"finder", mask, 1.5}, odd);
  EXPECT_FALSE(odd.severity->score);
  EXPECT_FALSE(odd.lesion_fraction_of_lung);
  EXPECT_TRUE(says(odd.severity->reason, {"unlike what finder was trained on", "1.5 times"}));
}

TEST_F(ScoredXrays, WarnOfInfectionOutsideTheLungs) {
  CaseSummary summary;
  summary.input = "a.png";
  auto lungs = torch::zeros({8, 8}, torch::kUInt8);
  lungs.slice(1, 1, 3).fill_(1);
  measure_xray_lungs(torch::ones({8, 8}, torch::kUInt8), {"finder", lungs}, summary);
  ASSERT_EQ(summary.warnings.size(), 1U);
  EXPECT_TRUE(says(summary.warnings[0], {"a.png: 75 % of the infection lies outside"}));
}

TEST_F(ScoredXrays, RefuseAMaskOfAnotherSize) {
  write_png(folder / "lungs.png", torch::zeros({9, 9}, torch::kUInt8));
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { with_mask(); }),
           {"lungs.png: lungs of [9, 9] pixels", "expected those of the picture, [40, 48]"}));
}

}  // namespace
}  // namespace groundglass
