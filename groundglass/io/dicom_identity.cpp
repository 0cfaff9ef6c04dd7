#include "groundglass/io/dicom_identity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/io/dicom_library.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr const char* kMaker = "GroundGlass";

/// Elements of the modules Patient, Patient Study and General Study (PS3.3, C.7.1 and C.7.2).
const std::vector<DcmTagKey> kPatientAndStudy = {
    DCM_SpecificCharacterSet,
    DCM_PatientName,
    DCM_PatientID,
    DCM_IssuerOfPatientID,
    DCM_IssuerOfPatientIDQualifiersSequence,
    DCM_TypeOfPatientID,
    DCM_PatientBirthDate,
    DCM_PatientBirthTime,
    DCM_PatientSex,
    DCM_OtherPatientIDsSequence,
    DCM_OtherPatientNames,
    DCM_EthnicGroup,
    DCM_PatientComments,
    DCM_PatientIdentityRemoved,
    DCM_DeidentificationMethod,
    DCM_DeidentificationMethodCodeSequence,
    DCM_AdmittingDiagnosesDescription,
    DCM_AdmittingDiagnosesCodeSequence,
    DCM_PatientAge,
    DCM_PatientSize,
    DCM_PatientWeight,
    DCM_MedicalAlerts,
    DCM_Allergies,
    DCM_SmokingStatus,
    DCM_PregnancyStatus,
    DCM_LastMenstrualDate,
    DCM_PatientState,
    DCM_Occupation,
    DCM_AdditionalPatientHistory,
    DCM_AdmissionID,
    DCM_ReasonForVisit,
    DCM_StudyInstanceUID,
    DCM_StudyDate,
    DCM_StudyTime,
    DCM_ReferringPhysicianName,
    DCM_ReferringPhysicianIdentificationSequence,
    DCM_StudyID,
    DCM_AccessionNumber,
    DCM_IssuerOfAccessionNumberSequence,
    DCM_StudyDescription,
    DCM_PhysiciansOfRecord,
    DCM_NameOfPhysiciansReadingStudy,
    DCM_ReferencedStudySequence,
    DCM_ProcedureCodeSequence,
};

/// Must be there, if empty (type 2).
const std::vector<DcmTagKey> kExpected = {
    DCM_PatientName, DCM_PatientID, DCM_PatientBirthDate,       DCM_PatientSex,     DCM_StudyDate,
    DCM_StudyTime,   DCM_StudyID,   DCM_ReferringPhysicianName, DCM_AccessionNumber};

std::string bytes_of(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::array<double, 6> cosines_of(DcmItem& item) {
  std::array<double, 6> values{};
  for (unsigned long i = 0; i < 6; ++i) {
    Float64 value = 0;
    item.findAndGetFloat64(DCM_ImageOrientationPatient, value, i);
    values[i] = value;
  }
  return values;
}

void put_equipment(DcmItem& item, const DicomMaker& maker) {
  put_text(item, DCM_Manufacturer, kMaker);
  put_text(item, DCM_ManufacturerModelName, dicom_text(maker.model));
  put_text(item, DCM_DeviceSerialNumber, maker.weights_sha256.substr(0, 16));
  put_text(item, DCM_SoftwareVersions, dicom_text(version() + " " + commit()));
}

/// Who made the source, for comparisons of what other machines show.
void put_scanner(DcmItem& data, const DicomSource& source) {
  if (source.text(DCM_Manufacturer).empty()) return;
  DcmItem& scanner = add_item(data, DCM_ContributingEquipmentSequence);
  for (const auto& tag : {DCM_Manufacturer, DCM_ManufacturerModelName}) {
    const std::string value = source.text(tag);
    if (!value.empty()) put_text(scanner, tag, value);
  }
  add_code(scanner, DCM_PurposeOfReferenceCodeSequence, {"109101", "DCM", "Acquisition Equipment"});
}

}  // namespace

