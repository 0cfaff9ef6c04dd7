#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <torch/types.h>

#include "groundglass/io/dicom_maker.h"
#include "groundglass/io/dicom_patient.h"
#include "groundglass/predict/severity.h"
#include "groundglass/predict/xray_detection.h"

namespace groundglass {

/// Attenuation of the voxels of a lesion: mean and standard deviation (of these voxels, not an
/// estimate for others), HU.
struct Attenuation {
  double mean_hu = 0, deviation_hu = 0;
};

/// Where a lesion's voxels part into thin and dense where nothing else is asked for: of eight
/// thresholds between ground glass and consolidation, the one at which their volumes told COVID-19
/// best ("Quantitative CT for detecting COVID-19 pneumonia in suspected cases", BMC Infect Dis
/// 2021, doi:10.1186/s12879-021-06556-z).
constexpr double kSplitHu = -300;

/// A lesion's voxels below and from an attenuation on: a threshold, not a reading. Ground glass is
/// mostly below, consolidation above, but so are vessels in ground glass and borders that fill a
/// voxel in part.
struct SplitByHu {
  double split_hu = kSplitHu;
  double below_ml = 0, from_there_ml = 0;
};

/// How much of one class was found.
struct ClassAmount {
  int64_t label = 1;
  std::string name;  ///< as class_name() says it
  int64_t pixels = 0;
  std::optional<double> ml;  ///< volumes in HU
  std::optional<Attenuation> attenuation = {};
};

/// What was found in one input.
struct CaseSummary {
  std::string input, output;
  std::string modality;       ///< "CT" for images in HU, else "gray picture" or "gray volume"
  std::vector<int64_t> size;  ///< [H,W] or [D,H,W]
  int64_t lesion_pixels = 0;
  /// The first of volumes, or of the area of X-rays.
  std::optional<double> lesion_fraction_of_lung, lesion_ml, lung_ml;
  std::string lungs = {};  ///< who said what lung is: LungSource::name; empty without a share
  std::optional<double> right_lung_ml = {}, left_lung_ml = {};  ///< without lesions outside them
  std::optional<double> lesion_outside_lungs_ml = {};  ///< of a network's or a file's lungs
  /// Marks that SegmenterOptions::near_lungs took away, and whose lungs decided; empty: nobody's.
  int64_t dropped_pixels = 0;
  std::optional<double> dropped_ml = {};  ///< volumes in HU
  std::string kept_near = {};
  std::optional<Detection> detection = {};  ///< of X-rays that a detector looked at
  std::optional<double> lesion_cm2 = {};    ///< X-rays in DICOM that tell the size of their pixels
  int64_t top_slice = -1;                   ///< volumes: slice with most lesion, -1 for none
  std::vector<std::string> warnings;
  std::vector<ClassAmount> classes = {};  ///< of networks that tell several lesions apart
  /// See Typicality; of volumes the median of the slices. Nothing if the model carries none.
  std::optional<double> typicality = {};
  std::optional<Attenuation> attenuation = {};  ///< of any lesion, volumes in HU
  std::optional<SplitByHu> by_hu = {};          ///< of any lesion, volumes in HU
  std::optional<Severity> severity = {};        ///< volumes in HU and X-rays
  std::optional<Severity> lobes = {};           ///< volumes in HU: five lobes
  std::string lobes_from = {};                  ///< kLobesByShape or the file; empty without lobes
  std::vector<DicomObject> objects = {};        ///< that --dicom wrote
  Acquisition acquisition = {};                 ///< of DICOM; of other volumes the spacing alone

  /// Adds what labels [..] (class numbers) hold of any lesion and of each class. Returns the number
  /// of pixels of any lesion.
  int64_t add(const torch::Tensor& labels);

  /// Warns where more than a fifth of what was marked was taken away.
  void warn_of_dropped();
  /// Warns as detection_warning() says.
  void warn_of_detection();

  /// Sets typicality to the median of the slices' (at least one), and warns if it is above 1.
  void take_typicality(std::vector<double> slices, const std::string& model_name);
};

/// One amount of 0 for each of `classes` lesions that a network tells apart; empty for one alone.
///
/// names  of classes 1, 2, ..; empty for "class 1".
std::vector<ClassAmount> class_amounts(int64_t classes, const std::vector<std::string>& names);

/// The names, for with_legend().
std::vector<std::string> legend_of(const std::vector<ClassAmount>& amounts);

/// A case in summary.json and in the journal.
nlohmann::ordered_json case_json(const CaseSummary& summary);

/// The way back; results of earlier versions lack how their images were made. Throws nlohmann's
/// exceptions for what is no case.
CaseSummary case_summary_of(const nlohmann::ordered_json& document);

}  // namespace groundglass
