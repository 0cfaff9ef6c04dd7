#include "groundglass/io/dicom_slice.h"

#include <numeric>

#include <gdcmImageChangeTransferSyntax.h>
#include <gdcmImageReader.h>
#include <gdcmImageWriter.h>

#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmdata/dcrlerp.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpeg/djrplol.h>

#include "groundglass/core/files.h"
#include "tests/complaint.h"
#include "tests/io/dicom_samples.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class DicomPixels : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    // Smooth with some noise, as encoders expect it; from -1024 up to metal.
    const auto ramp = torch::arange(64 * 48, torch::kInt32);
    voxels = ((ramp * 3) % 2048 - 1024 + (ramp * 7919) % 61).view({1, 64, 48}).to(torch::kInt16);
    voxels[0][0][0] = 30000;
    write_dicom_series(folder, volume_in_hu(voxels, {}));
    file = folder / "0001.dcm";
  }

  /// Stores the same pixels in another transfer syntax.
  void encode(E_TransferSyntax syntax, const DcmRepresentationParameter* parameter = nullptr) {
    edit_dicom(
        file,
        [&](DcmDataset& data) {
          ASSERT_TRUE(data.chooseRepresentation(syntax, parameter).good());
          ASSERT_TRUE(data.canWriteXfer(syntax));
        },
        syntax);
  }

  void encode_with_gdcm(gdcm::TransferSyntax::TSType syntax) {
    gdcm::ImageReader reader;
    reader.SetFileName(file.c_str());
    ASSERT_TRUE(reader.Read());
    gdcm::ImageChangeTransferSyntax change;
    change.SetTransferSyntax(syntax);
    change.SetInput(reader.GetImage());
    ASSERT_TRUE(change.Change());
    gdcm::ImageWriter writer;
    writer.SetFileName(file.c_str());
    writer.SetFile(reader.GetFile());
    writer.SetImage(change.GetOutput());
    ASSERT_TRUE(writer.Write());
  }

  void expect_same_pixels(const char* encoding) const {
    const auto slice = read_dicom_header(file);
    ASSERT_TRUE(slice);
    expect_contains(slice->encoding, encoding);
    const auto read = read_dicom_pixels(*slice, torch::kInt16);
    EXPECT_TRUE(read.equal(voxels[0])) << encoding;
    EXPECT_TRUE(read_dicom_pixels(*slice, torch::kFloat32).equal(voxels[0].to(torch::kFloat32)));
  }

  torch::Tensor voxels;
  fs::path file;
};

TEST_F(DicomPixels, AreReadFromEveryPlainTransferSyntax) {
  expect_same_pixels("Little Endian Explicit");
  encode(EXS_LittleEndianImplicit);
  expect_same_pixels("Little Endian Implicit");
  encode(EXS_BigEndianExplicit);
  expect_same_pixels("Big Endian Explicit");
  encode(EXS_DeflatedLittleEndianExplicit);
  expect_same_pixels("Deflated Explicit");
}

TEST_F(DicomPixels, AreReadFromRle) {
  DcmRLEEncoderRegistration::registerCodecs();
  const DcmRLERepresentationParameter parameter;
  encode(EXS_RLELossless, &parameter);
  expect_same_pixels("RLE Lossless");
  DcmRLEEncoderRegistration::cleanup();
}

TEST_F(DicomPixels, AreReadFromLosslessJpeg) {
  DJEncoderRegistration::registerCodecs();
  const DJ_RPLossless parameter;
  encode(EXS_JPEGProcess14SV1, &parameter);
  expect_same_pixels("JPEG Lossless");
  DJEncoderRegistration::cleanup();
}

TEST_F(DicomPixels, AreReadFromJpegLs) {
  encode_with_gdcm(gdcm::TransferSyntax::JPEGLSLossless);
  expect_same_pixels("JPEG-LS Lossless");
}

TEST_F(DicomPixels, AreReadFromJpeg2000) {
  encode_with_gdcm(gdcm::TransferSyntax::JPEG2000Lossless);
  expect_same_pixels("JPEG 2000");
}

TEST_F(DicomPixels, AreRefusedWhereTheCompressionIsDamaged) {
  const auto damage_behind = [&](const std::string& mark) {
    std::string bytes = read_file(file);
    const size_t at = bytes.rfind(mark);
    ASSERT_NE(at, std::string::npos);
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at + mark.size()), bytes.end() - 20,
              '\x55');
    write_file(file, bytes);
  };
  const auto complaint = [&] {
    const auto slice = read_dicom_header(file);
    return groundglass::complaint(ErrorKind::data,
                                  [&] { read_dicom_pixels(*slice, torch::kInt16); });
  };
  const std::string whole = read_file(file), reason = "cannot be decoded: damaged, or of a kind";
  testing::internal::CaptureStderr();
  encode_with_gdcm(gdcm::TransferSyntax::JPEG2000Lossless);
  damage_behind("\xff\x4f\xff\x51");
  expect_contains(complaint(), reason);

  write_file(file, whole);
  encode_with_gdcm(gdcm::TransferSyntax::JPEGLSLossless);
  damage_behind("\xff\xd8\xff");
  expect_contains(complaint(), reason);

  write_file(file, whole);
  DJEncoderRegistration::registerCodecs();
  const DJ_RPLossless parameter;
  encode(EXS_JPEGProcess14SV1, &parameter);
  DJEncoderRegistration::cleanup();
  damage_behind("\xff\xd8\xff");
  expect_contains(complaint(), reason);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(DicomPixels, AreRefusedInAnEncodingThatIsNotKnown) {
  encode_with_gdcm(gdcm::TransferSyntax::JPEG2000Lossless);
  std::string bytes = read_file(file);
  const std::string uid = "1.2.840.10008.1.2.4.90";
  const size_t at = bytes.find(uid);
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, uid.size(), "1.2.840.10008.1.2.4.92");  // of several components
  write_file(file, bytes);
  const auto slice = read_dicom_header(file);
  ASSERT_TRUE(slice);
  expect_contains(complaint(ErrorKind::data, [&] { read_dicom_pixels(*slice, torch::kInt16); }),
                  "cannot be decoded");
}

