#include "groundglass/io/dicom_writer.h"

#include <cstdlib>
#include <set>

#include "groundglass/core/files.h"
#include "tests/complaint.h"
#include "tests/io/dicom_samples.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class DicomWriting : public VolumeTest {
 protected:
  std::string text(const fs::path& path, const DcmTagKey& tag) const {
    DcmFileFormat file;
    OFString value;
    file.loadFile(path.c_str());
    file.getDataset()->findAndGetOFStringArray(tag, value);
    return value.c_str();
  }
};

TEST_F(DicomWriting, SaysThatTheSeriesIsSynthetic) {
  write_box_series(folder, oblique_grid());
  const fs::path file = folder / "0002.dcm";
  EXPECT_EQ(text(file, DCM_PatientID), "PHANTOM");
  EXPECT_EQ(text(file, DCM_PatientName), "PHANTOM");
  EXPECT_EQ(text(file, DCM_Modality), "CT");
  EXPECT_EQ(text(file, DCM_SOPClassUID), UID_CTImageStorage);
  EXPECT_EQ(text(file, DCM_RescaleIntercept), "-1024");
  EXPECT_EQ(text(file, DCM_StudyDate), "");
  expect_contains(text(file, DCM_ImageComments), "synthetic");
  expect_contains(text(file, DCM_SeriesDescription), "research only");
  EXPECT_TRUE(fs::exists(folder / "0005.dcm"));
  EXPECT_FALSE(fs::exists(folder / "0006.dcm"));
}

TEST_F(DicomWriting, DrawsUidsFromTheSeedAlone) {
  write_box_series(folder / "a", {}, 7);
  write_box_series(folder / "b", {}, 7);
  write_box_series(folder / "c", {}, 8);
  EXPECT_EQ(read_file(folder / "a" / "0003.dcm"), read_file(folder / "b" / "0003.dcm"));
  std::set<std::string> instances, series;
  for (const char* name : {"a", "c"}) {
    for (const auto& entry : fs::directory_iterator(folder / name)) {
      const std::string uid = text(entry.path(), DCM_SOPInstanceUID);
      EXPECT_LE(uid.size(), 64U);
      EXPECT_EQ(uid.rfind("2.25.", 0), 0U) << uid;
      instances.insert(uid);
      series.insert(text(entry.path(), DCM_SeriesInstanceUID));
    }
  }
  EXPECT_EQ(instances.size(), 10U);
  EXPECT_EQ(series.size(), 2U);
}

TEST_F(DicomWriting, KeepsDecimalsWithinSixteenCharacters) {
  Geometry grid = oblique_grid();
  grid.origin_mm = {-1234.56789012345, 1e-17, 0.1};
  write_box_series(folder, grid);
  for (const auto& tag :
       {DCM_ImagePositionPatient, DCM_ImageOrientationPatient, DCM_PixelSpacing}) {
    const std::string all = text(folder / "0001.dcm", tag);
    size_t begin = 0;
    while (begin <= all.size()) {
      const size_t end = std::min(all.find('\\', begin), all.size());
      EXPECT_LE(end - begin, 16U) << all;
      begin = end + 1;
    }
  }
}

TEST_F(DicomWriting, HoldsWhatGoesBeyondTheRange) {
  auto voxels = torch::tensor({-32768, -1024, 31743, 32767}).view({1, 2, 2}).to(torch::kInt16);
  write_dicom_series(folder, volume_in_hu(voxels, {}));
  const Volume back = read_volume(folder);
  voxels[0][1][1] = 31743;
  EXPECT_TRUE(back.voxels.equal(voxels));
}

TEST_F(DicomWriting, RefusesWhatDoesNotFit) {
  DicomSeriesWriter writer(folder, {1, 2, 3}, {});
  EXPECT_THROW(writer.write_slice(torch::zeros({3, 2}, torch::kInt16)), Error);
  EXPECT_THROW(writer.write_slice(torch::zeros({2, 3}, torch::kFloat32)), Error);
  writer.write_slice(torch::zeros({2, 3}, torch::kInt16));
  EXPECT_THROW(writer.write_slice(torch::zeros({2, 3}, torch::kInt16)), Error);
  Volume gray = volume_in_hu(torch::zeros({1, 2, 3}, torch::kInt16), {});
  gray.units = Units::gray;
  expect_contains(complaint(ErrorKind::internal, [&] { write_dicom_series(folder, gray); }),
                  "a CT series is written from [D,H,W] in HU");
}

TEST_F(DicomWriting, IsFoundSoundByDicom3Tools) {
  if (std::system("command -v dciodvfy > /dev/null 2>&1") != 0) {
    GTEST_SKIP() << "dciodvfy is not installed (apt-get install dicom3tools)";
  }
  write_box_series(folder, oblique_grid());
  const std::string out = (folder / "report.txt").string();
  std::system(("dciodvfy " + (folder / "0001.dcm").string() + " > " + out + " 2>&1").c_str());
  const std::string report = read_file(out);
  EXPECT_EQ(report.find("Error"), std::string::npos) << report;
}

}  // namespace
}  // namespace groundglass
