// Numbers in DICOM headers that are not what they should be.

#include "groundglass/core/files.h"
#include "groundglass/io/dicom_series.h"
#include "tests/complaint.h"
#include "tests/io/dicom_samples.h"
#include "tests/io/volume_samples.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class DicomNumbers : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    series = folder / "series";
    write_box_series(series, flipped_grid(false, false, false));
  }
  void set(const DcmTagKey& tag, const char* value) const {
    for (int i = 1; i <= 5; ++i) set_tag(series / ("000" + std::to_string(i) + ".dcm"), tag, value);
  }
  std::string complaint() const {
    return groundglass::complaint(ErrorKind::data, [&] { open_dicom_series(series); });
  }

  fs::path series;
};

struct WrongTag {
  DcmTagKey tag;
  const char* value;
  std::string name;
};

TEST_F(DicomNumbers, AreRefusedWithFieldAndValue) {
  const std::vector<WrongTag> all = {
      {DCM_PixelSpacing, "2,5\\2,5", "PixelSpacing"},
      {DCM_PixelSpacing, "2.5mm\\2.5mm", "PixelSpacing"},
      {DCM_PixelSpacing, "0\\2.5", "PixelSpacing"},
      {DCM_PixelSpacing, "-2.5\\2.5", "PixelSpacing"},
      {DCM_PixelSpacing, "2.5", "PixelSpacing"},
      {DCM_SliceThickness, "2,5", "SliceThickness"},
      {DCM_SliceThickness, "-1", "SliceThickness"},
      {DCM_RescaleSlope, "0", "RescaleSlope"},
      {DCM_RescaleSlope, "-1", "RescaleSlope"},
      {DCM_RescaleSlope, "1,0", "RescaleSlope"},
      {DCM_RescaleIntercept, "-1024 HU", "RescaleIntercept"},
      {DCM_ImagePositionPatient, "1,5\\0\\0", "ImagePositionPatient"},
      {DCM_ImageOrientationPatient, "1\\0\\0\\0\\1", "ImageOrientationPatient"},
      {DCM_NumberOfFrames, "1,5", "NumberOfFrames"}};
  const std::string sound = read_file(series / "0001.dcm");
  for (const auto& wrong : all) {
    for (int i = 1; i <= 5; ++i) {
      const fs::path one = series / ("000" + std::to_string(i) + ".dcm");
      if (i > 1) fs::remove(one);
    }
    write_file(series / "0001.dcm", sound);
    set_tag(series / "0001.dcm", wrong.tag, wrong.value);
    EXPECT_TRUE(says(complaint(), {wrong.name.c_str(), wrong.value, "expected"})) << wrong.value;
  }
}

TEST_F(DicomNumbers, MayBeFilledWithBlanksAndCarryAPlusSign) {
  set(DCM_PixelSpacing, " +0.8 \\0.7 ");
  const auto mm = open_dicom_series(series)->info().geometry.spacing_mm;
  EXPECT_DOUBLE_EQ(mm[0], 0.7);
  EXPECT_DOUBLE_EQ(mm[1], 0.8);
}

TEST_F(DicomNumbers, OfTheScaleAreThereInAllSlicesOrInNone) {
  remove_tag(series / "0003.dcm", DCM_RescaleIntercept);
  EXPECT_TRUE(says(complaint(), {"no RescaleIntercept, other than 0001.dcm", "0003.dcm"}));
}

TEST_F(DicomNumbers, TellWhatWasSkippedBesideWhatIsMissing) {
  fs::remove(series / "0003.dcm");
  write_file(series / "notes", "nothing to see");
  EXPECT_TRUE(says(complaint(), {"1 slice is missing", "skipped", "notes"}));
}

TEST_F(DicomNumbers, OfAnXrayNameTheWayOn) {
  set(DCM_Modality, "DX");
  EXPECT_TRUE(says(complaint(), {"DX", "name the X-ray's file itself"}));
}

TEST_F(DicomNumbers, OfPaddingBecomeAir) {
  const fs::path file = series / "0001.dcm";
  edit_dicom(file, [](DcmDataset& data) {
    std::vector<Uint16> pixels(42, 1024);
    pixels[0] = 4095;
    pixels[1] = 4094;
    data.putAndInsertUint16Array(DCM_PixelData, pixels.data(), 42);
    data.putAndInsertUint16(DCM_PixelRepresentation, 0);
    data.putAndInsertUint16(DCM_BitsStored, 12);
    data.putAndInsertUint16(DCM_HighBit, 11);
    data.putAndInsertUint16(DCM_PixelPaddingValue, 4095);
  });
  auto pixels = open_dicom_series(file)->read_slice(0);
  EXPECT_EQ(pixels[0][0].item<int>(), -1000);
  EXPECT_EQ(pixels[0][1].item<int>(), 4094 - 1024);
  EXPECT_EQ(pixels[0][2].item<int>(), 0);
  edit_dicom(file,
             [](DcmDataset& data) { data.putAndInsertUint16(DCM_PixelPaddingRangeLimit, 4090); });
  pixels = open_dicom_series(file)->read_slice(0);
  EXPECT_EQ(pixels[0][1].item<int>(), -1000);
  EXPECT_EQ(pixels[0][2].item<int>(), 0);
}

TEST_F(DicomNumbers, OfSignedPaddingBecomeAir) {
  const fs::path file = series / "0001.dcm";
  edit_dicom(file, [](DcmDataset& data) {
    std::vector<Uint16> pixels(42, 1024);
    pixels[0] = static_cast<Uint16>(-2000);
    data.putAndInsertUint16Array(DCM_PixelData, pixels.data(), 42);
    data.putAndInsertUint16(DCM_PixelRepresentation, 1);
    data.putAndInsertSint16(DCM_PixelPaddingValue, -2000);
  });
  const auto pixels = open_dicom_series(file)->read_slice(0);
  EXPECT_EQ(pixels[0][0].item<int>(), -1000);
  EXPECT_EQ(pixels[0][1].item<int>(), 0);
}

TEST_F(DicomNumbers, AreReadWithoutPreambleToo) {
  for (int i = 1; i <= 5; ++i) {
    const fs::path file = series / ("000" + std::to_string(i) + ".dcm");
    DcmFileFormat whole;
    ASSERT_TRUE(whole.loadFile(file.c_str()).good());
    const auto syntax = i % 2 == 0 ? EXS_LittleEndianExplicit : EXS_LittleEndianImplicit;
    const fs::path bare = series / ("IM" + std::to_string(i));
    ASSERT_TRUE(whole.getDataset()->saveFile(bare.c_str(), syntax).good());
    fs::remove(file);
    EXPECT_TRUE(has_dicom_mark(bare)) << bare;
  }
  EXPECT_EQ(open_dicom_series(series)->info().depth, 5);
  write_file(series / "text", "08 is no group of a data set");
  EXPECT_FALSE(has_dicom_mark(series / "text"));
}

TEST_F(DicomNumbers, InAnUnknownEncodingNameIt) {
  const fs::path file = series / "0001.dcm";
  std::string bytes = read_file(file);
  const std::string known = "1.2.840.10008.1.2.1", unknown = "1.2.840.10008.9.9.9";
  const size_t at = bytes.find(known);
  ASSERT_NE(at, std::string::npos);
  write_file(file, bytes.replace(at, known.size(), unknown));
  EXPECT_TRUE(says(complaint(), {"TransferSyntaxUID", unknown.c_str(), "gdcmconv"}));
}

}  // namespace
}  // namespace groundglass
