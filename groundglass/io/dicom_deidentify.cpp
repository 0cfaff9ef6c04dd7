#include "groundglass/io/dicom_deidentify.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <set>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/io/dicom_identity.h"
#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_library.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// What is done with an attribute that may stay.
enum class Fate { keep, empty, uid, date, look_inside };

const std::map<DcmTagKey, Fate>& fates() {
  static const std::map<DcmTagKey, Fate> all = [] {
    std::map<DcmTagKey, Fate> map;
    for (const auto& tag : {DCM_SpecificCharacterSet,
                            DCM_ImageType,
                            DCM_SOPClassUID,
                            DCM_Modality,
                            DCM_PresentationIntentType,
                            DCM_Manufacturer,
                            DCM_ManufacturerModelName,
                            DCM_BodyPartExamined,
                            DCM_ScanOptions,
                            DCM_SliceThickness,
                            DCM_KVP,
                            DCM_DataCollectionDiameter,
                            DCM_ReconstructionDiameter,
                            DCM_DistanceSourceToDetector,
                            DCM_DistanceSourceToPatient,
                            DCM_GantryDetectorTilt,
                            DCM_TableHeight,
                            DCM_RotationDirection,
                            DCM_ExposureTime,
                            DCM_XRayTubeCurrent,
                            DCM_Exposure,
                            DCM_ExposureInuAs,
                            DCM_GeneratorPower,
                            DCM_FocalSpots,
                            DCM_ConvolutionKernel,
                            DCM_PatientPosition,
                            DCM_ViewPosition,
                            DCM_SingleCollimationWidth,
                            DCM_TotalCollimationWidth,
                            DCM_TableSpeed,
                            DCM_TableFeedPerRotation,
                            DCM_SpiralPitchFactor,
                            DCM_ImagerPixelSpacing,
                            DCM_DetectorType,
                            DCM_EstimatedRadiographicMagnificationFactor,
                            DCM_RelativeXRayExposure,
                            DCM_ExposureIndex,
                            DCM_TargetExposureIndex,
                            DCM_DeviationIndex,
                            DCM_PositionerType,
                            DCM_CTDIvol,
                            DCM_SeriesNumber,
                            DCM_AcquisitionNumber,
                            DCM_InstanceNumber,
                            DCM_PatientOrientation,
                            DCM_ImagePositionPatient,
                            DCM_ImageOrientationPatient,
                            DCM_Laterality,
                            DCM_ImageLaterality,
                            DCM_SliceLocation,
                            DCM_ImagesInAcquisition,
                            DCM_SpacingBetweenSlices,
                            DCM_SamplesPerPixel,
                            DCM_PhotometricInterpretation,
                            DCM_PlanarConfiguration,
                            DCM_Rows,
                            DCM_Columns,
                            DCM_PixelSpacing,
                            DCM_PixelSpacingCalibrationType,
                            DCM_PixelAspectRatio,
                            DCM_BitsAllocated,
                            DCM_BitsStored,
                            DCM_HighBit,
                            DCM_PixelRepresentation,
                            DCM_SmallestImagePixelValue,
                            DCM_LargestImagePixelValue,
                            DCM_PixelPaddingValue,
                            DCM_PixelPaddingRangeLimit,
                            DCM_BurnedInAnnotation,
                            DCM_PixelIntensityRelationship,
                            DCM_PixelIntensityRelationshipSign,
                            DCM_WindowCenter,
                            DCM_WindowWidth,
                            DCM_VOILUTFunction,
                            DCM_RescaleIntercept,
                            DCM_RescaleSlope,
                            DCM_RescaleType,
                            DCM_PresentationLUTShape,
                            DCM_LossyImageCompression,
                            DCM_LossyImageCompressionRatio,
                            DCM_LossyImageCompressionMethod,
                            DCM_ConversionType,
                            DCM_PixelData}) {
      map[tag] = Fate::keep;
    }
    for (const auto& tag : {DCM_PatientName, DCM_PatientBirthDate, DCM_PatientSex,
                            DCM_ReferringPhysicianName, DCM_StudyID, DCM_AccessionNumber,
                            DCM_StudyTime, DCM_ContentTime, DCM_PositionReferenceIndicator}) {
      map[tag] = Fate::empty;
    }
    for (const auto& tag : {DCM_SOPInstanceUID, DCM_StudyInstanceUID, DCM_SeriesInstanceUID,
                            DCM_FrameOfReferenceUID}) {
      map[tag] = Fate::uid;
    }
    for (const auto& tag : {DCM_StudyDate, DCM_SeriesDate, DCM_AcquisitionDate, DCM_ContentDate}) {
      map[tag] = Fate::date;
    }
    for (const auto& tag : {DCM_ModalityLUTSequence, DCM_VOILUTSequence,
                            DCM_ReferencedImageSequence, DCM_SourceImageSequence}) {
      map[tag] = Fate::look_inside;
    }
    return map;
  }();
  return all;
}

