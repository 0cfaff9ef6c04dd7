#include "groundglass/predict/dicom_outputs.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/evaluate/pairs.h"
#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_seg_reader.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "groundglass/io/dicom_writer.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/described_input.h"
#include "groundglass/predict/dicom_measurements.h"
#include "groundglass/predict/lobe_source.h"
#include "groundglass/predict/predict.h"
#include "tests/complaint.h"
#include "tests/io/dicom_object_samples.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/predict/dicom_job.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

TEST(DicomOutputs, HoldTheMaskOfTheSeriesAndItsNumbers) {
  for (const bool coronal : {false, true}) {
    const ScratchFolder folder;
    write_dicom_series(folder / "in/a", chest(coronal));
    Segmenter segmenter = bright_segmenter();
    const auto summary = predict(segmenter, dicom_job(folder / "in", folder / "out", "sr"));
    const auto mask = read_label_volume(folder / "out/a_mask.nii.gz");
    ASSERT_GT(mask.labels.sum().item<int64_t>(), 0);
    const auto info = open_volume(folder / "in/a")->info();
    const auto labels = labels_on_grid(read_dicom_segmentation(folder / "out/a_seg.dcm"),
                                       info.geometry, {info.depth, info.height, info.width});
    EXPECT_EQ(labels, std::vector<uint8_t>(mask.labels.data_ptr<uint8_t>(),
                                           mask.labels.data_ptr<uint8_t>() + mask.labels.numel()));

    const auto objects =
        nlohmann::json::parse(read_file(folder / "out/summary.json"))["cases"][0]["dicom_objects"];
    ASSERT_EQ(objects.size(), 2U);
    EXPECT_EQ(objects[0]["file"], "a_seg.dcm");
    EXPECT_EQ(objects[0]["sha256"], sha256_of_file(folder / "out/a_seg.dcm"));
    EXPECT_EQ(objects[1]["sha256"], sha256_of_file(folder / "out/a_sr.dcm"));
    const auto report = read_dicom_report(folder / "out/a_sr.dcm");
    EXPECT_EQ(report.quantities.at(0).name, "Volume");
    EXPECT_NEAR(report.quantities.at(0).value, *summary.cases[0].lesion_ml, 1e-6);
    EXPECT_EQ(report.quantities.at(1).derivation, "Mean");
    EXPECT_NEAR(report.quantities.at(1).value, summary.cases[0].attenuation->mean_hu, 1e-6);
    EXPECT_TRUE(says(report.remarks.at(0), {"not a medical device"}));
    for (const auto& remark : report.remarks)
      EXPECT_EQ(remark.find(folder.path().string()), std::string::npos);
  }
}

TEST(DicomOutputs, OfTiltedSlicesLieOnTheSlicesThemselves) {
  const ScratchFolder folder;
  write_dicom_series(folder / "a", chest(false));
  for (int k = 0; k < 12; ++k) {
    const auto name = (k < 9 ? "000" : "00") + std::to_string(k + 1) + ".dcm";
    const double y = 5 * k * std::tan(15 * M_PI / 180);
    set_tag(folder / ("a/" + name), DCM_ImagePositionPatient,
            ("0\\" + decimal_string(y) + "\\" + std::to_string(5 * k)).c_str());
  }
  Segmenter segmenter = bright_segmenter();
  predict(segmenter, dicom_job(folder / "a", folder / "out", "seg"));
  const auto mask = read_label_volume(folder / "out/a_mask.nii.gz");
  const auto stored = read_dicom_segmentation(folder / "out/a_seg.dcm");
  ASSERT_EQ(stored.frames.size(), 3U);  // slices 5 to 7 of the box
  for (size_t f = 0; f < 3; ++f) {
    const double z = 5 * static_cast<double>(f + 5);
    EXPECT_NEAR(stored.frames[f].position_mm[2], z, 1e-6);
    EXPECT_NEAR(stored.frames[f].position_mm[1], z * std::tan(15 * M_PI / 180), 1e-4);
    const auto pixels = mask.labels[static_cast<int64_t>(f) + 5].contiguous();
    const auto* expected = pixels.data_ptr<uint8_t>();
    const auto first = stored.pixels.begin() + static_cast<std::ptrdiff_t>(f) * pixels.numel();
    EXPECT_TRUE(std::equal(first, first + pixels.numel(), expected)) << f;
  }
}

