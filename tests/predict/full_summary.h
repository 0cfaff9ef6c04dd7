#pragma once

#include <string>
#include <vector>

#include "groundglass/predict/case_summary.h"

namespace groundglass {

inline Severity full_severity(const std::string& scale, const std::vector<std::string>& regions) {
  Severity severity{scale, 3 * static_cast<int>(regions.size()), 25, {}, {}};
  for (const auto& region : regions) {
    severity.regions.push_back({region, {123456, 1234567}, 3, -512.3456789, 1012.3456789, -700.0});
  }
  return severity;
}

/// A volume of `slices` x `side` x `side` voxels with three classes, lobes, zones, and warnings.
inline CaseSummary full_summary(int64_t slices, int64_t side) {
  CaseSummary summary;
  summary.input = "a";
  summary.modality = "CT";
  summary.size = {slices, side, side};
  summary.lesion_pixels = 1000;
  summary.lesion_ml = 512.3456789;
  summary.lung_ml = 4321.098765;
  summary.lesion_fraction_of_lung = 0.123456789;
  summary.classes = class_amounts(3, {"ground glass", "consolidation", "pleural effusion"});
  for (auto& amount : summary.classes) {
    amount.ml = 123.456789;
    amount.attenuation = Attenuation{-512.3456789, 123.456789};
  }
  summary.severity = full_severity("six zones", {"right upper", "right middle", "right lower",
                                                 "left upper", "left middle", "left lower"});
  summary.lobes = full_severity(
      "five lobes", {"right upper", "right middle", "right lower", "left upper", "left lower"});
  for (int i = 0; i < 5; ++i) summary.warnings.push_back("a: " + std::string(200, 'w'));
  return summary;
}

}  // namespace groundglass
