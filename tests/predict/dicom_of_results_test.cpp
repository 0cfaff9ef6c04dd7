// DICOM objects of what predict wrote earlier.
#include "groundglass/predict/dicom_of_results.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"
#include "tests/complaint.h"
#include "tests/io/dicom_object_samples.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/predict/dicom_job.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

class DicomOfResults : public testing::Test {
 protected:
  void predicted(const std::string& out, const std::string& words, bool save_lungs = false) {
    Segmenter segmenter = bright_segmenter();
    segmenter.use_lungs({.from = LungsFrom::network,
                         .name = "finder",
                         .network = std::make_shared<Segmenter>(bright_segmenter()),
                         .weights_sha256 = std::string(64, 'b')});
    auto job = dicom_job(folder / "in", folder / out, words);
    job.save_lungs = save_lungs;
    name_maker(job, segmenter);
    predict(segmenter, job);
  }
  std::vector<DicomObject> later(const std::string& words) const {
    return write_dicom_of_results(folder / "later", parse_dicom_outputs(words)).at(0).objects;
  }
  std::string refused(const std::string& words = "seg", const fs::path& source = {}) const {
    return complaint(ErrorKind::data, [&] {
      write_dicom_of_results(folder / "later", parse_dicom_outputs(words), source);
    });
  }
  /// The data set without the times of the job, which are no part of the content.
  std::string content(const fs::path& file) const {
    const auto copy = folder / "copy.dcm";
    fs::copy_file(file, copy, fs::copy_options::overwrite_existing);
    edit_dicom(copy, [](DcmDataset& data) {
      for (const auto& tag : {DCM_ContentDate, DCM_ContentTime, DCM_SeriesDate, DCM_SeriesTime})
        data.findAndDeleteElement(tag);
    });
    return read_file(copy);
  }

  const ScratchFolder folder;
};

TEST_F(DicomOfResults, AreTheSameAsThoseOfPredict) {
  write_dicom_series(folder / "in/a", chest(true));
  const std::string words = "seg,lungs,sr,sc,pdf";
  predicted("out", words);
  predicted("later", "", /*save_lungs=*/true);
  const auto objects = later(words);
  ASSERT_EQ(objects.size(), 5U);
  for (const auto& object : objects) {
    if (object.kind == "sr" || object.kind == "pdf") continue;
    EXPECT_EQ(content(folder / "out" / object.file), content(folder / "later" / object.file))
        << object.file;
  }
  // the two reports differ in nothing but the folder that warnings name, which is left out of them
  EXPECT_EQ(content(folder / "out/a_sr.dcm"), content(folder / "later/a_sr.dcm"));
  const auto listed =
      nlohmann::json::parse(read_file(folder / "later/summary.json"))["cases"][0]["dicom_objects"];
  ASSERT_EQ(listed.size(), 5U);
  EXPECT_EQ(listed[0]["sha256"], sha256_of_file(folder / "later/a_seg.dcm"));
  later("seg");  // is replaced in the list, not doubled
  EXPECT_EQ(
      nlohmann::json::parse(read_file(folder / "later/summary.json"))["cases"][0]["dicom_objects"]
          .size(),
      5U);
}

TEST_F(DicomOfResults, AreMadeOfXraysAsWell) {
  fs::create_directories(folder / "in");
  write_xray(folder / "in/a.dcm", "2\\2");
  predicted("out", "seg,sr");
  predicted("later", "");
  later("sr");
  for (const char* file : {"a_seg.dcm", "a_sr.dcm"}) {
    EXPECT_EQ(content(folder / "out" / file), content(folder / "later" / file)) << file;
  }
}

TEST_F(DicomOfResults, RefuseWhatIsNotWhatWasSegmented) {
  write_dicom_series(folder / "in/a", chest(false));
  EXPECT_TRUE(says(refused(), {"later", "holds no summary.json"}));
  predicted("later", "");
  EXPECT_TRUE(says(refused("lungs"), {"a_lungs.nii.gz", "--save-lungs"}));
  DicomSeriesOptions other;
  other.seed = 2;
  write_dicom_series(folder / "other", chest(false), other);
  EXPECT_TRUE(says(refused("seg", folder / "other"), {"is not what was segmented", "expected"}));
  fs::rename(folder / "in/a", folder / "moved");
  EXPECT_TRUE(says(refused(), {"in/a", "are not there", "--source"}));
  EXPECT_EQ(
      write_dicom_of_results(folder / "later", parse_dicom_outputs("seg"), folder / "moved").size(),
      1U);
  auto mask = read_label_volume(folder / "later/a_mask.nii.gz");
  mask.labels[0][0][0] = 1;
  write_label_volume(folder / "later/a_mask.nii.gz", mask);
  EXPECT_TRUE(says(refused("seg", folder / "moved"),
                   {"a_mask.nii.gz", "lesion pixels", "summary.json was measured on"}));
}

TEST_F(DicomOfResults, RefuseFoldersWithoutDicom) {
  write_png(folder / "in/a.png", torch::zeros({8, 8}, torch::kUInt8));
  Segmenter segmenter = bright_segmenter();
  predict(segmenter, dicom_job(folder / "in", folder / "later", ""));
  EXPECT_TRUE(says(refused(), {"summary.json", "names no case made of DICOM images"}));
  write_file(folder / "later/summary.json", "{");
  EXPECT_TRUE(says(refused(), {"summary.json", "is damaged"}));
}

}  // namespace
}  // namespace groundglass
