// Comparisons of studies by the DICOM objects that are left of them.
#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_sr.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "groundglass/predict/change.h"
#include "groundglass/predict/compared_study.h"
#include "groundglass/predict/dicom_of_results.h"
#include "groundglass/report/predict_report.h"
#include "tests/complaint.h"
#include "tests/io/dicom_object_samples.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/predict/dicom_job.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

class ComparedObjects : public testing::Test {
 protected:
  struct Made {
    int64_t larger = 0;  ///< columns by which the lesion is wider
    std::string kernel = "B30f", manufacturer = "SIEMENS", patient = "P1";
    double spacing_mm = 5;
  };

  /// Everything denser than so many HU is lung: the whole chest.
  static std::shared_ptr<Segmenter> lungs_above(double hu) {
    SegmenterOptions options = bright_segmenter().options();
    options.preprocess.window_hu = {-1000, 2 * hu + 1000};
    return std::make_shared<Segmenter>(std::move(options));
  }

  void predicted(const std::string& name, const Made& made) {
    Volume volume = chest(false);
    volume.geometry.spacing_mm[2] = made.spacing_mm;
    for (const int64_t k : {0, 11}) volume.voxels[k].fill_(-1000);  // no lung is cut off
    volume.voxels.slice(0, 5, 8).slice(1, 10, 20).slice(2, 8, 15 + made.larger).fill_(-100);
    DicomSeriesOptions options;
    options.patient_id = made.patient;
    write_dicom_series(folder / (name + "_in/a"), volume, options);
    for (const auto& entry : fs::directory_iterator(folder / (name + "_in/a"))) {
      set_tag(entry.path(), DCM_ConvolutionKernel, made.kernel.c_str());
      set_tag(entry.path(), DCM_Manufacturer, made.manufacturer.c_str());
    }
    Segmenter segmenter = bright_segmenter();
    segmenter.use_lungs({.from = LungsFrom::network,
                         .name = "finder",
                         .network = lungs_above(-700),
                         .weights_sha256 = std::string(64, 'b')});
    auto job = dicom_job(folder / (name + "_in"), folder / name, "seg,sr,pdf");
    summaries[name] = predict(segmenter, job).cases.at(0);
  }
  Change change(const std::string& before, const std::string& after,
                SamePatient same = SamePatient::by_dicom) const {
    return change_between(folder / before, folder / after, same);
  }

  const ScratchFolder folder;
  std::map<std::string, CaseSummary> summaries;
};

TEST_F(ComparedObjects, SayTheSameAsTheFoldersTheyCameIn) {
  predicted("one", {});
  predicted("two", {.larger = 6});
  const Change folders = change("one", "two");
  EXPECT_EQ(folders.verdict, "more infection");
  EXPECT_GT(*folders.lesion_ml.difference(), 1.5);
  ASSERT_TRUE(folders.share_percent.before);
  EXPECT_TRUE(folders.score.after);
  EXPECT_EQ(folders.regions.size(), 6U);
  for (const std::string kind : {"sr", "seg"}) {
    const Change objects = change("one/a_" + kind + ".dcm", "two/a_" + kind + ".dcm");
    EXPECT_EQ(objects.verdict, folders.verdict);
    EXPECT_NEAR(*objects.lesion_ml.before, *folders.lesion_ml.before, 1e-6);
    EXPECT_NEAR(*objects.lesion_ml.after, *folders.lesion_ml.after, 1e-6);
    if (kind == "seg") {
      EXPECT_FALSE(objects.lung_ml.before);
      continue;
    }
    ASSERT_TRUE(objects.lung_ml.after);
    EXPECT_NEAR(*objects.lung_ml.after, *folders.lung_ml.after, 1e-6);
    EXPECT_NEAR(*objects.share_percent.after, *folders.share_percent.after, 1e-6);
    EXPECT_EQ(objects.score.after, folders.score.after);
    ASSERT_EQ(objects.regions.size(), folders.regions.size());
    for (size_t i = 0; i < folders.regions.size(); ++i) {
      EXPECT_EQ(objects.regions[i].region, folders.regions[i].region);
      EXPECT_NEAR(*objects.regions[i].share_percent.after, *folders.regions[i].share_percent.after,
                  1e-6);
    }
  }
  const Change mixed = change("one", "two/a_sr.dcm");
  EXPECT_NEAR(*mixed.lesion_ml.difference(), *folders.lesion_ml.difference(), 1e-6);
  for (const auto& warning : mixed.warnings) {
    EXPECT_EQ(warning.find("two ways"), std::string::npos) << warning;
    EXPECT_EQ(warning.find("another"), std::string::npos) << warning;
  }
}

