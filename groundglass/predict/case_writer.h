#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "groundglass/io/image.h"
#include "groundglass/predict/case_measures.h"
#include "groundglass/predict/dicom_outputs.h"
#include "groundglass/predict/inputs.h"
#include "groundglass/predict/segmenter.h"
#include "groundglass/preprocess/axial_source.h"

namespace groundglass {

/// What is written of each case, and where.
struct CaseOutputs {
  std::filesystem::path output;  ///< folder
  std::string model_name;
  bool save_probabilities = false;
  bool overlay = false;
  bool save_lungs = false;                    ///< volumes and X-rays whose lungs a network finds
  bool save_lobes = false;                    ///< volumes in HU whose lobes an atlas finds
  bool class_numbers = false;                 ///< pictures: write 0, 1, 2 .. instead of 0 and 255
  double split_hu = kSplitHu;                 ///< see SplitByHu
  std::vector<std::string> class_names = {};  ///< of classes 1, 2, ..; empty for "class 1"
  DicomOutputs dicom = {};                    ///< of DICOM series and X-rays, besides
  /// Called with the labels [H,W] of each upright slice k of a volume as soon as they are known.
  std::function<void(const PredictInput&, const AxialSource&, int64_t k,
                     const torch::Tensor& labels)>
      watch = {};
};

/// The name of an input's mask in the output folder.
std::string mask_name(const PredictInput& input);

/// Throws Error(data) if the output folder's file system takes no name as long as those that would
/// be written for the input.
///
/// classes  that the network tells apart.
void check_names_fit(const CaseOutputs& outputs, const PredictInput& input, int64_t classes);

/// Files that take slices one after the other.
class SliceSink {
 public:
  virtual ~SliceSink() = default;

  /// The next slice, [H,W] on the input's upright grid.
  virtual void write(const torch::Tensor& slice) = 0;

  /// After the last slice: makes the file appear.
  virtual void finish() = 0;
};

/// Writes what a network says of one picture or volume and sums it up: <stem>_mask and, if asked
/// for, _probability (of any lesion), _probability_1, .. (of each class of several), _lungs, _lobes
/// and _overlay; pictures as PNG, volumes as NIfTI on their own grid with a sheet of slices as
/// overlay. Memory does not grow with the number of slices where the volume is stored in axial
/// ones.
class CaseWriter {
 public:
  /// Of a picture.
  CaseWriter(const CaseOutputs& outputs, const Segmenter& segmenter, const PredictInput& input,
             const Image& picture);

  /// Of a volume, which must outlive this.
  CaseWriter(const CaseOutputs& outputs, const Segmenter& segmenter, const PredictInput& input,
             const AxialSource& volume);

  /// What is said of the next slice, upright and from the first on; a picture has one.
  void take(const Image& slice, const SliceResult& result);

  /// Finishes the files and measures: millilitres and the share of the lungs of volumes in HU.
  CaseSummary finish();

 private:
  void open_sinks();
  std::unique_ptr<SliceSink> probability_sink(const std::string& ending) const;
  std::string path(const std::string& ending) const;
  void write_overlay(const CaseSummary& summary) const;
  void write_lobes() const;

  const CaseOutputs& outputs_;
  const SegmenterOptions& options_;
  const PredictInput& input_;
  const AxialSource* volume_ = nullptr;  // null for a picture
  std::unique_ptr<SliceSink> mask_, probability_, lungs_;
  std::vector<std::unique_ptr<SliceSink>> class_probability_;
  std::shared_ptr<DicomCase> dicom_;
  std::unique_ptr<SliceSink> dicom_mask_, dicom_lungs_;
  CaseMeasures measures_;
  std::vector<torch::Tensor> tiles_;  // of the overlay
  int64_t slices_ = 0;
};

}  // namespace groundglass
