#pragma once

#include <string>

#include "groundglass/io/dicom_identity.h"

namespace groundglass {

/// An Encapsulated PDF (1.2.840.10008.5.1.4.1.1.104.1) about a source series.
///
/// pdf  a whole PDF file.
DicomFile dicom_pdf(const DicomSource& source, const std::string& pdf, const std::string& title,
                    const DicomMaker& maker);

}  // namespace groundglass
