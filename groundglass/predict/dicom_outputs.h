#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/io/dicom_maker.h"
#include "groundglass/io/dicom_sr.h"
#include "groundglass/io/image.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/capture_as.h"
#include "groundglass/predict/case_summary.h"
#include "groundglass/predict/inputs.h"
#include "groundglass/predict/lung_source.h"

namespace groundglass {

/// DICOM objects that are written of each DICOM series or X-ray.
struct DicomOutputs {
  bool segmentation = false, lungs = false, report = false, capture = false, document = false;
  CaptureAs capture_as = CaptureAs::frames;
  /// A sentence on what changed since an earlier study, and the report of that; empty for none.
  std::string change = {};
  std::optional<EarlierObject> earlier = {};
  DicomMaker maker = {};

  bool any() const { return segmentation || lungs || report || capture || document; }
  /// As parse_dicom_outputs() takes it: "seg,sr"; "" for none.
  std::string words() const;
};

/// "seg,lungs,sr,sc,pdf" or some of them. A report refers to a segmentation, which is then written,
/// too. Throws Error(usage) for another word.
DicomOutputs parse_dicom_outputs(const std::string& words);

/// DicomMaker::options of predict, for objects that are made later as well.
///
/// threshold  nothing for networks of several classes, of which the likeliest wins.
std::string maker_options(std::optional<double> threshold, const std::string& precision,
                          const std::string& kept_near, const std::string& detector = "");

/// Throws Error(usage) naming the first input that is no DICOM series and no X-ray (CR, DX) in
/// DICOM: objects refer to these images.
void check_are_dicom(const std::vector<PredictInput>& inputs);

/// Whose lungs add_lungs() is given.
struct LungMaskMaker {
  std::string model, weights_sha256;
  size_t segments = 1;  ///< 2: right and left
};

/// Of the lungs of predict; of no network where none finds them.
LungMaskMaker lung_mask_maker(const LungSource& lungs);

/// The objects of one series or X-ray, from its slices to the files.
class DicomCase {
 public:
  virtual ~DicomCase() = default;

  /// Class numbers of the next slice as stored, [H,W] uint8.
  virtual void add_slice(const torch::Tensor& labels) = 0;

  /// The network's lungs in the next slice as stored, [H,W] uint8: 1 right and 2 left, or 1.
  virtual void add_lungs(const torch::Tensor& lungs) = 0;

  /// Writes <stem>_seg.dcm, _lungs_seg.dcm, _sr.dcm, _sc.dcm (or _sc_01.dcm, _sc_02.dcm, ..) and
  /// _report.dcm, those that are asked for, and names them. Throws Error(data) if one cannot be
  /// written.
  virtual std::vector<DicomObject> write(const std::filesystem::path& folder,
                                         const std::string& stem, const CaseSummary& summary) = 0;
};

/// Reads what objects take over from a series.
///
/// series   a DicomSeries, which must outlive the case.
/// summary  whose classes become segments.
/// lungs    who finds the lungs that add_lungs() is given, if it is.
/// Throws Error(data) if the series has no UIDs to refer to, Error(usage) if it is no DICOM series.
std::shared_ptr<DicomCase> open_dicom_case(const DicomOutputs& outputs, const VolumeReader& series,
                                           const CaseSummary& summary, const LungMaskMaker& lungs);

/// The same of one X-ray (CR, DX), whose labels are the one slice.
///
/// file     the X-ray, whose header is read.
/// picture  as read_dicom_xray() reads it.
/// Throws Error(data) if the file has no UIDs to refer to.
std::shared_ptr<DicomCase> open_dicom_picture(const DicomOutputs& outputs,
                                              const std::filesystem::path& file,
                                              const Image& picture, const CaseSummary& summary);

}  // namespace groundglass
