#include "groundglass/io/dicom_sr.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/files.h"
#include "groundglass/core/version.h"
#include "groundglass/io/dicom_library.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace {

constexpr const char* kOwnScheme = "99GROUNDGLASS";
const DerivedKind kReport = {"sr", UID_EnhancedSRStorage, "SR", 9102, "infection measurements"};

enum class Relation { contains, has_observer, has_modifier, has_acquisition };

const char* word_of(Relation relation) {
  switch (relation) {
    case Relation::contains:
      return "CONTAINS";
    case Relation::has_observer:
      return "HAS OBS CONTEXT";
    case Relation::has_modifier:
      return "HAS CONCEPT MOD";
    case Relation::has_acquisition:
      return "HAS ACQ CONTEXT";
  }
  return "";
}

DicomCode dcm(const char* value, const char* meaning) {
  return {value, "DCM", meaning};
}

DicomCode sct(const char* value, const char* meaning) {
  return {value, "SCT", meaning};
}

DcmItem& add_node(DcmItem& parent, Relation relation, const char* type, const DicomCode& name) {
  DcmItem& node = add_item(parent, DCM_ContentSequence);
  put_text(node, DCM_RelationshipType, word_of(relation));
  put_text(node, DCM_ValueType, type);
  add_code(node, DCM_ConceptNameCodeSequence, name);
  return node;
}

DcmItem& add_container(DcmItem& parent, const DicomCode& name, const char* template_id = nullptr) {
  DcmItem& node = add_node(parent, Relation::contains, "CONTAINER", name);
  put_text(node, DCM_ContinuityOfContent, "SEPARATE");
  if (template_id != nullptr) {
    DcmItem& content = add_item(node, DCM_ContentTemplateSequence);
    put_text(content, DCM_MappingResource, "DCMR");
    put_text(content, DCM_TemplateIdentifier, template_id);
  }
  return node;
}

DcmItem& add_concept(DcmItem& parent, Relation relation, const DicomCode& name,
                     const DicomCode& value) {
  DcmItem& node = add_node(parent, relation, "CODE", name);
  add_code(node, DCM_ConceptCodeSequence, value);
  return node;
}

void add_text(DcmItem& parent, Relation relation, const DicomCode& name, const std::string& value) {
  put_text(add_node(parent, relation, "TEXT", name), DCM_TextValue, value);
}

void add_uid(DcmItem& parent, Relation relation, const DicomCode& name, const std::string& value) {
  put_text(add_node(parent, relation, "UIDREF", name), DCM_UID, value);
}

void put_observer(DcmItem& root, const DicomMaker& maker) {
  const auto of = Relation::has_observer;
  add_concept(root, of, dcm("121005", "Observer Type"), dcm("121007", "Device"));
  add_uid(root, of, dcm("121012", "Device Observer UID"),
          hashed_uid("groundglass", "device|" + maker.weights_sha256 + "|" + version()));
  add_text(root, of, dcm("121013", "Device Observer Name"), "GroundGlass");
  add_text(root, of, dcm("121014", "Device Observer Manufacturer"), "GroundGlass");
  add_text(root, of, dcm("121015", "Device Observer Model Name"), dicom_text(maker.model));
  add_text(root, of, dcm("121016", "Device Observer Serial Number"),
           maker.weights_sha256.substr(0, 16));
}

void put_image_library(DcmItem& root, const DicomSource& source, const std::vector<size_t>& shown) {
  DcmItem& library = add_container(root, dcm("111028", "Image Library"));
  DcmItem& group = add_container(library, dcm("126200", "Image Library Group"));
  const auto of = Relation::has_acquisition;
  const std::string modality = source.text(DCM_Modality);
  add_concept(group, of, dcm("121139", "Modality"),
              modality == "CR"   ? dcm("CR", "Computed Radiography")
              : modality == "DX" ? dcm("DX", "Digital Radiography")
                                 : dcm("CT", "Computed Tomography"));
  add_concept(group, of, dcm("123014", "Target Region"), sct("51185008", "Chest"));
  const std::string date = source.text(DCM_StudyDate);
  if (!date.empty()) {
    put_text(add_node(group, of, "DATE", dcm("111060", "Study Date")), DCM_Date, date);
  }
  if (!source.is_projection()) {
    add_uid(group, of, dcm("112227", "Frame of Reference UID"),
            source.text(DCM_FrameOfReferenceUID));
  }
  const auto add_image = [&](const SourceImage& image) {
    DcmItem& node = add_item(group, DCM_ContentSequence);
    put_text(node, DCM_RelationshipType, "CONTAINS");
    put_text(node, DCM_ValueType, "IMAGE");
    add_reference(node, DCM_ReferencedSOPSequence, image.sop_class, image.sop_instance);
  };
  for (const size_t k : shown) add_image(source.images().at(k));
  if (!shown.empty()) return;
  for (const auto& image : source.images()) add_image(image);
}

