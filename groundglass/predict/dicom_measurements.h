#pragma once

#include <vector>

#include "groundglass/io/dicom_seg.h"
#include "groundglass/io/dicom_sr.h"
#include "groundglass/predict/case_summary.h"

namespace groundglass {

/// What a summary says, as numbers and remarks of a structured report.
///
/// segments  of the segmentation: the summary's classes, or any lesion alone.
MeasurementReport measurement_report(const CaseSummary& summary,
                                     const std::vector<SegmentMeaning>& segments,
                                     const DicomMaker& maker);

}  // namespace groundglass
