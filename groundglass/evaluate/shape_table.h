#pragma once

#include <map>
#include <string>
#include <vector>

#include "groundglass/evaluate/score_table.h"

namespace groundglass {

/// Lesions and distances of one domain, or of everything.
struct DomainShapes {
  std::string name;
  int64_t cases = 0;
  MaskShapes sum;   ///< of all its masks
  ShapeRow pooled;  ///< scores of the sum: false_positives is their number
  /// Means of the cases' own scores where they are defined: false_positives is that per case.
  std::map<std::string, double> means;
  std::map<std::string, int64_t> defined;      ///< in how many cases; the others are left out
  std::map<std::string, Interval> intervals;   ///< of the means, over patients
  std::optional<Interval> pooled_sensitivity;  ///< interval of the share of all lesions found
};

/// "all" first, then each domain by name (none if there is only one). Items without shapes are left
/// out.
std::vector<DomainShapes> domain_shapes(const std::vector<ScoredItem>& items, double tolerance_mm,
                                        const BootstrapOptions& options = {});

/// Why a case has no HD95: "ok", "no_spacing", a status of counts.h, or "never_both" where no
/// single slice of it has both masks.
std::string distance_status(const ScoredItem& item);

/// Adds to the document of evaluation_json: lesions and distances of each case, of everything and
/// of each domain, and how they are defined.
void add_shapes(nlohmann::ordered_json& document, const std::vector<ScoredItem>& items,
                const ShapeOptions& shapes, const BootstrapOptions& options = {});

}  // namespace groundglass
