#include "groundglass/io/dicom_xray.h"

#include <gtest/gtest.h>

#include "groundglass/io/picture.h"
#include "tests/complaint.h"
#include "tests/io/dicom_samples.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// A chest X-ray of 2 x 4 pixels of 12 bits: 0, 100, .., 700.
class DicomXray : public ::testing::Test {
 protected:
  DicomXray() {
    DcmFileFormat file;
    DcmDataset& data = *file.getDataset();
    put(data, DCM_SOPClassUID, UID_DigitalXRayImageStorageForPresentation);
    put(data, DCM_SOPInstanceUID, "1.2.3");
    put(data, DCM_Modality, "DX");
    put(data, DCM_PresentationIntentType, "FOR PRESENTATION");
    put(data, DCM_BodyPartExamined, "CHEST");
    put(data, DCM_ViewPosition, "PA");
    put(data, DCM_PhotometricInterpretation, "MONOCHROME2");
    for (const auto& [tag, value] :
         {std::pair{DCM_Rows, 2}, std::pair{DCM_Columns, 4}, std::pair{DCM_SamplesPerPixel, 1},
          std::pair{DCM_BitsAllocated, 16}, std::pair{DCM_BitsStored, 12},
          std::pair{DCM_HighBit, 11}, std::pair{DCM_PixelRepresentation, 0}}) {
      data.putAndInsertUint16(tag, static_cast<Uint16>(value));
    }
    std::vector<Uint16> pixels;
    for (Uint16 i = 0; i < 8; ++i) pixels.push_back(static_cast<Uint16>(100 * i));
    data.putAndInsertUint16Array(DCM_PixelData, pixels.data(), pixels.size());
    file.saveFile(path_.c_str(), EXS_LittleEndianExplicit);
  }

  static void put(DcmDataset& data, const DcmTagKey& tag, const char* value) {
    data.putAndInsertString(tag, value);
  }

  void window(const char* centre, const char* width, const char* function = nullptr) {
    edit_dicom(path_, [&](DcmDataset& data) {
      put(data, DCM_WindowCenter, centre);
      put(data, DCM_WindowWidth, width);
      if (function != nullptr) put(data, DCM_VOILUTFunction, function);
    });
  }

  void expect_shown(const std::vector<double>& expected) const {
    const Image image = read_picture(path_);  // which leaves DICOM to read_dicom_xray()
    ASSERT_EQ(image.pixels.sizes(), (std::vector<int64_t>{1, 2, 4}));
    EXPECT_EQ(image.white, 1);
    const float* shown = image.pixels.data_ptr<float>();
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(shown[i], expected[i], 1e-6) << i;
  }

  std::string refused() const {
    return complaint(ErrorKind::data, [&] { read_dicom_xray(path_); });
  }

  ScratchFolder scratch_;
  fs::path path_ = scratch_ / "chest.dcm";
};

TEST_F(DicomXray, AWindowIsAppliedAsTheStandardSays) {
  window("350.5", "401");  // 0 up to 150, 1 from 550 on
  expect_shown({0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1});
  window("350", "400", "LINEAR_EXACT");
  expect_shown({0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1});
  window("350", "400", "SIGMOID");
  expect_shown({1 / (1 + std::exp(3.5)), 1 / (1 + std::exp(2.5)), 1 / (1 + std::exp(1.5)),
                1 / (1 + std::exp(0.5)), 1 / (1 + std::exp(-0.5)), 1 / (1 + std::exp(-1.5)),
                1 / (1 + std::exp(-2.5)), 1 / (1 + std::exp(-3.5))});
}

TEST_F(DicomXray, TheFirstOfSeveralWindowsIsTaken) {
  window("350.5\\10", "401\\20");
  expect_shown({0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1});
}

TEST_F(DicomXray, TheRescalingComesBeforeTheWindow) {
  window("-149.5", "401");
  edit_dicom(path_, [](DcmDataset& data) {
    put(data, DCM_RescaleSlope, "2");
    put(data, DCM_RescaleIntercept, "-850");
  });
  expect_shown({0, 0, 0, 0.25, 0.75, 1, 1, 1});
}

TEST_F(DicomXray, InversionComesLastAndOnce) {
  window("350.5", "401");
  edit_dicom(path_, [](DcmDataset& data) {
    put(data, DCM_PhotometricInterpretation, "MONOCHROME1");
    put(data, DCM_PresentationLUTShape, "INVERSE");
  });
  expect_shown({1, 1, 0.875, 0.625, 0.375, 0.125, 0, 0});
}

TEST_F(DicomXray, ALookUpTableGoesBeforeAWindow) {
  window("350.5", "401");
  edit_dicom(path_, [](DcmDataset& data) {
    DcmItem* item = nullptr;
    data.findOrCreateSequenceItem(DCM_VOILUTSequence, item, -2);
    const std::vector<Uint16> descriptor = {4, 200, 8};  // 4 entries from 200 on
    const std::vector<Uint16> entries = {0, 51, 102, 255};
    item->putAndInsertUint16Array(DCM_LUTDescriptor, descriptor.data(), 3);
    item->putAndInsertUint16Array(DCM_LUTData, entries.data(), 4);
  });
  expect_shown({0, 0, 0, 1, 1, 1, 1, 1});  // 201, 202, .. are the entries, 300 lies beyond
}

