#pragma once

#include <optional>
#include <string>
#include <vector>

#include "groundglass/metrics/bootstrap.h"

namespace groundglass {

/// The sum of a reader's zone scores as a table holds them: "0 2 2 0 2 2" is 8.
///
/// Brixia score: six zones of the lungs, each 0 (nothing) to 3 (interstitial and dominant alveolar
/// infiltrates), 0 to 18 together. Borghesi, Maroldi, Radiol. Med. 125 (2020) 509.
/// Throws Error(data) beginning with `where` unless it is six whole numbers from 0 to 3.
int64_t brixia_sum(const std::string& zones, const std::string& where);

/// How an image's severity by the map goes with a reader's score.
struct SeverityPair {
  std::string patient;
  double measured = 0, read = 0;
};

/// Spearman's correlation, and its interval with whole patients drawn with replacement.
struct SeverityAgreement {
  std::optional<double> spearman;
  std::optional<Interval> interval;
  int64_t images = 0, patients = 0;
};
SeverityAgreement severity_agreement(const std::vector<SeverityPair>& pairs,
                                     const BootstrapOptions& options = {});

}  // namespace groundglass