std::string hmac_sha256(const std::string& key, const std::string& message) {
  constexpr size_t kBlock = 64;
  std::string padded = key.size() > kBlock ? bytes_of(sha256(key)) : key;
  padded.resize(kBlock, '\0');
  std::string inner = padded, outer = padded;
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  for (char& c : outer) c = static_cast<char>(c ^ 0x5c);
  return sha256(outer + bytes_of(sha256(inner + message)));
}

std::string hashed_uid(const std::string& key, const std::string& message) {
  std::string bytes = bytes_of(hmac_sha256(key, message)).substr(0, 16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x80);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::vector<int> digits = {0};  // decimal, the lowest first
  for (const char c : bytes) {
    int carry = static_cast<unsigned char>(c);
    for (int& digit : digits) {
      carry += digit * 256;
      digit = carry % 10;
      carry /= 10;
    }
    for (; carry > 0; carry /= 10) digits.push_back(carry % 10);
  }
  std::string text = "2.25.";
  while (digits.size() > 1 && digits.back() == 0) digits.pop_back();
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
    text += static_cast<char>('0' + *digit);
  }
  return text;
}

void set_to_now(DicomMaker& maker) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%Y%m%d", &local);
  maker.date = text.data();
  std::strftime(text.data(), text.size(), "%H%M%S", &local);
  maker.time = text.data();
}

DicomSource::DicomSource(const std::vector<fs::path>& files) {
  prepare_dicom_library();
  std::vector<std::string> instances;
  for (const auto& path : files) {
    DcmFileFormat file;
    const OFCondition read = file.loadFileUntilTag(
        path.c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength, ERM_autoDetect, DCM_PixelData);
    if (read.bad()) refuse(path, std::string("cannot be read (") + read.text() + ")");
    DcmDataset& data = *file.getDataset();
    SourceImage image{path, text_of(data, DCM_SOPClassUID), text_of(data, DCM_SOPInstanceUID),
                      all_text_of(data, DCM_ImagePositionPatient)};
    if (image.sop_class.empty() || image.sop_instance.empty()) {
      refuse(path, "has no SOPClassUID or SOPInstanceUID, which DICOM objects must refer to");
    }
    instances.push_back(image.sop_instance);
    images_.push_back(std::move(image));
    if (!header_) {
      data.loadAllDataIntoMemory();
      header_ = std::make_shared<DcmDataset>(data);
    }
  }
  for (const auto& [tag, name] : {std::pair{DCM_StudyInstanceUID, "StudyInstanceUID"},
                                  std::pair{DCM_SeriesInstanceUID, "SeriesInstanceUID"},
                                  std::pair{DCM_FrameOfReferenceUID, "FrameOfReferenceUID"}}) {
    if (text(tag).empty() && !(tag == DCM_FrameOfReferenceUID && is_projection())) {
      refuse(files.front(), std::string("has no ") + name +
                                ", without which DICOM objects cannot be placed beside it");
    }
  }
  std::sort(instances.begin(), instances.end());
  instances_ = joined(instances, "|");
  Uint16 rows = 0, columns = 0;
  header_->findAndGetUint16(DCM_Rows, rows);
  header_->findAndGetUint16(DCM_Columns, columns);
  rows_ = rows;
  columns_ = columns;
}

DcmItem& DicomSource::header() const {
  return *header_;
}

std::string DicomSource::text(const DcmTagKey& tag) const {
  return text_of(*header_, tag);
}

bool DicomSource::is_projection() const {
  const std::string modality = text(DCM_Modality);
  return modality == "CR" || modality == "DX";
}

double DicomSource::slice_distance_mm() const {
  const auto c = cosines_of(*header_);
  const std::array<double, 3> normal = {c[1] * c[5] - c[2] * c[4], c[2] * c[3] - c[0] * c[5],
                                        c[0] * c[4] - c[1] * c[3]};
  std::vector<double> heights, gaps;
  for (const auto& image : images_) {
    const auto words = split_text(image.position, '\\');
    double height = 0;
    for (size_t i = 0; i < 3 && i < words.size(); ++i)
      height += normal[i] * std::atof(words[i].c_str());
    if (!heights.empty()) gaps.push_back(std::abs(height - heights.back()));
    heights.push_back(height);
  }
  if (gaps.empty()) {
    const double thickness = std::atof(text(DCM_SliceThickness).c_str());
    return thickness > 0 ? thickness : 1;
  }
  std::nth_element(gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2),
                   gaps.end());
  return gaps[gaps.size() / 2];
}