TEST(DicomOutputs, HoldTheLungsOfANetworkInASeriesOfTheirOwn) {
  const ScratchFolder folder;
  write_dicom_series(folder / "a", chest(false));
  Segmenter segmenter = bright_segmenter();
  auto network = std::make_shared<Segmenter>(bright_segmenter());
  segmenter.use_lungs({.from = LungsFrom::network,
                       .name = "finder",
                       .network = network,
                       .weights_sha256 = std::string(64, 'b')});
  const auto summary = predict(segmenter, dicom_job(folder / "a", folder / "out", "seg,lungs"));
  ASSERT_EQ(summary.cases[0].objects.size(), 2U);
  const auto lesions = read_dicom_segmentation(folder / "out/a_seg.dcm");
  const auto lungs = read_dicom_segmentation(folder / "out/a_lungs_seg.dcm");
  EXPECT_EQ(lungs.segments[0].label, "Lungs");
  EXPECT_EQ(lungs.segments[0].type, "39607008 SCT Lung");
  EXPECT_EQ(lungs.pixels, lesions.pixels);  // the same network stands for both
  EXPECT_NE(summary.cases[0].objects[0].series, summary.cases[0].objects[1].series);
  if (std::system("command -v dciodvfy > /dev/null 2>&1") == 0) {
    run_quietly("dciodvfy '" + (folder / "out/a_lungs_seg.dcm").string() + "' > '" +
                (folder / "said").string() + "' 2>&1");
    EXPECT_EQ(read_file(folder / "said").find("Error"), std::string::npos)
        << read_file(folder / "said");
  }
}

/// The white letters that the picture has more of in one edge than without marks, by their place.
std::array<bool, 2> marked_edges(const fs::path& capture, std::string& orientation) {
  DcmFileFormat file;
  file.loadFile(capture.c_str());
  DcmDataset& data = *file.getDataset();
  orientation = all_text_of(data, DCM_PatientOrientation);
  const Uint8* rgb = nullptr;
  data.findAndGetUint8Array(DCM_PixelData, rgb);
  std::array<bool, 2> marked{};
  for (int64_t row = 10; row < 30; ++row) {  // of 40 x 48 pixels; air is at both edges
    for (int64_t column = 0; column < 48; ++column) {
      const bool white = rgb[3 * (row * 48 + column)] > 200;
      if (white && column < 4) marked[0] = true;
      if (white && column >= 44) marked[1] = true;
    }
  }
  return marked;
}

// A viewer cannot know how a picture of a slice lies in the patient unless it is told.
TEST(DicomOutputs, TellTheSidesOfThePatientOnKeySlices) {
  for (const bool mirrored : {false, true}) {
    const ScratchFolder folder;
    Volume volume = chest(false);
    // feet first: rows run to the patient's right
    if (mirrored) volume.geometry.direction = {-1, 0, 0, 0, 1, 0, 0, 0, -1};
    write_dicom_series(folder / "a", volume);
    Segmenter segmenter = bright_segmenter();
    predict(segmenter, dicom_job(folder / "a", folder / "out", "sc,pdf"));
    std::string orientation;
    const auto marked = marked_edges(folder / "out/a_sc.dcm", orientation);
    EXPECT_EQ(orientation, mirrored ? "R\\P" : "L\\P");
    EXPECT_TRUE(marked[0] && marked[1]);
    EXPECT_EQ(errors_in(folder / "out/a_sc.dcm"), "");
  }
}

TEST(DicomOutputs, CallEachLobeByItsCodeAndSide) {
  CaseSummary summary;
  summary.size = {4, 8, 8};
  summary.lobes_from = kLobesByShape;
  summary.lobes = severity_of_lobes({{{1, 100}, {10, 100}, {26, 100}, {50, 100}, {90, 100}}}, "");
  const auto report = measurement_report(summary, {lesion_meaning("")}, {});
  std::vector<std::string> said;
  for (const auto& q : report.groups.at(0).quantities) {
    if (q.concept_name.value != "score-lobe") continue;
    said.push_back(q.site->laterality.value + " " + q.site->laterality.meaning + ", " +
                   q.site->site.value + " " + q.site->site.scheme + " " + q.site->site.meaning +
                   ": " + std::to_string(std::lround(q.value)));
  }
  EXPECT_EQ(said,
            (std::vector<std::string>{"24028007 Right, 45653009 SCT Upper lobe of lung: 1",
                                      "24028007 Right, 72481006 SCT Middle lobe of right lung: 2",
                                      "24028007 Right, 90572001 SCT Lower lobe of lung: 3",
                                      "7771000 Left, 45653009 SCT Upper lobe of lung: 4",
                                      "7771000 Left, 90572001 SCT Lower lobe of lung: 5"}));
}

