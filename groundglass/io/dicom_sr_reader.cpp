#include "groundglass/io/dicom_sr_reader.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_library.h"
#include "groundglass/io/dicom_seg_reader.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace {

std::string meaning_of(DcmItem& node, const DcmTagKey& sequence) {
  DcmItem* code = item_of(node, sequence);
  return code != nullptr ? text_of(*code, DCM_CodeMeaning) : "";
}

std::string name_code_of(DcmItem& node) {
  DcmItem* code = item_of(node, DCM_ConceptNameCodeSequence);
  return code != nullptr ? text_of(*code, DCM_CodeValue) : "";
}

/// Sites inside out: "Upper zone of lung, Right".
std::string site_of(DcmItem& node) {
  const std::string site = meaning_of(node, DCM_ConceptCodeSequence);
  DcmItem* inner = item_of(node, DCM_ContentSequence);
  const std::string side = inner != nullptr ? meaning_of(*inner, DCM_ConceptCodeSequence) : "";
  return side.empty() ? site : site + ", " + side;
}

void read_number(DcmItem& node, const std::string& group, StoredReport& report) {
  DcmItem* measured = item_of(node, DCM_MeasuredValueSequence);
  if (measured == nullptr) return;  // a number may say that it could not be measured
  StoredQuantity quantity;
  quantity.group = group;
  quantity.name = meaning_of(node, DCM_ConceptNameCodeSequence);
  measured->findAndGetFloat64(DCM_NumericValue, quantity.value);
  if (DcmItem* unit = item_of(*measured, DCM_MeasurementUnitsCodeSequence)) {
    quantity.unit = text_of(*unit, DCM_CodeValue);
  }
  for (long i = 0; DcmItem* child = item_of(node, DCM_ContentSequence, i); ++i) {
    const std::string code = name_code_of(*child);
    if (code == "121401") quantity.derivation = meaning_of(*child, DCM_ConceptCodeSequence);
    if (code == "363698007") quantity.site = site_of(*child);
  }
  report.quantities.push_back(std::move(quantity));
}

void walk(DcmItem& node, std::string group, StoredReport& report, int depth = 0) {
  constexpr int kDeepest = 32;  // a damaged file must not exhaust the stack
  if (depth > kDeepest) return;
  for (long i = 0; DcmItem* child = item_of(node, DCM_ContentSequence, i); ++i) {
    const std::string type = text_of(*child, DCM_ValueType);
    if (name_code_of(*child) == "112039") group = text_of(*child, DCM_TextValue);
    if (type == "NUM") read_number(*child, group, report);
    if (type == "TEXT" && text_of(*child, DCM_RelationshipType) == "CONTAINS") {
      report.remarks.push_back(meaning_of(*child, DCM_ConceptNameCodeSequence) + ": " +
                               text_of(*child, DCM_TextValue));
    }
    if (type == "CONTAINER") walk(*child, "", report, depth + 1);
  }
}

}  // namespace

StoredReport read_dicom_report(const std::filesystem::path& path) {
  prepare_dicom_library();
  DcmFileFormat file;
  const OFCondition read = file.loadFile(path.c_str());
  if (read.bad()) refuse(path, std::string("cannot be read (") + read.text() + ")");
  if (dicom_object_kind(path) != "SR") refuse(path, "is no structured report");
  DcmDataset& data = *file.getDataset();
  StoredReport report;
  report.title = meaning_of(data, DCM_ConceptNameCodeSequence);
  report.maker = text_of(data, DCM_Manufacturer);
  report.sop_instance = text_of(data, DCM_SOPInstanceUID);
  report.completion = text_of(data, DCM_CompletionFlag);
  report.verification = text_of(data, DCM_VerificationFlag);
  if (DcmItem* content = item_of(data, DCM_ContentTemplateSequence)) {
    report.template_id = text_of(*content, DCM_TemplateIdentifier);
  }
  for (long s = 0; DcmItem* study = item_of(data, DCM_CurrentRequestedProcedureEvidenceSequence, s);
       ++s) {
    for (long i = 0; DcmItem* series = item_of(*study, DCM_ReferencedSeriesSequence, i); ++i) {
      report.source_series.push_back(text_of(*series, DCM_SeriesInstanceUID));
    }
  }
  walk(data, "", report);
  return report;
}

}  // namespace groundglass
