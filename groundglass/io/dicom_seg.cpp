#include "groundglass/io/dicom_seg.h"

#include <algorithm>
#include <cmath>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"

namespace groundglass {
namespace {

const DerivedKind kSegmentation = {"seg", UID_SegmentationStorage, "SEG", 9101, "infection mask"};
const DerivedKind kLungs = {"lungs", UID_SegmentationStorage, "SEG", 9111, "lung mask"};

/// CIELab as DICOM stores it: L from 0 to 65535, a and b from -128 to 127.
std::array<Uint16, 3> cielab(const std::array<uint8_t, 3>& rgb) {
  std::array<double, 3> c{};
  for (size_t i = 0; i < 3; ++i) {
    const double v = rgb[i] / 255.0;
    c[i] = v > 0.04045 ? std::pow((v + 0.055) / 1.055, 2.4) : v / 12.92;
  }
  const auto f = [](double t) { return t > 0.008856 ? std::cbrt(t) : 7.787 * t + 16.0 / 116; };
  const double x = f((0.4124564 * c[0] + 0.3575761 * c[1] + 0.1804375 * c[2]) / 0.95047);
  const double y = f(0.2126729 * c[0] + 0.7151522 * c[1] + 0.0721750 * c[2]);
  const double z = f((0.0193339 * c[0] + 0.1191920 * c[1] + 0.9503041 * c[2]) / 1.08883);
  const auto stored = [](double v) {
    return static_cast<Uint16>(std::clamp(std::lround(v), 0L, 65535L));
  };
  return {stored((116 * y - 16) * 655.35), stored((500 * (x - y) + 128) * 257),
          stored((200 * (y - z) + 128) * 257)};
}

void put_segment(DcmItem& data, size_t number, const SegmentMeaning& meaning,
                 const DicomSource& source, const DicomMaker& maker) {
  const std::string label = dicom_text(meaning.label);
  DcmItem& segment = add_item(data, DCM_SegmentSequence);
  put_short(segment, DCM_SegmentNumber, static_cast<Uint16>(number));
  put_text(segment, DCM_SegmentLabel, label);
  put_text(segment, DCM_SegmentAlgorithmType,
           maker.hand == DicomMaker::Hand::none ? "AUTOMATIC" : "SEMIAUTOMATIC");
  put_text(segment, DCM_SegmentAlgorithmName, dicom_text(maker.model));
  add_code(segment, DCM_SegmentedPropertyCategoryCodeSequence, meaning.category);
  DcmItem& type = add_code(segment, DCM_SegmentedPropertyTypeCodeSequence, meaning.type);
  if (meaning.side) add_code(type, DCM_SegmentedPropertyTypeModifierCodeSequence, *meaning.side);
  add_code(segment, DCM_AnatomicRegionSequence, {"39607008", "SCT", "Lung"});
  DcmItem& algorithm = add_item(segment, DCM_SegmentationAlgorithmIdentificationSequence);
  add_code(algorithm, DCM_AlgorithmFamilyCodeSequence,
           {"123110", "DCM", "Artificial Intelligence"});
  put_text(algorithm, DCM_AlgorithmName, dicom_text(maker.model));
  put_text(algorithm, DCM_AlgorithmVersion,
           dicom_text(version() + " " + maker.weights_sha256.substr(0, 16)));
  const auto colour = cielab(meaning.colour);
  segment.putAndInsertUint16Array(DCM_RecommendedDisplayCIELabValue, colour.data(), 3);
  put_text(segment, DCM_TrackingID, label);
  put_text(segment, DCM_TrackingUID, source.tracking_uid(label, maker));
}

void put_dimensions(DcmDataset& data, const DicomSource& source, const std::string& organisation) {
  put_text(add_item(data, DCM_DimensionOrganizationSequence), DCM_DimensionOrganizationUID,
           organisation);
  const auto add = [&](const DcmTagKey& index, const DcmTagKey& group, const char* label) {
    DcmItem& item = add_item(data, DCM_DimensionIndexSequence);
    put_text(item, DCM_DimensionOrganizationUID, organisation);
    item.putAndInsertTagKey(DCM_DimensionIndexPointer, index);
    item.putAndInsertTagKey(DCM_FunctionalGroupPointer, group);
    put_text(item, DCM_DimensionDescriptionLabel, label);
  };
  add(DCM_ReferencedSegmentNumber, DCM_SegmentIdentificationSequence, "Segment");
  if (source.is_projection()) return;
  add(DCM_ImagePositionPatient, DCM_PlanePositionSequence, "Slice");
}

void put_shared_groups(DcmDataset& data, const DicomSource& source) {
  DcmItem& shared = add_item(data, DCM_SharedFunctionalGroupsSequence);
  if (source.is_projection()) return;
  put_text(add_item(shared, DCM_PlaneOrientationSequence), DCM_ImageOrientationPatient,
           all_text_of(source.header(), DCM_ImageOrientationPatient));
  DcmItem& measures = add_item(shared, DCM_PixelMeasuresSequence);
  const std::string distance = decimal_string(source.slice_distance_mm());
  const std::string thickness = source.text(DCM_SliceThickness);
  put_text(measures, DCM_SliceThickness, std::atof(thickness.c_str()) > 0 ? thickness : distance);
  put_text(measures, DCM_SpacingBetweenSlices, distance);
  put_text(measures, DCM_PixelSpacing, all_text_of(source.header(), DCM_PixelSpacing));
}

void put_frame(DcmItem& frame, size_t segment, size_t slice, const DicomSource& source) {
  const SourceImage& image = source.images()[slice];
  DcmItem& content = add_item(frame, DCM_FrameContentSequence);
  const std::array<Uint32, 2> index = {static_cast<Uint32>(segment),
                                       static_cast<Uint32>(slice + 1)};
  auto* values = new DcmUnsignedLong(DCM_DimensionIndexValues);
  values->putUint32Array(index.data(), source.is_projection() ? 1 : 2);
  content.insert(values, OFTrue);
  if (!source.is_projection()) {
    content.putAndInsertUint32(DCM_InStackPositionNumber, index[1]);
    put_text(content, DCM_StackID, "1");
    put_text(add_item(frame, DCM_PlanePositionSequence), DCM_ImagePositionPatient, image.position);
  }
  put_short(add_item(frame, DCM_SegmentIdentificationSequence), DCM_ReferencedSegmentNumber,
            static_cast<Uint16>(segment));
  DcmItem& derivation = add_item(frame, DCM_DerivationImageSequence);
  add_code(derivation, DCM_DerivationCodeSequence, {"113076", "DCM", "Segmentation"});
  DcmItem& from =
      add_reference(derivation, DCM_SourceImageSequence, image.sop_class, image.sop_instance);
  add_code(from, DCM_PurposeOfReferenceCodeSequence,
           {"121322", "DCM", "Source image for image processing operation"});
}

/// Frames follow each other without gaps, bit after bit.
class PackedFrames {
 public:
  explicit PackedFrames(size_t pixels_each) : pixels_(pixels_each) {}