void put_algorithm(DcmItem& parent, const DicomMaker& maker) {
  const auto of = Relation::has_modifier;
  add_text(parent, of, dcm("111001", "Algorithm Name"), dicom_text(maker.model));
  add_text(parent, of, dcm("111003", "Algorithm Version"),
           dicom_text(version() + " " + maker.weights_sha256.substr(0, 16)));
}

void put_site(DcmItem& parent, const MeasuredSite& site) {
  DcmItem& node =
      add_concept(parent, Relation::has_modifier, sct("363698007", "Finding Site"), site.site);
  add_concept(node, Relation::has_modifier, sct("272741003", "Laterality"), site.laterality);
}

void put_quantity(DcmItem& group, const MeasuredQuantity& quantity, const DicomMaker& maker) {
  DcmItem& node = add_node(group, Relation::contains, "NUM", quantity.concept_name);
  DcmItem& measured = add_item(node, DCM_MeasuredValueSequence);
  put_text(measured, DCM_NumericValue, decimal_string(quantity.value));
  add_code(measured, DCM_MeasurementUnitsCodeSequence, quantity.unit);
  if (quantity.derivation) {
    add_concept(node, Relation::has_modifier, dcm("121401", "Derivation"), *quantity.derivation);
  }
  if (quantity.site) put_site(node, *quantity.site);
  // OHIF throws on numbers without children; the others are spared 270 bytes each
  if (!quantity.derivation && !quantity.site) put_algorithm(node, maker);
}

/// The segment that was measured: of a volume as a whole (TID 1411), of an X-ray in its one frame
/// (TID 1410).
void put_segment_reference(DcmItem& group, int segment, const DicomSource& source,
                           const DicomObject& segmentation) {
  const bool frame = source.is_projection();
  DcmItem& image = add_node(
      group, Relation::contains, "IMAGE",
      frame ? dcm("121214", "Referenced Segmentation Frame") : dcm("121191", "Referenced Segment"));
  DcmItem& reference = add_reference(image, DCM_ReferencedSOPSequence, segmentation.sop_class,
                                     segmentation.sop_instance);
  if (frame) {  // either of both: the frame says its segment itself
    put_text(reference, DCM_ReferencedFrameNumber, std::to_string(segment));
  } else {
    put_short(reference, DCM_ReferencedSegmentNumber, static_cast<Uint16>(segment));
    add_uid(group, Relation::contains, dcm("121232", "Source series for segmentation"),
            source.text(DCM_SeriesInstanceUID));
    return;
  }
  const SourceImage& picture = source.images().front();
  add_reference(
      add_node(group, Relation::contains, "IMAGE", dcm("121233", "Source image for segmentation")),
      DCM_ReferencedSOPSequence, picture.sop_class, picture.sop_instance);
}

void put_group(DcmItem& measurements, const MeasurementGroup& group, const DicomSource& source,
               const DicomObject& segmentation, const DicomMaker& maker) {
  const std::string label = dicom_text(group.label);
  DcmItem& node = add_container(measurements, dcm("125007", "Measurement Group"),
                                source.is_projection() ? "1410" : "1411");
  add_text(node, Relation::has_observer, dcm("112039", "Tracking Identifier"), label);
  add_uid(node, Relation::has_observer, dcm("112040", "Tracking Unique Identifier"),
          source.tracking_uid(label, maker));
  add_concept(node, Relation::contains, dcm("121071", "Finding"), group.finding);
  put_segment_reference(node, group.segment, source, segmentation);
  put_algorithm(node, maker);
  put_site(node, {sct("39607008", "Lung"), sct("51440002", "Right and left")});
  for (const auto& quantity : group.quantities) put_quantity(node, quantity, maker);
}

/// Every object that the report speaks of: the images and the segmentation.
void put_evidence(DcmDataset& data, const DicomSource& source, const DicomObject& segmentation) {
  DcmItem& study = add_item(data, DCM_CurrentRequestedProcedureEvidenceSequence);
  put_text(study, DCM_StudyInstanceUID, source.text(DCM_StudyInstanceUID));
  DcmItem& images = add_item(study, DCM_ReferencedSeriesSequence);
  put_text(images, DCM_SeriesInstanceUID, source.text(DCM_SeriesInstanceUID));
  for (const auto& image : source.images()) {
    add_reference(images, DCM_ReferencedSOPSequence, image.sop_class, image.sop_instance);
  }
  if (segmentation.sop_instance.empty()) return;
  DcmItem& masks = add_item(study, DCM_ReferencedSeriesSequence);
  put_text(masks, DCM_SeriesInstanceUID, segmentation.series);
  add_reference(masks, DCM_ReferencedSOPSequence, segmentation.sop_class,
                segmentation.sop_instance);
}

