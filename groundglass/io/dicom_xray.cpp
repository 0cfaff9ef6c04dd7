#include "groundglass/io/dicom_xray.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_kind.h"
#include "groundglass/io/dicom_library.h"
#include "groundglass/io/dicom_numbers.h"
#include "groundglass/io/dicom_slice.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

using Curve = std::function<double(double)>;

/// A look-up table of DICOM (PS3.3, C.11): its first entry stands for `first`,
/// numbers beyond its ends take the entry at the end.
struct LookUpTable {
  std::vector<double> entries;
  double first = 0, highest = 1;

  double operator()(double value) const {
    const double last = static_cast<double>(entries.size()) - 1;
    return entries[static_cast<size_t>(std::clamp(std::round(value - first), 0.0, last))];
  }
};

DcmItem* first_item(DcmItem& data, const DcmTagKey& sequence) {
  DcmItem* item = nullptr;
  return data.findAndGetSequenceItem(sequence, item).good() ? item : nullptr;
}

/// signed_input  of what goes into the table: its first number is written as
/// the pixels are.
LookUpTable table_of(DcmItem& item, bool signed_input, const fs::path& path) {
  LookUpTable table;
  Uint16 count = 0, first = 0, bits = 0;
  const bool described = item.findAndGetUint16(DCM_LUTDescriptor, count, 0).good() &&
                         item.findAndGetUint16(DCM_LUTDescriptor, first, 1).good() &&
                         item.findAndGetUint16(DCM_LUTDescriptor, bits, 2).good();
  const Uint16* words = nullptr;
  unsigned long length = 0;
  item.findAndGetUint16Array(DCM_LUTData, words, &length);
  const size_t entries = count == 0 ? 65536 : count;  // 65536 does not fit
  const bool bytes = length < entries && 2 * length >= entries && bits <= 8;
  if (!described || words == nullptr || bits < 1 || bits > 16 || (length < entries && !bytes)) {
    refuse(path, "has a look-up table of " + std::to_string(length) + " numbers, expected " +
                     std::to_string(entries) + " of 1 to 16 bits, as its LUTDescriptor says");
  }
  table.first = signed_input ? static_cast<double>(static_cast<Sint16>(first)) : first;
  table.highest = std::exp2(bits) - 1;
  for (size_t i = 0; i < entries; ++i) {
    table.entries.push_back(bytes ? (words[i / 2] >> (8 * (i % 2))) & 0xff : words[i]);
  }
  return table;
}

/// A window as a curve from 0 to 1 (PS3.3, C.11.2.1.2 and C.11.2.1.3).
Curve window_curve(double centre, double width, const std::string& function, const fs::path& path) {
  if (function.empty() || function == "LINEAR") {
    if (width < 1) {
      refuse(path, "has a window of width " + shortest(width) + ", expected 1 or more");
    }
    return [=](double x) {
      if (width == 1) return x <= centre - 0.5 ? 0.0 : 1.0;
      return (x - (centre - 0.5)) / (width - 1) + 0.5;
    };
  }
  if (width <= 0) {
    refuse(path, "has a window of width " + shortest(width) + ", expected one above 0");
  }
  if (function == "LINEAR_EXACT") return [=](double x) { return (x - centre) / width + 0.5; };
  if (function == "SIGMOID") {
    return [=](double x) { return 1 / (1 + std::exp(-4 * (x - centre) / width)); };
  }
  refuse(path,
         "has a window by " + in_quotes(function) + ", expected LINEAR, LINEAR_EXACT or SIGMOID");
}

/// From the 1st to the 99th percentile of what the detector saw.
Curve percentile_curve(const StoredPixels& pixels, const fs::path& path) {
  std::vector<float> seen;
  for (size_t i = 0; i < pixels.values.size(); ++i) {
    if (!pixels.padding[i]) seen.push_back(pixels.values[i]);
  }
  const auto at = [&](double share) {
    const auto place = static_cast<std::ptrdiff_t>(share * static_cast<double>(seen.size() - 1));
    std::nth_element(seen.begin(), seen.begin() + place, seen.end());
    return static_cast<double>(seen[static_cast<size_t>(place)]);
  };
  if (seen.empty()) refuse(path, "holds nothing but padding");
  const double low = at(0.01), high = at(0.99);
  if (low == high) refuse(path, "has no window and one gray value everywhere");
  return [=](double x) { return (x - low) / (high - low); };
}

/// What is shown of the numbers after the modality's rescaling, from 0 to 1.
Curve shown_values(DcmItem& data, const StoredPixels& pixels, bool signed_values,
                   const fs::path& path, std::vector<std::string>& warnings) {
  if (DcmItem* item = first_item(data, DCM_VOILUTSequence)) {
    const LookUpTable table = table_of(*item, signed_values, path);
    return [table](double x) { return table(x) / table.highest; };
  }
  Float64 centre = 0, width = 0;
  if (data.findAndGetFloat64(DCM_WindowCenter, centre).good() &&
      data.findAndGetFloat64(DCM_WindowWidth, width).good()) {
    return window_curve(centre, width, dicom_text(data, DCM_VOILUTFunction), path);
  }
  warnings.push_back(path.string() +
                     ": has no window; it is shown from its 1st to its 99th percentile");
  return percentile_curve(pixels, path);
}