TEST(DicomInputs, ChestXraysAreSegmentedAsPicturesEachByItself) {
  const ScratchFolder folder;
  write_dicom_series(folder / "in/a", chest(false));
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder / "in/a")) {
    if (++files > 2) {
      fs::remove(entry.path());
      continue;
    }
    edit_dicom(entry.path(), [](DcmDataset& data) {
      data.putAndInsertString(DCM_SOPClassUID, UID_ComputedRadiographyImageStorage);
      data.putAndInsertString(DCM_Modality, "CR");
      data.putAndInsertString(DCM_WindowCenter, "-500");
      data.putAndInsertString(DCM_WindowWidth, "1001");
    });
  }
  const auto inputs = find_inputs(folder / "in").inputs;
  ASSERT_EQ(inputs.size(), 2U);
  EXPECT_FALSE(inputs[0].volume);
  EXPECT_FALSE(find_inputs(inputs[0].path).inputs[0].volume);
  Segmenter segmenter = bright_segmenter();
  const auto summary = predict(segmenter, dicom_job(folder / "in", folder / "out", ""));
  EXPECT_EQ(summary.cases.size(), 2U);
  EXPECT_TRUE(fs::exists(folder / "out" / (inputs[0].stem + "_mask.png")));
  const auto described =
      described_input(inputs[0].path.string(), {"", MaskLabels::any, 2}, 1, silent_observer());
  EXPECT_EQ(described["kind"], "picture");
}

TEST(DicomOutputs, AreDescribedAndEvaluatedAndNotTakenForInputs) {
  const ScratchFolder folder;
  write_dicom_series(folder / "in/a", chest(false));
  Segmenter segmenter = bright_segmenter();
  predict(segmenter, dicom_job(folder / "in", folder / "out", "seg,sr"));
  DataOptions any{"", MaskLabels::any, 2};
  const auto seg = described_input((folder / "out/a_seg.dcm").string(), any, 1, silent_observer());
  EXPECT_EQ(seg["kind"], "DICOM segmentation");
  EXPECT_EQ(seg["segments"][0]["type"], "409774005 SCT Inflammation");
  const auto sr = described_input((folder / "out/a_sr.dcm").string(), any, 1, silent_observer());
  EXPECT_EQ(sr["kind"], "DICOM structured report");
  EXPECT_EQ(sr["evidence_series_uids"][0], seg["source_series_uid"]);

  for (const auto& input : find_inputs(folder.path()).inputs) {
    EXPECT_TRUE(says(input.path.string(), {"in/a"}));
  }
  EXPECT_EQ(find_inputs(folder.path()).inputs.size(), 1U);

  const auto counts = [&](const char* predictions, const char* references) {
    const auto pairs = pair_masks(folder / predictions, folder / references);
    EXPECT_EQ(pairs.size(), 1U);
    return score_pairs(pairs, any, 1)[0].counts;
  };
  fs::create_directories(folder / "seg");
  fs::copy_file(folder / "out/a_seg.dcm", folder / "seg/a_seg.dcm");
  const Counts same = counts("out", "out");  // the masks, beside which the segmentation stands
  EXPECT_GT(same.tp, 0);
  EXPECT_EQ(same.fp + same.fn, 0);
  EXPECT_EQ(counts("seg", "out"), same);
  EXPECT_EQ(counts("out", "seg"), same);
  const Counts framed = counts("seg", "seg");  // on the frames alone
  EXPECT_EQ(framed.tp, same.tp);
  EXPECT_EQ(framed.fp + framed.fn, 0);
}