/// In the items of sequences that stay: references and look-up tables.
const std::map<DcmTagKey, Fate>& nested_fates() {
  static const std::map<DcmTagKey, Fate> all = {{DCM_ReferencedSOPClassUID, Fate::keep},
                                                {DCM_ReferencedSOPInstanceUID, Fate::uid},
                                                {DCM_LUTDescriptor, Fate::keep},
                                                {DCM_ModalityLUTType, Fate::keep},
                                                {DCM_LUTData, Fate::keep}};
  return all;
}

/// Days by which a date is earlier, 1 to 3650.
int64_t shift_days(const std::string& key, const std::string& patient) {
  constexpr int64_t kMost = 3650;
  return 1 + std::stoll(hmac_sha256(key, "shift|" + patient).substr(0, 12), nullptr, 16) % kMost;
}

/// "20260131" so many days earlier; "" for what is no date.
std::string shifted(const std::string& date, int64_t days) {
  namespace chrono = std::chrono;
  if (date.size() != 8 || date.find_first_not_of("0123456789") != std::string::npos) return "";
  const auto number = [&](size_t at, size_t count) { return std::stoi(date.substr(at, count)); };
  const chrono::year_month_day day{chrono::year(number(0, 4)),
                                   chrono::month(static_cast<unsigned>(number(4, 2))),
                                   chrono::day(static_cast<unsigned>(number(6, 2)))};
  if (!day.ok()) return "";
  const chrono::year_month_day earlier{chrono::sys_days(day) - chrono::days(days)};
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02u", static_cast<int>(earlier.year()),
                static_cast<unsigned>(earlier.month()), static_cast<unsigned>(earlier.day()));
  return text.data();
}

bool is_code_string(const std::string& value) {
  constexpr size_t kLongest = 16;
  return value.size() <= kLongest && std::all_of(value.begin(), value.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' || c == '_';
         });
}

bool is_number(const std::string& value) {
  return value.find_first_not_of("0123456789+-.eE ") == std::string::npos;
}

bool is_unit(const std::string& value) {
  const std::set<std::string> units = {"HU",    "HU_MOD", "OD",  "US", "MGML",
                                       "Z_EFF", "ED",     "EDW", "PCT"};
  return units.count(value) > 0;
}

/// True if a value that stays is of the kind that it should be: words and numbers hold no names.
bool is_what_it_says(DcmElement& element) {
  const DcmEVR kind = element.ident();
  const DcmTagKey tag = element.getTag().getXTag();
  if (tag == DCM_RescaleType || tag == DCM_ModalityLUTType || kind == EVR_UI) {
    OFString value;
    element.getOFString(value, 0);
    const std::string text(value.c_str());
    return kind == EVR_UI ? text.rfind("1.2.840.10008.", 0) == 0 : is_unit(text);
  }
  if (kind != EVR_CS && kind != EVR_DS && kind != EVR_IS) return true;
  for (unsigned long i = 0; i < element.getVM(); ++i) {
    OFString value;
    if (element.getOFString(value, i).bad()) return false;
    const std::string text(value.c_str());
    if (kind == EVR_CS ? !is_code_string(text) && element.getTag() != DCM_SpecificCharacterSet
                       : !is_number(text)) {
      return false;
    }
  }
  return true;
}

class Cleaner {
 public:
  Cleaner(const DeidentifyOptions& options, std::string patient)
      : options_(options), patient_(std::move(patient)) {}

  std::string new_uid(const std::string& uid) const {
    return hashed_uid(options_.key, "uid|" + uid);
  }

  std::string pseudonym() const {
    constexpr size_t kDigits = 12;
    return "GG-" + hmac_sha256(options_.key, "patient|" + patient_).substr(0, kDigits);
  }

  void clean(DcmItem& item) { clean(item, fates()); }

  int64_t removed() const { return removed_; }

 private:
  void clean(DcmItem& item, const std::map<DcmTagKey, Fate>& allowed) {
    for (unsigned long i = item.card(); i-- > 0;) {
      DcmElement* element = item.getElement(i);
      const auto found = allowed.find(element->getTag().getXTag());
      const bool stays = found != allowed.end() &&
                         (found->second == Fate::look_inside) == (element->ident() == EVR_SQ);
      if (!stays || !treat(item, *element, found->second)) {
        delete item.remove(i);
        ++removed_;
      }
    }
  }

  /// False if the element has to go after all.
  bool treat(DcmItem& item, DcmElement& element, Fate fate) {
    const DcmTagKey tag = element.getTag().getXTag();
    switch (fate) {
      case Fate::keep:
        return is_what_it_says(element);
      case Fate::empty:
        removed_ += element.getLength() > 0 ? 1 : 0;
        return element.putString("").good();
      case Fate::uid:
        return put(element, new_uid(text_of(item, tag)));
      case Fate::date:
        return put(element, options_.dates == StudyDates::empty
                                ? ""
                                : shifted(text_of(item, tag), shift_days(options_.key, patient_)));
      case Fate::look_inside: {
        auto& sequence = dynamic_cast<DcmSequenceOfItems&>(element);
        for (unsigned long i = 0; i < sequence.card(); ++i)
          clean(*sequence.getItem(i), nested_fates());
        return true;
      }
    }
    return false;
  }