bool is_sideways(DcmItem& data) {
  const std::string view = dicom_text(data, DCM_ViewPosition);
  constexpr std::array<const char*, 9> kSideways = {"LL",  "RL",  "LLO", "RLO", "LAO",
                                                    "RAO", "LPO", "RPO", "LAT"};
  if (std::any_of(kSideways.begin(), kSideways.end(), [&](auto* v) { return view == v; }))
    return true;
  if (view.find("LATERAL") != std::string::npos) return true;
  DcmItem* code = first_item(data, DCM_ViewCodeSequence);
  const std::string meaning = code == nullptr ? "" : lower(dicom_text(*code, DCM_CodeMeaning));
  return (meaning.find("lateral") != std::string::npos &&
          meaning.find("decubitus") == std::string::npos) ||
         meaning.find("oblique") != std::string::npos;
}

/// Whether a fault is of where and how large the picture is in the patient, which changes no gray
/// value. Digitised films have a PixelSpacing of 0.
bool is_of_place(const std::string& fault) {
  constexpr std::array<const char*, 4> kPlaces = {"PixelSpacing", "ImagePositionPatient",
                                                  "ImageOrientationPatient", "SliceThickness"};
  return std::any_of(kPlaces.begin(), kPlaces.end(),
                     [&](auto* tag) { return fault.starts_with(tag); });
}

/// Throws where the picture is none that a network for frontal chest X-rays was
/// made for.
void check_is_chest(DcmItem& data, const DicomSlice& header, const fs::path& path) {
  if (header.modality != "CR" && header.modality != "DX") {
    refuse(path, "Modality is " + in_quotes(header.modality) +
                     ", expected CR or DX for a picture in DICOM");
  }
  if (dicom_text(data, DCM_PresentationIntentType) == "FOR PROCESSING" ||
      header.sop_class == UID_DigitalXRayImageStorageForProcessing) {
    refuse(path,
           "is raw data of the detector (FOR PROCESSING), expected the image FOR "
           "PRESENTATION");
  }
  const std::string part = dicom_text(data, DCM_BodyPartExamined);
  const auto holds = [&](const char* word) { return part.find(word) != std::string::npos; };
  if (!part.empty() && !holds("CHEST") && !holds("THORAX") && !holds("LUNG")) {
    refuse(path, "BodyPartExamined is " + in_quotes(part) + ", expected CHEST");
  }
  if (is_sideways(data)) {
    refuse(path, "is a lateral or oblique view, expected a frontal one (AP, PA)");
  }
  if (header.frames != 1) {
    refuse(path, "holds " + std::to_string(header.frames) + " frames, expected one picture");
  }
  const std::string meaning = dicom_text(data, DCM_PhotometricInterpretation);
  if (header.samples != 1 || (meaning != "MONOCHROME1" && meaning != "MONOCHROME2")) {
    refuse(path, "its pixels are " + in_quotes(meaning) + ", expected MONOCHROME1 or MONOCHROME2");
  }
  for (const auto& fault : header.faults) {
    if (!is_of_place(fault)) refuse(path, fault);
  }
}

}  // namespace

bool is_dicom_xray(const fs::path& path) {
  prepare_dicom_library();
  DcmFileFormat file;
  if (file.loadFileUntilTag(path.c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength,
                            ERM_autoDetect, DCM_PatientName)
          .bad()) {
    return false;
  }
  const std::string modality = dicom_text(*file.getDataset(), DCM_Modality);
  return modality == "CR" || modality == "DX";
}

Image read_dicom_xray(const fs::path& path) {
  const auto header = read_dicom_header(path);
  if (!header) refuse(path, why_no_image(path));
  DcmFileFormat file;
  file.loadFileUntilTag(path.c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength, ERM_autoDetect,
                        DCM_PixelData);
  DcmDataset& data = *file.getDataset();
  check_is_chest(data, *header, path);

  StoredPixels pixels = read_stored_pixels(*header);
  bool signed_values = pixels.is_signed;
  if (DcmItem* item = first_item(data, DCM_ModalityLUTSequence)) {
    const LookUpTable table = table_of(*item, pixels.is_signed, path);
    for (float& v : pixels.values) v = static_cast<float>(table(v));
    signed_values = false;
  } else {
    const double slope = header->slope.value_or(1), intercept = header->intercept.value_or(0);
    for (float& v : pixels.values) v = static_cast<float>(v * slope + intercept);
    signed_values = signed_values || intercept < 0;
  }
  Image image;
  image.white = 1;
  for (const auto& fault : header->faults) image.warnings.push_back(path.string() + ": " + fault);
  const Curve curve = shown_values(data, pixels, signed_values, path, image.warnings);
  const bool turned = dicom_text(data, DCM_PhotometricInterpretation) == "MONOCHROME1";
  image.pixels = torch::empty({1, header->rows, header->columns}, torch::kFloat32);
  float* to = image.pixels.data_ptr<float>();
  for (size_t i = 0; i < pixels.values.size(); ++i) {
    const double shown = std::clamp(curve(pixels.values[i]), 0.0, 1.0);
    to[i] = pixels.padding[i] ? 0.0F : static_cast<float>(turned ? 1 - shown : shown);
  }
  return image;
}

}  // namespace groundglass