TEST_F(DicomPixels, LeaveOutBitsThatAreNotTheirs) {
  edit_dicom(file, [](DcmDataset& data) {
    data.putAndInsertUint16(DCM_BitsStored, 12);
    data.putAndInsertUint16(DCM_HighBit, 11);
    data.putAndInsertUint16(DCM_Rows, 1);
    data.putAndInsertUint16(DCM_Columns, 3);
    // An overlay in bit 15; 12 signed bits: 5, -1, -2048.
    const std::vector<Uint16> stored = {0x8005, 0x0fff, 0x8800, 0};
    data.putAndInsertUint16Array(DCM_PixelData, stored.data(), stored.size());
  });
  const auto read = [&] { return read_dicom_pixels(*read_dicom_header(file), torch::kInt16); };
  EXPECT_TRUE(read().equal(torch::tensor({5, -1, -2048}).view({1, 3}).sub(1024).to(torch::kInt16)));
  edit_dicom(file, [](DcmDataset& d) { d.putAndInsertUint16(DCM_PixelRepresentation, 0); });
  EXPECT_TRUE(
      read().equal(torch::tensor({5, 4095, 2048}).view({1, 3}).sub(1024).to(torch::kInt16)));
}

TEST_F(DicomPixels, OfEightBitsAreReadToo) {
  edit_dicom(file, [](DcmDataset& data) {
    for (const auto& [tag, value] :
         std::vector<std::pair<DcmTagKey, Uint16>>{{DCM_BitsAllocated, 8},
                                                   {DCM_BitsStored, 8},
                                                   {DCM_HighBit, 7},
                                                   {DCM_Rows, 64},
                                                   {DCM_Columns, 32},
                                                   {DCM_PixelRepresentation, 0}}) {
      data.putAndInsertUint16(tag, value);
    }
    std::vector<Uint8> stored(64 * 32);
    std::iota(stored.begin(), stored.end(), Uint8{0});
    data.putAndInsertUint8Array(DCM_PixelData, stored.data(), stored.size());
  });
  const auto expected = (torch::arange(64 * 32) % 256 - 1024).view({64, 32}).to(torch::kInt16);
  const auto read = [&] { return read_dicom_pixels(*read_dicom_header(file), torch::kInt16); };
  EXPECT_TRUE(read().equal(expected));
  const std::string plain = read_file(file);
  for (const auto syntax :
       {gdcm::TransferSyntax::JPEGLSLossless, gdcm::TransferSyntax::JPEG2000Lossless}) {
    write_file(file, plain);
    encode_with_gdcm(syntax);
    EXPECT_TRUE(read().equal(expected)) << syntax;
  }
}

TEST_F(DicomPixels, AreRoundedToWholeHu) {
  edit_dicom(file, [](DcmDataset& data) {
    data.putAndInsertString(DCM_RescaleSlope, "0.3");
    data.putAndInsertString(DCM_RescaleIntercept, "0");
    data.putAndInsertUint16(DCM_Rows, 1);
    data.putAndInsertUint16(DCM_Columns, 3);
    const std::vector<Uint16> stored = {1, 2, static_cast<Uint16>(-2), 0};
    data.putAndInsertUint16Array(DCM_PixelData, stored.data(), stored.size());
  });
  EXPECT_TRUE(read_dicom_pixels(*read_dicom_header(file), torch::kInt16)
                  .equal(torch::tensor({0, 1, -1}).view({1, 3}).to(torch::kInt16)));
}

TEST_F(DicomPixels, OfThirtyTwoBitsAreRefused) {
  edit_dicom(file, [](DcmDataset& data) {
    data.putAndInsertUint16(DCM_BitsAllocated, 32);
    data.putAndInsertUint16(DCM_Rows, 32);
  });
  expect_contains(complaint(ErrorKind::data,
                            [&] { read_dicom_pixels(*read_dicom_header(file), torch::kInt16); }),
                  "has 16 of 32 bits per pixel");
}

TEST_F(DicomPixels, WithAFractionInTheSlopeBecomeFloats) {
  set_tag(file, DCM_RescaleSlope, "0.5");
  const auto reader = open_volume(file);
  EXPECT_EQ(reader->info().type, torch::kFloat32);
  const auto expected = (voxels[0].to(torch::kFloat32) + 1024) * 0.5 - 1024;
  EXPECT_TRUE(reader->read_slice(0).equal(expected));
}

TEST_F(DicomPixels, BeyondInt16AreHeldToIt) {
  edit_dicom(file, [](DcmDataset& data) {
    data.putAndInsertString(DCM_RescaleSlope, "2");
    data.putAndInsertUint16(DCM_PixelRepresentation, 0);
  });
  const auto read = read_dicom_pixels(*read_dicom_header(file), torch::kInt16);
  EXPECT_EQ(read[0][0].item<int16_t>(), 32767);
}

}  // namespace
}  // namespace groundglass
