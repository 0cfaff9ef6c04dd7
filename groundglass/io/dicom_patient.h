#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace groundglass {

/// Whose study a DICOM file is of, and when it was made; "" for what it does
/// not say.
struct StudyOfPatient {
  std::string patient_id, issuer, study_date;
};

/// Reads the header. Throws Error(data) if it is no DICOM file.
StudyOfPatient read_study_of_patient(const std::filesystem::path& file);

/// How an image was made, as far as it changes what is measured in it; "" or nothing for what its
/// header does not say.
struct Acquisition {
  std::optional<double> slice_spacing_mm = {};  ///< volumes: distance of axial slices
  std::string kernel = {}, manufacturer = {};
  std::optional<double> pixel_mm2 = {};  ///< X-rays: area of a pixel
  /// X-rays: the attribute that says so, "PixelSpacing" or "ImagerPixelSpacing".
  std::string pixel_from = {};
  std::string source_uid = {};  ///< of the series, or of the one image of an X-ray
};

/// Reads ConvolutionKernel and Manufacturer and, of an X-ray (CR, DX), the size of its pixels:
/// PixelSpacing, else ImagerPixelSpacing, which is that of the detector. Throws Error(data) if it
/// is no DICOM file.
Acquisition read_acquisition(const std::filesystem::path& file);

/// PatientOrientation of an X-ray, "L\\F"; "" where the header has none. Throws Error(data) if it
/// is no DICOM file.
std::string read_patient_orientation(const std::filesystem::path& file);

}  // namespace groundglass
