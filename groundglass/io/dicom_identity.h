#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_maker.h"

namespace groundglass {

/// HMAC-SHA-256 (RFC 2104) in hexadecimal digits.
std::string hmac_sha256(const std::string& key, const std::string& message);

/// A UID that depends on key and message alone: "2.25." and the decimal of the first 128 bits of
/// their HMAC, with the version and variant bits of a UUID (version 8 of RFC 9562).
std::string hashed_uid(const std::string& key, const std::string& message);

/// An image that an object refers to.
struct SourceImage {
  std::filesystem::path path;
  std::string sop_class, sop_instance;
  std::string position;  ///< ImagePositionPatient as it stands in the file
};

/// What objects take over from the CT series or X-ray that they are made of: patient and study as
/// they stand in the first file, and the images in order.
class DicomSource {
 public:
  /// Reads the headers of the files. Throws Error(data) if one has no SOPInstanceUID or
  /// SOPClassUID, or the first none of StudyInstanceUID, SeriesInstanceUID and, but for X-rays,
  /// FrameOfReferenceUID.
  explicit DicomSource(const std::vector<std::filesystem::path>& files);

  const std::vector<SourceImage>& images() const { return images_; }
  /// Of the first file, without its pixels.
  DcmItem& header() const;
  std::string text(const DcmTagKey& tag) const;
  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  /// An X-ray (CR, DX): it has no place in the patient and no frame of reference.
  bool is_projection() const;
  /// The median distance of neighbours along the normal; SliceThickness for one image, or 1.
  double slice_distance_mm() const;

  /// A UID for `kind` ("seg", "seg series"), out of the source images, the maker and `content`,
  /// which is a digest of what the object says.
  std::string uid(const std::string& kind, const DicomMaker& maker,
                  const std::string& content = "") const;

  /// A UID that follows a finding of a patient from study to study.
  std::string tracking_uid(const std::string& finding, const DicomMaker& maker) const;

 private:
  std::vector<SourceImage> images_;
  std::shared_ptr<DcmDataset> header_;
  std::string instances_;  // sorted SOPInstanceUIDs
  int64_t rows_ = 0, columns_ = 0;
};

/// What tells one kind of object from another.
struct DerivedKind {
  std::string kind;  ///< "seg": names the UIDs
  std::string sop_class;
  std::string modality;     ///< "SEG"
  int series_number = 0;    ///< 9101; 100 more if it is the source's own
  std::string description;  ///< of the series, after "RESEARCH ONLY "
};

/// The modules that all objects have: SOP common, patient and study as in the source, series,
/// equipment and contributing equipment, ContentDate and ContentTime.
void put_identity(DcmDataset& data, const DicomSource& source, const DerivedKind& kind,
                  const DicomMaker& maker, const std::string& content);

/// FrameOfReferenceUID and PositionReferenceIndicator of the source; of an X-ray, which has none,
/// PatientOrientation.
void put_frame_of_reference(DcmDataset& data, const DicomSource& source);

/// ReferencedSeriesSequence with every image of the source.
void put_referenced_series(DcmDataset& data, const DicomSource& source);

/// Saves an object that has its identity. file  relative to `folder`.
DicomObject save_object(const DicomFile& object, const std::string& kind,
                        const std::filesystem::path& folder, const std::string& file);

}  // namespace groundglass