  void add(const std::vector<uint8_t>& bits) {
    const size_t shift = filled_ % 8;
    bytes_.resize((filled_ + pixels_ + 7) / 8, 0);
    for (size_t i = 0; i < bits.size(); ++i) {
      const size_t at = filled_ / 8 + i;
      bytes_[at] = static_cast<uint8_t>(bytes_[at] | (bits[i] << shift));
      if (shift != 0 && at + 1 < bytes_.size()) {
        bytes_[at + 1] = static_cast<uint8_t>(bits[i] >> (8 - shift));
      }
    }
    filled_ += pixels_;
  }
  std::vector<uint8_t> finish() {
    if (bytes_.size() % 2 == 1) bytes_.push_back(0);
    return std::move(bytes_);
  }

 private:
  size_t pixels_, filled_ = 0;
  std::vector<uint8_t> bytes_;
};

void put_image(DcmDataset& data, const DicomSource& source, size_t frames, SegmentationOf what) {
  put_text(data, DCM_ImageType, "DERIVED\\PRIMARY");
  put_text(data, DCM_NumberOfFrames, std::to_string(frames));
  put_short(data, DCM_SamplesPerPixel, 1);
  put_text(data, DCM_PhotometricInterpretation, "MONOCHROME2");
  put_short(data, DCM_Rows, static_cast<Uint16>(source.rows()));
  put_short(data, DCM_Columns, static_cast<Uint16>(source.columns()));
  put_short(data, DCM_BitsAllocated, 1);
  put_short(data, DCM_BitsStored, 1);
  put_short(data, DCM_HighBit, 0);
  put_short(data, DCM_PixelRepresentation, 0);
  const bool lossy = source.text(DCM_LossyImageCompression) == "01";
  put_text(data, DCM_LossyImageCompression, lossy ? "01" : "00");
  for (const auto& tag : {DCM_LossyImageCompressionRatio, DCM_LossyImageCompressionMethod}) {
    const std::string value = all_text_of(source.header(), tag);
    if (lossy && !value.empty()) put_text(data, tag, value);
  }
  put_text(data, DCM_SegmentationType, "BINARY");
  put_text(data, DCM_ContentLabel, "SEGMENTATION");
  put_text(data, DCM_ContentDescription,
           what == SegmentationOf::lungs ? "Lungs, found by a network; research use only"
                                         : "Lung infection, found by a network; research use only");
  put_text(data, DCM_ContentCreatorName, "GroundGlass");
}

}  // namespace

SegmentMeaning lesion_meaning(const std::string& name) {
  const DicomCode abnormal = {"49755003", "SCT", "Morphologically Abnormal Structure"};
  std::string plain = lower(name);
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return c == '_' || c == '-'; }, ' ');
  if (plain.find("ground glass") != std::string::npos) {
    return {name, abnormal, {"112120", "DCM", "Ground glass opacity"}};
  }
  if (plain.find("consolidation") != std::string::npos) {
    return {name, abnormal, {"95436008", "SCT", "Lung consolidation"}};
  }
  return {name, abnormal, {"409774005", "SCT", "Inflammation"}};
}

