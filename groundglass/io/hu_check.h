#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

namespace groundglass {

/// Why the numbers of some slices from the middle of a volume cannot be Hounsfield units, or "".
///
/// In HU a fair share lies near air (-1000) and near water (0). Values at the very bottom do not
/// count as air, since padding lies there; values far above bone give stored numbers away that
/// still lack their intercept. Fewer than 4096 numbers, or nothing but two or three values, are
/// only asked for something below -200.
std::string why_not_hu(const std::vector<torch::Tensor>& slices);

}  // namespace groundglass
