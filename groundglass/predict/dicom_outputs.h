#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "groundglass/io/dicom_maker.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/case_summary.h"
#include "groundglass/predict/inputs.h"
#include "groundglass/predict/lung_source.h"

namespace groundglass {

/// DICOM objects that are written of each DICOM series.
struct DicomOutputs {
  bool segmentation = false, lungs = false, report = false, capture = false, document = false;
  DicomMaker maker = {};

  bool any() const { return segmentation || lungs || report || capture || document; }
  /// As parse_dicom_outputs() takes it: "seg,sr"; "" for none.
  std::string words() const;
};

/// "seg,lungs,sr,sc,pdf" or some of them. A report refers to a segmentation, which is then written,
/// too. Throws Error(usage) for another word.
DicomOutputs parse_dicom_outputs(const std::string& words);

/// Throws Error(usage) naming the first input that is no DICOM series: objects refer to the images
/// of a series.
void check_are_dicom(const std::vector<PredictInput>& inputs);

/// The objects of one series, from its slices to the files.
class DicomCase {
 public:
  virtual ~DicomCase() = default;

  /// Class numbers of the next slice as stored, [H,W] uint8.
  virtual void add_slice(const torch::Tensor& labels) = 0;

  /// The network's lungs in the next slice as stored, [H,W] uint8: 1 right and 2 left, or 1.
  virtual void add_lungs(const torch::Tensor& lungs) = 0;

  /// Writes <stem>_seg.dcm, _lungs_seg.dcm, _sr.dcm, _sc.dcm and _report.dcm, those that are asked
  /// for, and names them. Throws Error(data) if one cannot be written.
  virtual std::vector<DicomObject> write(const std::filesystem::path& folder,
                                         const std::string& stem, const CaseSummary& summary) = 0;
};

/// Reads what objects take over from a series.
///
/// series   a DicomSeries, which must outlive the case.
/// summary  whose classes become segments.
/// lungs    who finds the lungs; without a network there is no mask of them.
/// Throws Error(data) if the series has no UIDs to refer to, Error(usage) if it is no DICOM series.
std::shared_ptr<DicomCase> open_dicom_case(const DicomOutputs& outputs, const VolumeReader& series,
                                           const CaseSummary& summary, const LungSource& lungs);

}  // namespace groundglass
