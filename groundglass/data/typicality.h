#pragma once

#include <array>
#include <string>
#include <vector>

#include <torch/types.h>

#include "groundglass/data/prepared_set.h"

namespace groundglass {

/// What a slice looks like from afar, without a name for any of it.
using SliceFeatures = std::array<double, 15>;

/// Of a slice on the network's grid, [C,H,W] or [H,W] uint8, shrunk to 64 x 64: the spread of its
/// grays; how like its mirror image it is; the mean gray of eight fields (four rows, outer and
/// inner, both sides together); the share of dark pixels and how well they part from the bright
/// ones (Otsu); how much neighbours differ, along and across; the skew of the grays. All but the
/// first and the share are of grays brought to mean 0 and spread 1.
SliceFeatures slice_features(const torch::Tensor& slice);

/// How much a slice looks like those that a network was trained on.
///
/// Each source of the training images is a normal distribution of features; a slice is as far away
/// as its Mahalanobis distance from the nearest of them, divided by `limit`, so that above 1 it
/// looks like few that the network ever saw: a photograph, another part of the body, an inverted
/// picture, a blank one, or a hospital that cuts or windows its pictures in another way.
///
/// Lee, Lee, Lee, Shin, "A simple unified framework for detecting out-of-distribution samples and
/// adversarial attacks", NeurIPS 2018, eq. 2.
/// Differs: features of the picture instead of a network's layers, a covariance for each source
/// instead of a common one, drawn to its diagonal by a tenth.
class Typicality {
 public:
  /// From the rows of a set. The limit is the 99th percentile of the distances that rows have when
  /// their patient is left out (five parts). Sources of fewer than 40 rows stand together.
  static Typicality of(const PreparedSet& set, const std::vector<int64_t>& rows);

  /// The distance of a slice as a multiple of the limit; at least 0.
  double operator()(const torch::Tensor& slice) const;

  /// As text, for the notes of a weights file, and back. Throws Error(checkpoint) for a text that
  /// is none.
  std::string json() const;
  static Typicality from_json(const std::string& text, const std::string& origin);

  /// For tests and tables: features, source and patient of each row; see of().
  struct Example {
    SliceFeatures features{};
    std::string source, patient;
  };
  static Typicality of(const std::vector<Example>& examples);

 private:
  struct Source {
    std::string name;
    std::vector<double> mean;
    std::vector<double> inverse;  ///< of the covariance, row by row
  };

  static std::vector<Source> fitted(const std::vector<Example>& examples);
  static double distance(const std::vector<Source>& sources, const SliceFeatures& features);

  std::vector<Source> sources_;
  double limit_ = 1;
};

}  // namespace groundglass