// Lobes have a score from 0 to 25 and zones one from 0 to 24: they are no change of each other.
TEST_F(ComparedObjects, CompareNoPointsOfLobesWithThoseOfZones) {
  predicted("one", {});
  const DicomSource source(files_in_order(folder / "one_in/a"));
  MeasurementReport report;
  report.groups.push_back({1, "Lung infection", {"409774005", "SCT", "Inflammation"}, {}});
  auto& quantities = report.groups[0].quantities;
  quantities.push_back({{"118565006", "SCT", "Volume"}, 3, {"ml", "UCUM", "milliliter"}});
  quantities.push_back({own_code("score-lobes", "Severity of five lobes, 0 to 25"),
                        7,
                        {"{score}", "UCUM", "score"}});
  auto object = dicom_report(source, {"seg", "", UID_SegmentationStorage, "1.2", "1.3", ""}, report,
                             sample_maker());
  save_object(object, "sr", folder.path(), "lobes.dcm");
  EXPECT_FALSE(read_compared_study(folder / "lobes.dcm").score);
}

TEST_F(ComparedObjects, AreToldInTheReportOfTheLaterStudy) {
  predicted("one", {});
  predicted("two", {.larger = 6});
  const Change found = change("one", "two");
  keep_change(found, folder / "one", folder / "two");
  const std::string page = predict_report_html(folder / "two");
  EXPECT_TRUE(says(page, {"Since the study before", "more infection", "points of six zones",
                          "nothing is registered"}));
  EXPECT_EQ(page.find("No earlier study was compared"), std::string::npos);

  const std::string plain = sha256_of_file(folder / "two/a_sr.dcm");
  write_dicom_of_results(folder / "two", parse_dicom_outputs("sr"));
  const fs::path file = folder / "two/a_sr.dcm";
  EXPECT_NE(sha256_of_file(file), plain);
  EXPECT_EQ(errors_in(file), "");
  std::string remarks;
  for (const auto& remark : read_dicom_report(file).remarks) remarks += remark + "\n";
  EXPECT_TRUE(says(remarks, {"Change since the study before: more infection", "and now"}));
  EXPECT_EQ(remarks.find(folder.path().string()), std::string::npos);
  const EarlierObject before = read_earlier_object(folder / "one/a_sr.dcm");
  DcmFileFormat read;
  read.loadFile(file.c_str());
  DcmItem* study = item_of(*read.getDataset(), DCM_PertinentOtherEvidenceSequence);
  ASSERT_NE(study, nullptr);
  EXPECT_EQ(text_of(*study, DCM_StudyInstanceUID), before.study);
  DcmItem* series = item_of(*study, DCM_ReferencedSeriesSequence);
  EXPECT_EQ(text_of(*series, DCM_SeriesInstanceUID), before.series);
  EXPECT_EQ(text_of(*item_of(*series, DCM_ReferencedSOPSequence), DCM_ReferencedSOPInstanceUID),
            before.sop_instance);
  keep_change(change("one/a_seg.dcm", "two"), folder / "one/a_seg.dcm", folder / "two");
  write_dicom_of_results(folder / "two", parse_dicom_outputs("sr"));
  read.loadFile(file.c_str());
  EXPECT_EQ(item_of(*read.getDataset(), DCM_PertinentOtherEvidenceSequence), nullptr)
      << "a segmentation is no report";
}