TEST_F(DicomXray, AModalityTableComesFirst) {
  window("2.5", "2");
  edit_dicom(path_, [](DcmDataset& data) {
    DcmItem* item = nullptr;
    data.findOrCreateSequenceItem(DCM_ModalityLUTSequence, item, -2);
    const std::vector<Uint16> descriptor = {301, 200, 16};
    std::vector<Uint16> entries;
    for (Uint16 i = 0; i <= 300; ++i) entries.push_back(static_cast<Uint16>(i / 100));
    item->putAndInsertUint16Array(DCM_LUTDescriptor, descriptor.data(), 3);
    item->putAndInsertUint16Array(DCM_LUTData, entries.data(), entries.size());
  });
  expect_shown({0, 0, 0, 0, 0.5, 1, 1, 1});  // 0 0 0 1 2 3 3 3 after the table
}

TEST_F(DicomXray, WithoutAWindowPercentilesAreShownAndSaid) {
  expect_shown({0, 1.0 / 6, 2.0 / 6, 3.0 / 6, 4.0 / 6, 5.0 / 6, 1, 1});
  const Image image = read_dicom_xray(path_);
  ASSERT_EQ(image.warnings.size(), 1u);
  EXPECT_TRUE(says(image.warnings[0], {"has no window"}));
}

TEST_F(DicomXray, WhatTheDetectorDidNotSeeIsBlack) {
  window("350.5", "401");
  edit_dicom(path_, [](DcmDataset& data) {
    data.putAndInsertUint16(DCM_PixelPaddingValue, 0);
    put(data, DCM_PhotometricInterpretation, "MONOCHROME1");
  });
  expect_shown({0, 1, 0.875, 0.625, 0.375, 0.125, 0, 0});
}

TEST_F(DicomXray, WhatWouldBeReadWrongIsRefusedWithTheReason) {
  const auto with = [&](const DcmTagKey& tag, const char* value) {
    const fs::path whole = scratch_ / "whole";
    fs::copy_file(path_, whole, fs::copy_options::overwrite_existing);
    set_tag(path_, tag, value);
    const std::string said = refused();
    fs::copy_file(whole, path_, fs::copy_options::overwrite_existing);
    return said;
  };
  EXPECT_TRUE(says(with(DCM_PresentationIntentType, "FOR PROCESSING"), {"is raw data"}));
  EXPECT_TRUE(says(with(DCM_ViewPosition, "LL"), {"is a lateral or oblique view"}));
  EXPECT_TRUE(says(with(DCM_ViewPosition, "LATERAL"), {"is a lateral or oblique view"}));
  EXPECT_TRUE(says(with(DCM_BodyPartExamined, "HAND"), {"BodyPartExamined is 'HAND'"}));
  EXPECT_TRUE(says(with(DCM_Modality, "MG"), {"Modality is 'MG', expected CR or DX"}));
  EXPECT_TRUE(says(with(DCM_PhotometricInterpretation, "RGB"), {"its pixels are 'RGB'"}));
  EXPECT_TRUE(says(with(DCM_NumberOfFrames, "2"), {"is truncated"}));
  window("350", "0");
  EXPECT_TRUE(says(refused(), {"has a window of width 0"}));
  window("350", "0", "SIGMOID");
  EXPECT_TRUE(says(refused(), {"has a window of width 0"}));
  window("350", "10", "GUESS");
  EXPECT_TRUE(says(refused(), {"has a window by 'GUESS'"}));
  edit_dicom(path_, [](DcmDataset& data) {
    DcmItem* item = nullptr;
    data.findOrCreateSequenceItem(DCM_VOILUTSequence, item, -2);
    const std::vector<Uint16> descriptor = {400, 0, 8};
    const std::vector<Uint16> entries = {0, 51, 102, 255};
    item->putAndInsertUint16Array(DCM_LUTDescriptor, descriptor.data(), 3);
    item->putAndInsertUint16Array(DCM_LUTData, entries.data(), 4);
  });
  EXPECT_TRUE(says(refused(), {"has a look-up table of 4 numbers, expected 400"}));
}

TEST_F(DicomXray, OfAFilmWithoutASizeIsReadAndSaysSo) {
  window("400.5", "801");
  edit_dicom(path_, [](DcmDataset& data) { put(data, DCM_PixelSpacing, "0.000\\0.000"); });
  expect_shown({0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875});
  const auto warnings = read_dicom_xray(path_).warnings;
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(says(warnings[0], {"PixelSpacing is '0.000\\0.000'", "expected 2 numbers above 0"}));
  edit_dicom(path_, [](DcmDataset& data) { put(data, DCM_RescaleSlope, "0"); });
  EXPECT_TRUE(says(refused(), {"RescaleSlope is '0'"}));  // which changes gray values
}

TEST_F(DicomXray, IsToldFromOtherFiles) {
  EXPECT_TRUE(is_dicom_xray(path_));
  set_tag(path_, DCM_Modality, "CT");
  EXPECT_FALSE(is_dicom_xray(path_));
  EXPECT_FALSE(is_dicom_xray(scratch_ / "none.dcm"));
}

}  // namespace
}  // namespace groundglass
