#pragma once

#include <filesystem>
#include <string>

namespace groundglass {

/// Who made a derived DICOM object (a segmentation, a report), and on which machine's images; ""
/// for what its header does not say.
struct DicomMadeBy {
  std::string manufacturer, model;
  std::string serial;    ///< DeviceSerialNumber: of our own objects the weights' first 16 digits
  std::string software;  ///< SoftwareVersions: of our own objects version and commit
  std::string scanner;   ///< manufacturer of the contributing acquisition equipment
};

/// Reads the header. Throws Error(data) if it is no DICOM file.
DicomMadeBy read_dicom_made_by(const std::filesystem::path& file);

}  // namespace groundglass
