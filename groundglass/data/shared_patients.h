#pragma once

#include <string>
#include <vector>

#include "groundglass/data/split.h"

namespace groundglass {

/// Names of patients that stand in training and in validation or test, sorted. A strict split holds
/// patients of one domain apart; the same name in two domains is taken for two people, who may be
/// one.
std::vector<std::string> shared_patients(const Split& split, const std::vector<PreparedRow>& rows);

}  // namespace groundglass
