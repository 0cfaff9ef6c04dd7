#include "groundglass/io/dicom_writer.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/rng.h"
#include "groundglass/core/version.h"
#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_library.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr int kIntercept_hu = -1024;

/// A UID below 2.25, the branch that needs no registration: a number of 37 digits out of the key.
std::string uid(uint64_t seed, uint64_t kind, uint64_t index = 0) {
  Rng rng(mix_keys(seed, kind, index));
  std::string text = "2.25." + std::to_string(1 + rng.below(9));
  for (int i = 0; i < 36; ++i) text += std::to_string(rng.below(10));
  return text;
}
enum UidKind : uint64_t { kStudy = 1, kSeries, kFrame, kInstance };

/// A decimal string, which DICOM holds to 16 characters.
std::string decimal(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::general, 10);
  return {buffer.data(), end.ptr};
}

template <class Numbers>
std::string decimals(const Numbers& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : "\\") + decimal(value);
  return text;
}

void put(DcmDataset& data, const DcmTagKey& tag, const std::string& value) {
  if (data.putAndInsertString(tag, value.c_str()).bad()) {
    fail(ErrorKind::internal, "a DICOM header does not take the value " + value);
  }
}

void put(DcmDataset& data, const DcmTagKey& tag, int64_t value) {
  data.putAndInsertUint16(tag, static_cast<Uint16>(value));
}

void put_patient_and_study(DcmDataset& data, const DicomSeriesOptions& options) {
  put(data, DCM_PatientName, options.patient_id);
  put(data, DCM_PatientID, options.patient_id);
  for (const auto& empty : {DCM_PatientBirthDate, DCM_PatientSex, DCM_StudyDate, DCM_StudyTime,
                            DCM_ReferringPhysicianName, DCM_StudyID, DCM_AccessionNumber,
                            DCM_PositionReferenceIndicator, DCM_KVP, DCM_AcquisitionNumber}) {
    data.insertEmptyElement(empty);
  }
  put(data, DCM_StudyInstanceUID, uid(options.seed, kStudy));
  put(data, DCM_SeriesInstanceUID, uid(options.seed, kSeries));
  put(data, DCM_FrameOfReferenceUID, uid(options.seed, kFrame));
  put(data, DCM_StudyDescription, options.study_description);
  put(data, DCM_SeriesDescription, options.series_description);
  put(data, DCM_SeriesNumber, "1");
  put(data, DCM_Modality, "CT");
  put(data, DCM_Manufacturer, "GroundGlass");
  put(data, DCM_SoftwareVersions, version());
  put(data, DCM_PatientPosition, "HFS");
  put(data, DCM_BodyPartExamined, "CHEST");
}

void put_place(DcmDataset& data, const Geometry& g, int64_t k) {
  const auto& d = g.direction;
  put(data, DCM_ImagePositionPatient, decimals(to_patient_mm(g, {0, 0, static_cast<double>(k)})));
  put(data, DCM_ImageOrientationPatient,
      decimals(std::array<double, 6>{d[0], d[3], d[6], d[1], d[4], d[7]}));
  put(data, DCM_PixelSpacing, decimals(std::array<double, 2>{g.spacing_mm[1], g.spacing_mm[0]}));
  put(data, DCM_SliceThickness, decimal(g.spacing_mm[2]));
}

void put_pixels(DcmDataset& data, const torch::Tensor& hu) {
  put(data, DCM_SamplesPerPixel, int64_t{1});
  put(data, DCM_PhotometricInterpretation, "MONOCHROME2");
  put(data, DCM_Rows, hu.size(0));
  put(data, DCM_Columns, hu.size(1));
  put(data, DCM_BitsAllocated, int64_t{16});
  put(data, DCM_BitsStored, int64_t{16});
  put(data, DCM_HighBit, int64_t{15});
  put(data, DCM_PixelRepresentation, int64_t{1});
  put(data, DCM_RescaleIntercept, std::to_string(kIntercept_hu));
  put(data, DCM_RescaleSlope, "1");
  put(data, DCM_RescaleType, "HU");
  put(data, DCM_WindowCenter, "-500");
  put(data, DCM_WindowWidth, "1400");
  const auto from = hu.contiguous();
  const int16_t* begin = from.data_ptr<int16_t>();
  std::vector<Uint16> stored(static_cast<size_t>(hu.numel()));
  std::transform(begin, begin + hu.numel(), stored.begin(),
                 [](int16_t v) { return static_cast<Uint16>(std::min(v - kIntercept_hu, 32767)); });
  data.putAndInsertUint16Array(DCM_PixelData, stored.data(), stored.size());
}

std::string file_name(int64_t number) {
  std::string digits = std::to_string(number);
  digits.insert(0, digits.size() < 4 ? 4 - digits.size() : 0, '0');
  return digits + ".dcm";
}

}  // namespace

DicomSeriesWriter::DicomSeriesWriter(fs::path folder, std::array<int64_t, 3> shape,
                                     const Geometry& geometry, DicomSeriesOptions options)
    : folder_(std::move(folder)), shape_(shape), geometry_(geometry), options_(std::move(options)) {
  prepare_dicom_library();
  make_folder(folder_);
}

void DicomSeriesWriter::write_slice(const torch::Tensor& hu) {
  if (written_ == shape_[0] || hu.dim() != 2 || hu.size(0) != shape_[1] ||
      hu.size(1) != shape_[2] || hu.scalar_type() != torch::kInt16) {
    fail(ErrorKind::internal, folder_.string() + ": slice " + std::to_string(written_) + " of " +
                                  std::to_string(shape_[0]) + " is " + shape_text(hu) +
                                  ", expected [H,W] int16 as announced");
  }
  DcmFileFormat file;
  DcmDataset& data = *file.getDataset();
  put(data, DCM_SOPClassUID, UID_CTImageStorage);
  put(data, DCM_SOPInstanceUID, uid(options_.seed, kInstance, static_cast<uint64_t>(written_)));
  put(data, DCM_ImageType, "DERIVED\\PRIMARY\\AXIAL");
  put(data, DCM_InstanceNumber, std::to_string(written_ + 1));
  put(data, DCM_ImageComments, "synthetic, made by GroundGlass; research use only");
  put_patient_and_study(data, options_);
  put_place(data, geometry_, written_);
  put_pixels(data, hu);
  const fs::path path = folder_ / file_name(written_ + 1);
  save_whole(path, Flush::to_system, [&](const char* temporary) {
    return file.saveFile(temporary, EXS_LittleEndianExplicit);
  });
  ++written_;
}

void write_dicom_series(const fs::path& folder, const Volume& volume,
                        const DicomSeriesOptions& options) {
  if (volume.voxels.dim() != 3 || volume.units != Units::hu) {
    fail(ErrorKind::internal, "a CT series is written from [D,H,W] in HU, not from " +
                                  shape_text(volume.voxels) + " in " + to_string(volume.units));
  }
  DicomSeriesWriter writer(folder,
                           {volume.voxels.size(0), volume.voxels.size(1), volume.voxels.size(2)},
                           volume.geometry, options);
  for (int64_t k = 0; k < volume.voxels.size(0); ++k) writer.write_slice(volume.voxels[k]);
}

}  // namespace groundglass