std::vector<SegmentMeaning> lung_meanings(size_t segments) {
  const DicomCode anatomy = {"123037004", "SCT", "Anatomical Structure"};
  const DicomCode lung = {"39607008", "SCT", "Lung"};
  if (segments == 1) return {{"Lungs", anatomy, lung, {90, 160, 255}, {}}};
  return {{"Right lung", anatomy, lung, {90, 160, 255}, DicomCode{"24028007", "SCT", "Right"}},
          {"Left lung", anatomy, lung, {90, 220, 160}, DicomCode{"7771000", "SCT", "Left"}}};
}

SegmentFrames::SegmentFrames(int64_t rows, int64_t columns, size_t segments)
    : rows_(rows), columns_(columns), frames_(segments) {}

void SegmentFrames::add_slice(const uint8_t* labels) {
  const auto pixels = static_cast<size_t>(rows_ * columns_);
  int64_t found = 0;
  for (size_t s = 0; s < frames_.size(); ++s) {
    const auto label = static_cast<uint8_t>(s + 1);
    const auto count = std::count(labels, labels + pixels, label);
    if (count == 0) continue;
    found += count;
    Frame frame{slices_, std::vector<uint8_t>((pixels + 7) / 8, 0)};
    for (size_t i = 0; i < pixels; ++i) {
      if (labels[i] == label) {
        frame.bits[i / 8] = static_cast<uint8_t>(frame.bits[i / 8] | (1u << (i % 8)));
      }
    }
    frames_[s].push_back(std::move(frame));
  }
  pixels_.push_back(found);
  ++slices_;
}

DicomFile dicom_segmentation(const DicomSource& source, const SegmentFrames& mask,
                             const std::vector<SegmentMeaning>& meanings, const DicomMaker& maker,
                             SegmentationOf what) {
  if (mask.slices() != source.images().size() || mask.rows() != source.rows() ||
      mask.columns() != source.columns() || meanings.size() != mask.frames().size()) {
    fail(ErrorKind::internal, "a segmentation and its source series differ in size");
  }
  const auto pixels = static_cast<size_t>(mask.rows() * mask.columns());
  const bool nothing = std::all_of(mask.frames().begin(), mask.frames().end(),
                                   [](const auto& of_segment) { return of_segment.empty(); });
  const SegmentFrames::Frame empty{mask.slices() / 2, std::vector<uint8_t>((pixels + 7) / 8, 0)};
  auto file = std::make_shared<DcmFileFormat>();
  DcmDataset& data = *file->getDataset();
  PackedFrames packed(pixels);
  std::string places;
  size_t frames = 0;
  auto* groups = new DcmSequenceOfItems(DCM_PerFrameFunctionalGroupsSequence);
  data.insert(groups, OFTrue);
  for (size_t s = 0; s < meanings.size(); ++s) {
    put_segment(data, s + 1, meanings[s], source, maker);
    const auto add = [&](const SegmentFrames::Frame& frame) {
      auto* group = new DcmItem();
      groups->append(group);
      put_frame(*group, s + 1, frame.slice, source);
      packed.add(frame.bits);
      places += std::to_string(s + 1) + "/" + std::to_string(frame.slice) + " ";
      ++frames;
    };
    if (nothing || (source.is_projection() && mask.frames()[s].empty())) add(empty);
    for (const auto& frame : mask.frames()[s]) add(frame);
  }
  const std::vector<uint8_t> bytes = packed.finish();
  const std::string content =
      sha256(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())) + places;
  put_identity(data, source, what == SegmentationOf::lungs ? kLungs : kSegmentation, maker,
               content);
  put_frame_of_reference(data, source);
  put_referenced_series(data, source);
  put_image(data, source, frames, what);
  put_dimensions(data, source, source.uid("seg dimensions", maker));
  put_shared_groups(data, source);
  data.putAndInsertUint8Array(DCM_PixelData, bytes.data(),
                              static_cast<unsigned long>(bytes.size()));
  return file;
}

}  // namespace groundglass
