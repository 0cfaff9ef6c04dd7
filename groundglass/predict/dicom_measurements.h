#pragma once

#include <vector>

#include "groundglass/io/dicom_seg.h"
#include "groundglass/io/dicom_sr.h"
#include "groundglass/predict/case_summary.h"

namespace groundglass {

/// What a summary says, as numbers and remarks of a structured report: of a volume millilitres, of
/// an X-ray cm2 where the size of its pixels is known, else pixels and their share of the picture.
///
/// segments  of the segmentation: the summary's classes, or any lesion alone.
MeasurementReport measurement_report(const CaseSummary& summary,
                                     const std::vector<SegmentMeaning>& segments,
                                     const DicomMaker& maker);

}  // namespace groundglass
