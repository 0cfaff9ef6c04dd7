#pragma once

#include <optional>
#include <vector>

namespace groundglass {

/// Ranks from 1; equal values share the mean of their ranks.
std::vector<double> ranks(const std::vector<double>& values);

/// Spearman's rank correlation: Pearson's of the ranks, ties shared (Spearman, Am. J. Psychol. 15
/// (1904) 72). Empty for fewer than two pairs, or where one side does not vary.
/// Throws Error(internal) if the lists differ in length.
std::optional<double> spearman(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace groundglass
