#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

namespace groundglass {

/// What a test's image says of itself.
struct CtFile {
  std::string study = "1.2.3", series = "1.2.3.4";
  int number = 1;  ///< of the image: position and last part of its UID
  std::string thickness = "2", image_type = "ORIGINAL\\PRIMARY\\AXIAL", kernel = "B30f";
  Uint16 value = 0;  ///< of every pixel
  std::string patient = "Doe^Jane";
  std::string in_acquisition = {};
  std::string modality = "CT";  ///< or "CR", "DX": without a place in the patient
};

inline std::string instance_of(const CtFile& ct) {
  return ct.series + ".9." + std::to_string(ct.number);
}

/// A CT image of 16 x 16 pixels as a file.
inline void write_ct(const std::filesystem::path& path, const CtFile& ct) {
  std::filesystem::create_directories(path.parent_path());
  DcmFileFormat file;
  DcmDataset& data = *file.getDataset();
  const auto put = [&](const DcmTagKey& tag, const std::string& value) {
    data.putAndInsertString(tag, value.c_str());
  };
  const bool xray = ct.modality != "CT";
  put(DCM_SOPClassUID, xray ? UID_ComputedRadiographyImageStorage : UID_CTImageStorage);
  put(DCM_SOPInstanceUID, instance_of(ct));
  put(DCM_StudyInstanceUID, ct.study);
  put(DCM_SeriesInstanceUID, ct.series);
  if (!xray) put(DCM_FrameOfReferenceUID, ct.study + ".5");
  put(DCM_Modality, ct.modality);
  put(DCM_ImageType, ct.image_type);
  put(DCM_PatientName, ct.patient);
  put(DCM_PatientID, "P1");
  put(DCM_StudyDate, "20260131");
  put(DCM_SliceThickness, ct.thickness);
  put(DCM_ConvolutionKernel, ct.kernel);
  if (!xray) {
    put(DCM_ImageOrientationPatient, "1\\0\\0\\0\\1\\0");
    put(DCM_ImagePositionPatient, "0\\0\\" + std::to_string(2 * ct.number));
  }
  put(DCM_PixelSpacing, "0.7\\0.7");
  put(DCM_InstanceNumber, std::to_string(ct.number));
  if (!ct.in_acquisition.empty()) put(DCM_ImagesInAcquisition, ct.in_acquisition);
  put(DCM_RescaleIntercept, "-1024");
  put(DCM_RescaleSlope, "1");
  put(DCM_PhotometricInterpretation, "MONOCHROME2");
  for (const auto& [tag, value] :
       {std::pair{DCM_Rows, 16}, std::pair{DCM_Columns, 16}, std::pair{DCM_SamplesPerPixel, 1},
        std::pair{DCM_BitsAllocated, 16}, std::pair{DCM_BitsStored, 16}, std::pair{DCM_HighBit, 15},
        std::pair{DCM_PixelRepresentation, 0}}) {
    data.putAndInsertUint16(tag, static_cast<Uint16>(value));
  }
  const std::vector<Uint16> pixels(256, ct.value);
  data.putAndInsertUint16Array(DCM_PixelData, pixels.data(), pixels.size());
  file.saveFile(path.c_str(), EXS_LittleEndianExplicit);
}

/// Images 1 to `count` of a series in a folder.
inline void write_cts(const std::filesystem::path& folder, int count, CtFile ct = {}) {
  for (ct.number = 1; ct.number <= count; ++ct.number) {
    write_ct(folder / (std::to_string(ct.number) + ".dcm"), ct);
  }
}

}  // namespace groundglass