std::string DicomSource::uid(const std::string& kind, const DicomMaker& maker,
                             const std::string& content) const {
  return hashed_uid(maker.site_key, joined({kind, instances_, maker.model, maker.weights_sha256,
                                            maker.options, version() + " " + commit(), content},
                                           "|"));
}

std::string DicomSource::tracking_uid(const std::string& finding, const DicomMaker& maker) const {
  return hashed_uid(
      maker.site_key,
      joined({"finding", text(DCM_PatientID), text(DCM_IssuerOfPatientID), finding}, "|"));
}

void put_identity(DcmDataset& data, const DicomSource& source, const DerivedKind& kind,
                  const DicomMaker& maker, const std::string& content) {
  for (const auto& tag : kPatientAndStudy) {
    DcmElement* element = nullptr;
    if (source.header().findAndGetElement(tag, element).bad() || element == nullptr) continue;
    data.insert(static_cast<DcmElement*>(element->clone()), OFTrue);
  }
  for (const auto& tag : kExpected) {
    if (!data.tagExists(tag)) data.insertEmptyElement(tag);
  }
  put_text(data, DCM_SOPClassUID, kind.sop_class);
  put_text(data, DCM_SOPInstanceUID, source.uid(kind.kind, maker, content));
  put_text(data, DCM_Modality, kind.modality);
  put_text(data, DCM_SeriesInstanceUID, source.uid(kind.kind + " series", maker, content));
  const bool taken = source.text(DCM_SeriesNumber) == std::to_string(kind.series_number);
  put_text(data, DCM_SeriesNumber, std::to_string(kind.series_number + (taken ? 100 : 0)));
  put_text(data, DCM_SeriesDescription, dicom_text("RESEARCH ONLY " + kind.description));
  put_text(data, DCM_SeriesDate, maker.date);
  put_text(data, DCM_SeriesTime, maker.time);
  put_text(data, DCM_ContentDate, maker.date);
  put_text(data, DCM_ContentTime, maker.time);
  put_text(data, DCM_InstanceNumber, "1");
  put_equipment(data, maker);
  DcmItem& contributor = add_item(data, DCM_ContributingEquipmentSequence);
  put_equipment(contributor, maker);
  add_code(contributor, DCM_PurposeOfReferenceCodeSequence,
           {"109102", "DCM", "Processing Equipment"});
  put_scanner(data, source);
}

void put_frame_of_reference(DcmDataset& data, const DicomSource& source) {
  if (source.is_projection()) {
    put_text(data, DCM_PatientOrientation, all_text_of(source.header(), DCM_PatientOrientation));
    return;
  }
  put_text(data, DCM_FrameOfReferenceUID, source.text(DCM_FrameOfReferenceUID));
  put_text(data, DCM_PositionReferenceIndicator, source.text(DCM_PositionReferenceIndicator));
}

void put_referenced_series(DcmDataset& data, const DicomSource& source) {
  DcmItem& series = add_item(data, DCM_ReferencedSeriesSequence);
  put_text(series, DCM_SeriesInstanceUID, source.text(DCM_SeriesInstanceUID));
  for (const auto& image : source.images()) {
    add_reference(series, DCM_ReferencedInstanceSequence, image.sop_class, image.sop_instance);
  }
}

DicomObject save_object(const DicomFile& object, const std::string& kind, const fs::path& folder,
                        const std::string& file) {
  DcmDataset& data = *object->getDataset();
  DicomObject written{kind,
                      file,
                      text_of(data, DCM_SOPClassUID),
                      text_of(data, DCM_SOPInstanceUID),
                      text_of(data, DCM_SeriesInstanceUID),
                      {}};
  save_dicom(*object, folder / file);
  written.sha256 = sha256_of_file(folder / file);
  return written;
}

}  // namespace groundglass
