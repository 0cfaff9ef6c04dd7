// DICOM objects of chest X-rays.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/evaluate/pairs.h"
#include "groundglass/io/dicom_seg_reader.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/described_input.h"
#include "tests/complaint.h"
#include "tests/io/dicom_object_samples.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/predict/dicom_job.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Pixels of write_xray()'s box as bright_segmenter() finds it, on a grid of its own.
constexpr int64_t kLesion = 78;

class XrayObjects : public testing::Test {
 protected:
  XrayObjects() { fs::create_directories(folder / "in"); }

  CaseSummary predicted(const std::string& words) {
    Segmenter segmenter = bright_segmenter();
    auto job = dicom_job(folder / "in", folder / "out", words);
    check_are_dicom(job.inputs);
    return predict(segmenter, job).cases.at(0);
  }
  bool says_remark(const std::string& part) const {
    const auto report = read_dicom_report(folder / "out/a_sr.dcm");
    return std::any_of(report.remarks.begin(), report.remarks.end(),
                       [&](const std::string& r) { return r.find(part) != std::string::npos; });
  }

  const ScratchFolder folder;
};

TEST_F(XrayObjects, HoldTheMaskPixelByPixel) {
  write_xray(folder / "in/a.dcm", "2\\2");
  const auto summary = predicted("seg,sr");
  const auto mask = read_mask_picture(folder / "out/a_mask.png");
  const auto stored = read_dicom_segmentation(folder / "out/a_seg.dcm");
  EXPECT_TRUE(stored.of_picture);
  ASSERT_EQ(stored.frames.size(), 1U);
  const auto labels = labels_on_grid(stored, {}, {1, 40, 48});
  const auto expected = (mask != 0).to(torch::kUInt8).contiguous();
  EXPECT_EQ(expected.sum().item<int64_t>(), kLesion);
  EXPECT_EQ(labels, std::vector<uint8_t>(expected.data_ptr<uint8_t>(),
                                         expected.data_ptr<uint8_t>() + expected.numel()));
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [&] {
                               labels_on_grid(stored, {}, {2, 40, 48});
                             }),
                   {"is of one picture", "series of 2 slices"}));
  EXPECT_EQ(errors_in(folder / "out/a_seg.dcm"), "");
  if (is_installed("/usr/bin/python3") &&
      printed_by("/usr/bin/python3 -c 'import pydicom, numpy, PIL'").empty()) {
    EXPECT_EQ(printed_by("/usr/bin/python3 '" + std::string(GROUNDGLASS_SOURCE_DIR) +
                         "/tests/io/check_xray_seg.py' '" + (folder / "out/a_seg.dcm").string() +
                         "' '" + (folder / "in/a.dcm").string() + "' '" +
                         (folder / "out/a_mask.png").string() + "'"),
              "equal 78 pixels\n");
  }
  ASSERT_EQ(summary.objects.size(), 2U);
}

TEST_F(XrayObjects, TellSquareCentimetresWhereThePixelsHaveASize) {
  write_xray(folder / "in/a.dcm", "2\\3");
  const auto summary = predicted("sr");
  EXPECT_NEAR(*summary.lesion_cm2, kLesion * 6 / 100.0, 1e-9);
  EXPECT_FALSE(summary.lesion_ml);
  const auto report = read_dicom_report(folder / "out/a_sr.dcm");
  ASSERT_EQ(report.quantities.size(), 1U);
  EXPECT_EQ(report.quantities[0].name, "Area");
  EXPECT_EQ(report.quantities[0].unit, "cm2");
  EXPECT_NEAR(report.quantities[0].value, 4.68, 1e-9);
  EXPECT_TRUE(says_remark("in the plane of the detector"));
  EXPECT_EQ(errors_in(folder / "out/a_sr.dcm"), "");
  if (is_installed("dsrdump")) {
    const auto printed = printed_by("dsrdump '" + (folder / "out/a_sr.dcm").string() + "'");
    EXPECT_TRUE(says(printed, {"Area", "Referenced Segmentation Frame", "Computed Radiography"}));
    EXPECT_FALSE(printed.starts_with("E: ") || printed.starts_with("W: ")) << printed;
  }
  const auto found = nlohmann::json::parse(read_file(folder / "out/summary.json"))["cases"][0];
  EXPECT_EQ(found["acquisition"]["pixel_from"], "ImagerPixelSpacing");
}

