#include "groundglass/io/dicom_patient.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_library.h"
#include "groundglass/io/refuse.h"

namespace groundglass {

StudyOfPatient read_study_of_patient(const std::filesystem::path& file) {
  prepare_dicom_library();
  DcmFileFormat dicom;
  const OFCondition read =
      dicom.loadFileUntilTag(file.c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength,
                             ERM_autoDetect, DCM_SeriesInstanceUID);
  if (read.bad()) refuse(file, std::string("cannot be read as DICOM (") + read.text() + ")");
  DcmDataset& data = *dicom.getDataset();
  return {text_of(data, DCM_PatientID), text_of(data, DCM_IssuerOfPatientID),
          text_of(data, DCM_StudyDate)};
}

}  // namespace groundglass