TEST_F(ComparedObjects, WarnOfOtherMachinesAndRefuseOtherPatients) {
  predicted("one", {});
  predicted("two", {.kernel = "LUNG", .manufacturer = "GE", .patient = "P2", .spacing_mm = 10});
  const std::string before = "one/a_sr.dcm", after = "two/a_sr.dcm";
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { change(before, after); }),
                   {"different patients", "--same-patient"}));
  std::string all;
  for (const auto& w : change(before, after, SamePatient::given).warnings) all += w + "\n";
  EXPECT_TRUE(says(all, {"5 and 10 mm apart", "'B30f' and 'LUNG'", "'SIEMENS' and 'GE'"}));
  all.clear();
  for (const auto& w : change("one/a_seg.dcm", "two/a_seg.dcm", SamePatient::given).warnings)
    all += w + "\n";
  EXPECT_TRUE(says(all, {"5 and 10 mm apart", "'SIEMENS' and 'GE'"}));
}

/// Gives every unit of millilitres in a report another code.
void rename_millilitres(DcmItem& item, const char* unit) {
  DcmItem *measured = nullptr, *code = nullptr, *child = nullptr;
  if (item.findAndGetSequenceItem(DCM_MeasuredValueSequence, measured).good() &&
      measured->findAndGetSequenceItem(DCM_MeasurementUnitsCodeSequence, code).good() &&
      text_of(*code, DCM_CodeValue) == "ml") {
    code->putAndInsertString(DCM_CodeValue, unit);
  }
  for (long i = 0; item.findAndGetSequenceItem(DCM_ContentSequence, child, i).good(); ++i) {
    rename_millilitres(*child, unit);
  }
}

TEST_F(ComparedObjects, TakeVolumesInTheUnitsOfOtherMakers) {
  predicted("one", {});
  const auto file = folder / "one/a_sr.dcm";
  const double ml = read_compared_study(file).lesion_ml;
  edit_dicom(file, [](DcmDataset& data) { rename_millilitres(data, "mm3"); });
  EXPECT_NEAR(read_compared_study(file).lesion_ml, ml / 1000, 1e-9);
  edit_dicom(file, [](DcmDataset& data) {
    DcmStack stack;
    for (; data.nextObject(stack, OFTrue).good();) {
      auto* element = dynamic_cast<DcmElement*>(stack.top());
      OFString value;
      if (element == nullptr || element->getTag() != DCM_CodeValue) continue;
      element->getOFString(value, 0);
      if (value == "mm3") element->putString("l");
    }
  });
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { read_compared_study(file); }),
                   {"a volume in 'l'", "expected ml, cm3 or mm3"}));
}

TEST_F(ComparedObjects, MustBeOfLesionsOfAVolume) {
  predicted("one", {});
  const auto refused = [&](const std::string& file) {
    return complaint(ErrorKind::data, [&] { read_compared_study(folder / file); });
  };
  EXPECT_TRUE(says(refused("one/a_report.dcm"), {"is no DICOM report or segmentation"}));
  EXPECT_TRUE(says(refused("one/none.dcm"), {"holds no summary.json", "structured report"}));
  edit_dicom(folder / "one/a_seg.dcm", [](DcmDataset& data) {
    DcmItem *segment = nullptr, *type = nullptr;
    data.findAndGetSequenceItem(DCM_SegmentSequence, segment);
    segment->findAndGetSequenceItem(DCM_SegmentedPropertyTypeCodeSequence, type);
    type->putAndInsertString(DCM_CodeValue, "39607008");
  });
  EXPECT_TRUE(says(refused("one/a_seg.dcm"), {"of a lung", "expected lesions"}));
  fs::create_directories(folder / "x_in");
  write_xray(folder / "x_in/a.dcm", "2\\2");
  Segmenter segmenter = bright_segmenter();
  predict(segmenter, dicom_job(folder / "x_in", folder / "x", "sr"));
  EXPECT_TRUE(says(refused("x/a_seg.dcm"), {"no distance of slices"}));
  EXPECT_TRUE(says(refused("x/a_sr.dcm"), {"says no volume"}));
}

}  // namespace
}  // namespace groundglass