TEST_F(XrayObjects, TellPixelsAndPercentWhereTheyHaveNone) {
  write_xray(folder / "in/a.dcm");
  EXPECT_FALSE(predicted("sr").lesion_cm2);
  const auto report = read_dicom_report(folder / "out/a_sr.dcm");
  ASSERT_EQ(report.quantities.size(), 2U);
  EXPECT_EQ(report.quantities[0].unit, "{pixels}");
  EXPECT_EQ(report.quantities[0].value, kLesion);
  EXPECT_EQ(report.quantities[1].unit, "%");
  EXPECT_NEAR(report.quantities[1].value, 100 * kLesion / (40.0 * 48), 1e-6);
  EXPECT_TRUE(says_remark("no cm2"));
}

TEST_F(XrayObjects, AreValidWhereNothingWasFound) {
  write_xray(folder / "in/a.dcm", "2\\2");
  edit_dicom(folder / "in/a.dcm",
             [](DcmDataset& data) { data.putAndInsertString(DCM_WindowCenter, "500"); });
  EXPECT_EQ(predicted("seg,sr,sc,pdf").lesion_pixels, 0);
  const auto stored = read_dicom_segmentation(folder / "out/a_seg.dcm");
  EXPECT_EQ(stored.frames.size(), 1U);
  EXPECT_EQ(std::count(stored.pixels.begin(), stored.pixels.end(), 1), 0);
  EXPECT_TRUE(says_remark("No infection was found."));
  for (const char* file : {"a_seg.dcm", "a_sr.dcm", "a_sc.dcm", "a_report.dcm"}) {
    EXPECT_EQ(errors_in(folder / "out" / file), "") << file;
  }
}

TEST_F(XrayObjects, ShowThePictureAndTheReport) {
  write_xray(folder / "in/a.dcm", "2\\2");
  predicted("sc,pdf");
  for (const char* file : {"a_sc.dcm", "a_report.dcm"}) {
    EXPECT_EQ(errors_in(folder / "out" / file), "") << file;
  }
  if (!is_installed("dcm2pdf") || !is_installed("pdftotext")) return;
  const auto out = (folder / "out").string();
  EXPECT_TRUE(says(
      printed_by("cd '" + out + "' && dcm2pdf a_report.dcm a.pdf && pdftotext -layout a.pdf -"),
      {"chest X-ray", "Area: 3.1 cm2", "not a medical device"}));
}

TEST_F(XrayObjects, AreDescribedAndEvaluated) {
  write_xray(folder / "in/a.dcm", "2\\2");
  predicted("seg");
  const DataOptions any{"", MaskLabels::any, 2};
  const auto seg = described_input((folder / "out/a_seg.dcm").string(), any, 1, silent_observer());
  EXPECT_EQ(seg["kind"], "DICOM segmentation");
  EXPECT_TRUE(seg["spacing_mm"].is_null());
  fs::create_directories(folder / "seg");
  fs::rename(folder / "out/a_seg.dcm", folder / "seg/a_seg.dcm");
  for (const auto& [a, b] :
       {std::pair("seg", "out"), std::pair("out", "seg"), std::pair("seg", "seg")}) {
    const auto counts = score_pairs(pair_masks(folder / a, folder / b), any, 1).at(0).counts;
    EXPECT_EQ(counts.tp, kLesion) << a;
    EXPECT_EQ(counts.fp + counts.fn, 0) << a;
  }
}

}  // namespace
}  // namespace groundglass
