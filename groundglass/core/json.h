#pragma once

#include <optional>

#include <nlohmann/json.hpp>

namespace groundglass {

/// The number, or null where there is none: NaN is no JSON.
inline nlohmann::ordered_json optional_json(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

}  // namespace groundglass
