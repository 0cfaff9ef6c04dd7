#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/annotate/store.h"
#include "groundglass/metrics/wilson_interval.h"

namespace groundglass {

/// How two annotators agree on what they were both shown.
struct PairAgreement {
  std::string first, second;
  int64_t cases = 0;            ///< that both have chosen in
  std::optional<double> equal;  ///< share of them with the same source, in [0,1]
  std::optional<double> kappa;  ///< Cohen's, in [-1,1]; 1 is best
};

/// Cohen's kappa of pairs of categories: (p_o - p_e) / (1 - p_e). Empty without pairs, and where
/// both always say the same one word (p_e = 1).
///
/// Cohen, Educational and Psychological Measurement 20 (1960) 37.
std::optional<double> cohens_kappa(const std::vector<std::pair<std::string, std::string>>& pairs);

/// How often a blind annotator took a network's mask although the manual one stood beside it.
/// Degerli et al., arXiv 2009.12698, report 3 of 5.
struct Preference {
  int64_t choices = 0;   ///< of cases with a manual mask (stage 1)
  int64_t machine = 0;   ///< a network's mask was taken
  int64_t manual = 0;    ///< the manual mask was taken
  int64_t rejected = 0;  ///< none was

  std::optional<double> share() const;  ///< machine / (machine + manual)
  std::optional<Interval> interval()
      const;  ///< Wilson; choices of a case by two people count twice
};

struct Agreement {
  std::vector<PairAgreement> pairs;  ///< annotators in alphabetical order
  Preference preference;
};

/// What a choice stands for: the source behind its letter, or "reject". Letters differ from case to
/// case, so agreement is counted in sources.
std::string source_of(const Choice& choice, const std::vector<Candidate>& candidates);

Agreement agreement(AnnotationStore& store);

/// {"pairs":[{"annotators","cases","equal","kappa"}],"stage_1":{..,"machine_share","interval95"}};
/// undefined numbers are null.
nlohmann::ordered_json agreement_json(const Agreement& found);

}  // namespace groundglass
