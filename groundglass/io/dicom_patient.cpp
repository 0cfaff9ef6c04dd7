#include "groundglass/io/dicom_patient.h"

#include <cmath>
#include <utility>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_library.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace {

void read_until(const std::filesystem::path& file, const DcmTagKey& tag, DcmFileFormat& dicom) {
  prepare_dicom_library();
  const OFCondition read = dicom.loadFileUntilTag(file.c_str(), EXS_Unknown, EGL_noChange,
                                                  DCM_MaxReadLength, ERM_autoDetect, tag);
  if (read.bad()) refuse(file, std::string("cannot be read as DICOM (") + read.text() + ")");
}

/// Rows times columns of a pixel, mm2; nothing where the attribute is missing or no size.
std::optional<double> pixel_area(DcmDataset& data, const DcmTagKey& tag) {
  Float64 rows_mm = 0, columns_mm = 0;
  const bool there = data.findAndGetFloat64(tag, rows_mm, 0).good() &&
                     data.findAndGetFloat64(tag, columns_mm, 1).good();
  if (!there || !std::isfinite(rows_mm * columns_mm) || rows_mm <= 0 || columns_mm <= 0) return {};
  return rows_mm * columns_mm;
}

}  // namespace

StudyOfPatient read_study_of_patient(const std::filesystem::path& file) {
  DcmFileFormat dicom;
  read_until(file, DCM_SeriesInstanceUID, dicom);
  DcmDataset& data = *dicom.getDataset();
  return {text_of(data, DCM_PatientID), text_of(data, DCM_IssuerOfPatientID),
          text_of(data, DCM_StudyDate)};
}

Acquisition read_acquisition(const std::filesystem::path& file) {
  DcmFileFormat dicom;
  read_until(file, DCM_PixelData, dicom);
  DcmDataset& data = *dicom.getDataset();
  Acquisition a;
  a.kernel = all_text_of(data, DCM_ConvolutionKernel);
  a.manufacturer = text_of(data, DCM_Manufacturer);
  const std::string modality = text_of(data, DCM_Modality);
  const bool xray = modality == "CR" || modality == "DX";
  a.source_uid = text_of(data, xray ? DCM_SOPInstanceUID : DCM_SeriesInstanceUID);
  if (!xray) return a;
  for (const auto& [tag, name] : {std::pair{DCM_PixelSpacing, "PixelSpacing"},
                                  std::pair{DCM_ImagerPixelSpacing, "ImagerPixelSpacing"}}) {
    a.pixel_mm2 = pixel_area(data, tag);
    if (!a.pixel_mm2) continue;
    a.pixel_from = name;
    break;
  }
  return a;
}

std::string read_patient_orientation(const std::filesystem::path& file) {
  DcmFileFormat dicom;
  read_until(file, DCM_PixelData, dicom);
  return all_text_of(*dicom.getDataset(), DCM_PatientOrientation);
}

}  // namespace groundglass
