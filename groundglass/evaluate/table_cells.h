#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/core/text.h"
#include "groundglass/metrics/bootstrap.h"

// How numbers stand in the cells of Markdown tables and in JSON.

namespace groundglass {

/// "0.7431", or "n/a" where there is no value.
inline std::string cell(const std::optional<double>& value, int digits = 4) {
  return value ? fixed(*value, digits) : "n/a";
}

/// "0.701 to 0.772", or "n/a".
inline std::string cell(const std::optional<Interval>& interval) {
  return interval ? fixed(interval->low, 3) + " to " + fixed(interval->high, 3) : "n/a";
}

inline std::string markdown_row(const std::vector<std::string>& cells) {
  return "| " + joined(cells, " | ") + " |\n";
}

/// The names of the columns and the line below them.
inline std::string markdown_head(const std::vector<std::string>& cells) {
  return markdown_row(cells) + markdown_row(std::vector<std::string>(cells.size(), "---"));
}

/// [low, high], or null.
inline nlohmann::ordered_json interval_json(const std::optional<Interval>& interval) {
  if (!interval) return nullptr;
  return nlohmann::ordered_json::array({interval->low, interval->high});
}

/// What stands under the name, if anything does.
template <class Value>
std::optional<Value> value_named(const std::map<std::string, Value>& values,
                                 const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace groundglass