void put_earlier(DcmDataset& data, const EarlierObject& earlier) {
  DcmItem& study = add_item(data, DCM_PertinentOtherEvidenceSequence);
  put_text(study, DCM_StudyInstanceUID, earlier.study);
  DcmItem& series = add_item(study, DCM_ReferencedSeriesSequence);
  put_text(series, DCM_SeriesInstanceUID, earlier.series);
  add_reference(series, DCM_ReferencedSOPSequence, earlier.sop_class, earlier.sop_instance);
}

/// What tells two reports on one segmentation apart.
std::string digest_of(const MeasurementReport& report, const DicomObject& segmentation) {
  std::string text = segmentation.sop_instance;
  for (const auto& group : report.groups) {
    text += "|" + group.label + "|" + group.finding.value;
    for (const auto& q : group.quantities) {
      text += "|" + q.concept_name.value + "=" + decimal_string(q.value);
    }
  }
  for (const auto& [name, said] : report.remarks) text += "|" + name.value + "=" + said;
  if (report.earlier) text += "|" + report.earlier->sop_instance;
  return sha256(text);
}

}  // namespace

DicomCode own_code(const std::string& value, const std::string& meaning) {
  return {value, kOwnScheme, meaning};
}

EarlierObject read_earlier_object(const std::filesystem::path& file) {
  prepare_dicom_library();
  DcmFileFormat read;
  const OFCondition loaded = read.loadFileUntilTag(file.c_str(), EXS_Unknown, EGL_noChange,
                                                   DCM_MaxReadLength, ERM_autoDetect, DCM_StudyID);
  if (loaded.bad()) refuse(file, std::string("cannot be read as DICOM (") + loaded.text() + ")");
  DcmDataset& data = *read.getDataset();
  return {text_of(data, DCM_StudyInstanceUID), text_of(data, DCM_SeriesInstanceUID),
          text_of(data, DCM_SOPClassUID), text_of(data, DCM_SOPInstanceUID)};
}

DicomFile dicom_report(const DicomSource& source, const DicomObject& segmentation,
                       const MeasurementReport& report, const DicomMaker& maker) {
  auto file = std::make_shared<DcmFileFormat>();
  DcmDataset& data = *file->getDataset();
  put_identity(data, source, kReport, maker, digest_of(report, segmentation));
  DcmItem& scheme = add_item(data, DCM_CodingSchemeIdentificationSequence);
  put_text(scheme, DCM_CodingSchemeDesignator, kOwnScheme);
  put_text(scheme, DCM_CodingSchemeName, "Codes of GroundGlass");
  put_text(scheme, DCM_CodingSchemeResponsibleOrganization, "GroundGlass");
  data.insertEmptyElement(DCM_ReferencedPerformedProcedureStepSequence);
  data.insertEmptyElement(DCM_PerformedProcedureCodeSequence);
  put_text(data, DCM_CompletionFlag, "COMPLETE");
  put_text(data, DCM_VerificationFlag, "UNVERIFIED");
  put_evidence(data, source, segmentation);
  if (report.earlier) put_earlier(data, *report.earlier);

  put_text(data, DCM_ValueType, "CONTAINER");
  add_code(data, DCM_ConceptNameCodeSequence, dcm("126000", "Imaging Measurement Report"));
  put_text(data, DCM_ContinuityOfContent, "SEPARATE");
  DcmItem& content = add_item(data, DCM_ContentTemplateSequence);
  put_text(content, DCM_MappingResource, "DCMR");
  put_text(content, DCM_TemplateIdentifier, "1500");
  add_concept(data, Relation::has_modifier,
              dcm("121049", "Language of Content Item and Descendants"),
              {"en-US", "RFC5646", "English (United States)"});
  put_observer(data, maker);
  add_concept(data, Relation::has_modifier, dcm("121058", "Procedure reported"),
              source.is_projection() ? DicomCode{"43468-8", "LN", "XR unspecified body region"}
                                     : DicomCode{"25045-6", "LN", "CT unspecified body region"});
  put_image_library(data, source, report.library_images);
  DcmItem& measurements = add_container(data, dcm("126010", "Imaging Measurements"));
  for (const auto& group : report.groups) {
    put_group(measurements, group, source, segmentation, maker);
  }
  DcmItem& evaluations = add_container(data, {"C0034375", "UMLS", "Qualitative Evaluations"});
  for (const auto& [name, said] : report.remarks) {
    add_text(evaluations, Relation::contains, name, dicom_text(said, 1024));
  }
  return file;
}

}  // namespace groundglass
