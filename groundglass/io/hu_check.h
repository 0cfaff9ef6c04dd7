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
/// only asked for something below -200. More numbers below air than twice those near air are HU
/// times two or ten.
std::string why_not_hu(const std::vector<torch::Tensor>& slices);

/// What is to be said where the corners of a slice in HU, [H,W], hold one number that is not air
/// and fills 2 % of it or more: padding that no field of the file names. "" otherwise.
std::string corners_beyond_air(const std::vector<torch::Tensor>& slices);

}  // namespace groundglass
