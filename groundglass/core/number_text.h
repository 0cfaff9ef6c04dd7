#pragma once

#include <optional>
#include <string_view>

namespace groundglass {

/// The finite number that a text is, from its first character to its last; blanks around it are
/// allowed, and so is a plus sign. Nothing for a decimal comma, a unit, an empty text, NaN or
/// anything else that is no number. The locale changes nothing.
std::optional<double> number_in(std::string_view text);

}  // namespace groundglass
