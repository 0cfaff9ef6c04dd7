#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "groundglass/io/image.h"
#include "groundglass/predict/case_summary.h"
#include "groundglass/predict/lobe_measures.h"
#include "groundglass/predict/segmenter.h"
#include "groundglass/preprocess/axial_source.h"
#include "groundglass/preprocess/lung_mask.h"

namespace groundglass {

/// What a summary says of a case besides what was found in it.
struct CaseNames {
  std::string input;  ///< in the summary and in warnings
  std::string model;
  std::vector<std::string> classes = {};  ///< 1, 2, ..; empty for "class 1"
  std::filesystem::path xray = {};        ///< the DICOM file of a picture, if it is one
  double split_hu = kSplitHu;             ///< see SplitByHu
};

/// What decides how a volume's masks are measured, where they do not come from a Segmenter's call.
struct MeasureOptions {
  int64_t classes = 1;       ///< foreground classes that are told apart
  bool typicality = false;   ///< whether slices have one
  const LungSource& lungs;   ///< must outlive the measures
  int64_t lung_classes = 0;  ///< of the network whose lungs come with the slices; 0 for none
  LobeMeasures::Keep lobes = LobeMeasures::Keep::numbers;
};

/// Sums up what a network says of one picture or volume, slice by slice.
class CaseMeasures {
 public:
  /// Of a picture.
  CaseMeasures(const CaseNames& names, const Segmenter& segmenter, const Image& picture);

  /// Of a volume, which must outlive this. Throws Error(data) for a lung file that cannot be read
  /// or is of another size.
  CaseMeasures(const CaseNames& names, const Segmenter& segmenter, const AxialSource& volume,
               LobeMeasures::Keep lobes = LobeMeasures::Keep::numbers);

  /// Of a volume whose masks were drawn or corrected. Throws as above.
  CaseMeasures(const CaseNames& names, const MeasureOptions& options, const AxialSource& volume);

  /// What is said of the next slice, upright and from the first on; a picture has one.
  void take(const Image& slice, const SliceResult& result);

  /// Millilitres and the share of the lungs of volumes in HU, and what there is to warn of.
  CaseSummary finish();

  /// Lobes of slice k of a volume, where the summary's come from an atlas and a map was asked for;
  /// see LobeMeasures::map_of. After finish().
  torch::Tensor lobe_map(int64_t k) const { return lobes_->map_of(k); }

  /// As far as it is known: its classes, from the start.
  const CaseSummary& summary() const { return summary_; }

 private:
  /// Sums over the voxels of a lesion.
  struct Sums {
    double n = 0, hu = 0, hu_squared = 0;
    void add(const torch::Tensor& hu);
    std::optional<Attenuation> attenuation() const;
  };

  void measure();
  torch::Tensor lungs_of(const SliceResult& result);
  void measure_xray(const SliceResult& result);
  void add_to_network_lungs(const torch::Tensor& lungs, const torch::Tensor& hu,
                            const SliceResult& result);
  bool trusts_the_lungs();
  void share_by_masks(double voxel_ml);
  void share_by_network(const Geometry& upright);
  void share_by_threshold(const LungEstimate& lungs);
  void lobes_of(const LungsInCells& lungs);

  std::string model_name_;
  bool has_typicality_ = false;
  const AxialSource* volume_ = nullptr;  // null for a picture
  const LungSource& lung_source_;
  const LungSource* xray_lungs_ = nullptr;  // of a picture, where somebody says what lung is
  bool lung_network_ = false;               // lungs come with the slices
  bool lung_sides_ = false;                 // classes 1 and 2 are right and left
  std::unique_ptr<AxialSource> lung_file_;
  LungEstimator lungs_;  // the threshold's, which stands in where others fail
  // The network's, whose small pieces (bowel gas, air under a blanket) these leave out.
  LungEstimator network_lungs_, right_lung_, left_lung_;
  std::unique_ptr<LobeMeasures> lobes_;
  std::vector<double> lung_typicalities_;            // of the slices
  int64_t lung_or_lesion_ = 0, lesion_outside_ = 0;  // voxels
  Sums any_lesion_;
  double split_hu_ = kSplitHu;
  int64_t dense_ = 0;  // lesion's voxels from split_hu_ on
  std::vector<Sums> of_classes_;
  std::vector<double> typicalities_;  // of the slices
  int64_t slices_ = 0, most_ = 0;
  CaseSummary summary_;
};

}  // namespace groundglass
