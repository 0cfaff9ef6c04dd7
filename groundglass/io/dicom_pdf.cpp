#include "groundglass/io/dicom_pdf.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/files.h"

namespace groundglass {
namespace {

const DerivedKind kDocument = {"pdf", UID_EncapsulatedPDFStorage, "DOC", 9104, "infection report"};

}  // namespace

DicomFile dicom_pdf(const DicomSource& source, const std::string& pdf, const std::string& title,
                    const DicomMaker& maker) {
  auto file = std::make_shared<DcmFileFormat>();
  DcmDataset& data = *file->getDataset();
  put_identity(data, source, kDocument, maker, sha256(pdf));
  put_text(data, DCM_ConversionType, "WSD");
  data.insertEmptyElement(DCM_AcquisitionDateTime);
  put_text(data, DCM_BurnedInAnnotation, "YES");
  put_text(data, DCM_DocumentTitle, dicom_text(title));
  data.insertEmptyElement(DCM_ConceptNameCodeSequence);
  for (const auto& image : source.images()) {
    add_reference(data, DCM_SourceInstanceSequence, image.sop_class, image.sop_instance);
  }
  put_text(data, DCM_MIMETypeOfEncapsulatedDocument, "application/pdf");
  data.putAndInsertUint32(DCM_EncapsulatedDocumentLength, static_cast<Uint32>(pdf.size()));
  std::string even = pdf;
  if (even.size() % 2 == 1) even += '\0';
  data.putAndInsertUint8Array(DCM_EncapsulatedDocument, reinterpret_cast<const Uint8*>(even.data()),
                              static_cast<unsigned long>(even.size()));
  return file;
}

}  // namespace groundglass
