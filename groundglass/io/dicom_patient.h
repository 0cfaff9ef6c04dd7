#pragma once

#include <filesystem>
#include <string>

namespace groundglass {

/// Whose study a DICOM file is of, and when it was made; "" for what it does
/// not say.
struct StudyOfPatient {
  std::string patient_id, issuer, study_date;
};

/// Reads the header. Throws Error(data) if it is no DICOM file.
StudyOfPatient read_study_of_patient(const std::filesystem::path& file);

}  // namespace groundglass
