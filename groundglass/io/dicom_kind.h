#pragma once

#include <filesystem>
#include <string>

namespace groundglass {

/// What a DICOM file without an image to segment is, in words: "a structured report (SR)", "raw
/// data of the scanner"; for classes that have no words here the name of its SOP class. "no DICOM
/// file that can be read" for anything else.
std::string dicom_kind_words(const std::filesystem::path& path);

/// The same with what to do about it: "is raw data of the scanner, no DICOM image; export the
/// reconstructed slices".
std::string why_no_image(const std::filesystem::path& path);

}  // namespace groundglass
