#include "groundglass/io/dicom_made_by.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_library.h"
#include "groundglass/io/refuse.h"

namespace groundglass {

DicomMadeBy read_dicom_made_by(const std::filesystem::path& file) {
  prepare_dicom_library();
  DcmFileFormat dicom;
  const OFCondition read =
      dicom.loadFileUntilTag(file.c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength,
                             ERM_autoDetect, DCM_StudyInstanceUID);
  if (read.bad()) refuse(file, std::string("cannot be read as DICOM (") + read.text() + ")");
  DcmDataset& data = *dicom.getDataset();
  DicomMadeBy made{text_of(data, DCM_Manufacturer), text_of(data, DCM_ManufacturerModelName),
                   text_of(data, DCM_DeviceSerialNumber), text_of(data, DCM_SoftwareVersions), ""};
  for (long i = 0; DcmItem* item = item_of(data, DCM_ContributingEquipmentSequence, i); ++i) {
    DcmItem* purpose = item_of(*item, DCM_PurposeOfReferenceCodeSequence);
    if (purpose != nullptr && text_of(*purpose, DCM_CodeValue) == "109101") {
      made.scanner = text_of(*item, DCM_Manufacturer);
    }
  }
  return made;
}

}  // namespace groundglass