  bool put(DcmElement& element, const std::string& value) {
    ++removed_;
    return element.putString(value.c_str()).good();
  }

  const DeidentifyOptions& options_;
  std::string patient_;
  int64_t removed_ = 0;
};

/// Attributes that must be there, if empty.
void put_missing(DcmDataset& data) {
  for (const auto& tag :
       {DCM_PatientName, DCM_PatientBirthDate, DCM_PatientSex, DCM_StudyDate, DCM_StudyTime,
        DCM_StudyID, DCM_AccessionNumber, DCM_ReferringPhysicianName}) {
    if (!data.tagExists(tag)) data.insertEmptyElement(tag);
  }
}

void put_method(DcmDataset& data, StudyDates dates) {
  put_text(data, DCM_PatientIdentityRemoved, "YES");
  put_text(data, DCM_DeidentificationMethod, dicom_text("GroundGlass " + version()));
  add_code(data, DCM_DeidentificationMethodCodeSequence,
           {"113100", "DCM", "Basic Application Confidentiality Profile"});
  const bool shift = dates == StudyDates::shift;
  if (shift) {
    add_code(data, DCM_DeidentificationMethodCodeSequence,
             {"113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option"});
  }
  put_text(data, DCM_LongitudinalTemporalInformationModified, shift ? "MODIFIED" : "REMOVED");
}

void check_pixels(DcmDataset& data, const fs::path& path, PixelCheck pixels) {
  const std::string kind = text_of(data, DCM_SOPClassUID);
  const bool xray = kind == UID_ComputedRadiographyImageStorage ||
                    kind == UID_DigitalXRayImageStorageForPresentation ||
                    kind == UID_DigitalXRayImageStorageForProcessing;
  const bool capture = kind == UID_SecondaryCaptureImageStorage;
  if (!xray && !capture && kind != UID_CTImageStorage) {
    refuse(path, "is no CT, CR or DX image (SOP class " + in_quotes(kind) +
                     "), expected one; other objects say more about a patient than is known here");
  }
  const std::string burned = text_of(data, DCM_BurnedInAnnotation);
  const std::string why = capture           ? "is a secondary capture"
                          : burned == "YES" ? "says BurnedInAnnotation YES"
                          : xray && burned != "NO"
                              ? "is an X-ray that does not say BurnedInAnnotation NO"
                              : "";
  if (why.empty() || pixels == PixelCheck::by_a_person) return;
  refuse(path, why + ", so its pixels may show a name; look at them, then use --pixels-checked");
}

}  // namespace

Deidentified deidentify_file(const fs::path& input, const fs::path& folder,
                             const DeidentifyOptions& options) {
  prepare_dicom_library();
  DcmFileFormat file;
  const OFCondition read = file.loadFile(input.c_str());
  if (read.bad()) refuse(input, std::string("cannot be read as DICOM (") + read.text() + ")");
  DcmDataset& data = *file.getDataset();
  check_pixels(data, input, options.pixels);
  const E_TransferSyntax syntax = data.getOriginalXfer();
  std::string patient = text_of(data, DCM_PatientID);
  // Without a PatientID, a study is all that is known to be one patient's.
  if (patient.empty()) patient = "study " + text_of(data, DCM_StudyInstanceUID);
  Cleaner cleaner(options, patient + "|" + text_of(data, DCM_IssuerOfPatientID));
  for (const auto& tag : {DCM_SOPInstanceUID, DCM_SeriesInstanceUID, DCM_StudyInstanceUID}) {
    if (text_of(data, tag).empty()) {
      refuse(input, std::string("has no ") + DcmTag(tag).getTagName() +
                        ", without which its study falls apart");
    }
  }
  cleaner.clean(data);
  put_text(data, DCM_PatientID, cleaner.pseudonym());
  put_missing(data);
  put_method(data, options.dates);

  const fs::path home =
      folder / text_of(data, DCM_PatientID) / text_of(data, DCM_SeriesInstanceUID);
  make_folder(home);
  Deidentified result{home / (text_of(data, DCM_SOPInstanceUID) + ".dcm"), cleaner.removed()};
  DcmFileFormat clean(&data);  // with a meta header and preamble of its own
  save_whole(result.file, Flush::to_disk, [&](const char* temporary) {
    return clean.saveFile(temporary, syntax, EET_ExplicitLength, EGL_recalcGL, EPD_noChange, 0, 0,
                          EWM_createNewMeta);
  });
  return result;
}

}  // namespace groundglass