TEST(DicomOutputs, OfAnEmptyResultSayThatNothingWasFound) {
  const ScratchFolder folder;
  Volume empty = chest(false);
  empty.voxels.clamp_max_(-600);
  write_dicom_series(folder / "a", empty);
  Segmenter segmenter = bright_segmenter();
  predict(segmenter, dicom_job(folder / "a", folder / "out", "seg,sr"));
  EXPECT_EQ(read_dicom_segmentation(folder / "out/a_seg.dcm").frames.size(), 1U);
  const auto report = read_dicom_report(folder / "out/a_sr.dcm");
  EXPECT_EQ(report.quantities.at(0).value, 0);
  for (const auto& quantity : report.quantities) EXPECT_NE(quantity.derivation, "Mean");
  EXPECT_EQ(report.remarks.at(1), "Finding: No infection was found.");
}

TEST(DicomOutputs, ShowKeySlicesAsAPictureAndAsADocument) {
  const ScratchFolder folder;
  write_dicom_series(folder / "a", chest(true));
  Segmenter segmenter = bright_segmenter();
  const auto summary = predict(segmenter, dicom_job(folder / "a", folder / "out", "sc,pdf"));
  const auto& objects = summary.cases.at(0).objects;
  ASSERT_EQ(objects.size(), 2U);
  EXPECT_EQ(objects[0].file, "a_sc.dcm");
  EXPECT_EQ(objects[1].file, "a_report.dcm");
  EXPECT_TRUE(find_inputs(folder.path()).inputs.size() == 1U);
  if (std::system(
          "(command -v dciodvfy && command -v dcm2pdf && command -v pdftotext) > /dev/null") != 0) {
    GTEST_SKIP() << "dicom3tools, dcmtk and poppler-utils are not all installed";
  }
  const auto out = folder / "out";
  for (const char* file : {"a_sc.dcm", "a_report.dcm"}) {
    run_quietly("dciodvfy '" + (out / file).string() + "' > '" + (out / "said").string() +
                "' 2>&1");
    EXPECT_EQ(read_file(out / "said").find("Error"), std::string::npos) << read_file(out / "said");
  }
  run_quietly("cd '" + out.string() +
              "' && dcm2pdf a_report.dcm a.pdf && pdftotext -layout a.pdf a.txt > said 2>&1");
  EXPECT_EQ(read_file(out / "said"), "");
  EXPECT_TRUE(says(read_file(out / "a.txt"), {"not a medical device", "Volume: ", " ml", "HU"}));
}

TEST(DicomOutputs, ShowKeySlicesAsSingleObjectsWhereAskedTo) {
  const ScratchFolder folder;
  write_dicom_series(folder / "a", chest(false));
  Segmenter segmenter = bright_segmenter();
  auto job = dicom_job(folder / "a", folder / "out", "sc");
  job.dicom.capture_as = CaptureAs::single;
  const auto objects = predict(segmenter, job).cases.at(0).objects;
  ASSERT_EQ(objects.size(), 12U);
  EXPECT_EQ(objects[0].file, "a_sc_01.dcm");
  EXPECT_EQ(objects[11].file, "a_sc_12.dcm");
  EXPECT_EQ(objects[11].sop_class, UID_SecondaryCaptureImageStorage);
  EXPECT_EQ(objects[0].series, objects[11].series);
  EXPECT_NE(objects[0].sop_instance, objects[11].sop_instance);
  EXPECT_EQ(find_inputs(folder.path()).inputs.size(), 1U);
  EXPECT_EQ(errors_in(folder / "out/a_sc_12.dcm"), "");
}

TEST(DicomOutputs, RefuseUnknownWordsAndOtherInputs) {
  EXPECT_EQ(parse_dicom_outputs("sr").words(), "seg,sr");
  EXPECT_EQ(parse_dicom_outputs("").words(), "");
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [] { parse_dicom_outputs("seg,rt"); }),
                   {"--dicom 'seg,rt'", "'rt'", "expected seg"}));
  const ScratchFolder folder;
  write_png(folder / "a.png", torch::zeros({8, 8}, torch::kUInt8));
  EXPECT_TRUE(says(
      complaint(ErrorKind::usage, [&] { check_are_dicom(find_inputs(folder / "a.png").inputs); }),
      {"--dicom", "a.png", "no DICOM series and no X-ray"}));
}

}  // namespace
}  // namespace groundglass
