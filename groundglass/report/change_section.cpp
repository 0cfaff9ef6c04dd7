#include "groundglass/report/change_section.h"

#include "groundglass/report/report_parts.h"

namespace groundglass {
using nlohmann::json;
namespace {

/// A number of a study before and after, and by how much it changed.
std::vector<std::string> change_row(const std::string& name, const json& numbers,
                                    const std::string& unit, const std::string& unit_of_change) {
  const auto with_unit = [](const std::string& text, const std::string& after) {
    return text == "n/a" ? text : text + after;
  };
  std::string change = with_unit(number_text(numbers["change"], 1), unit_of_change);
  if (numbers["change"].is_number() && numbers["change"].get<double>() >= 0.05) {
    change.insert(0, 1, '+');
  }
  return {name, with_unit(number_text(numbers["before"], 1), unit),
          with_unit(number_text(numbers["after"], 1), unit), change};
}

}  // namespace

void add_change(CaseReport& report, const json& change) {
  for (const auto& warning : change["warnings"]) {
    report.warnings.push_back("compared with the study before: " + warning.get<std::string>());
  }
  ReportedTable table;
  table.title = "Since the study before";
  if (change["days"].is_number()) {
    table.title += ", " + std::to_string(change["days"].get<int64_t>()) + " days ago";
  }
  table.title += ": " + change["verdict"].get<std::string>();
  table.head = {"", "before", "now", "change"};
  const bool xray = change.value("image", "ct") == "xray";
  const std::string unit = xray ? " cm2" : " ml";
  table.rows.push_back(change_row("lesion", change[xray ? "lesion_cm2" : "lesion_ml"], unit, unit));
  table.rows.push_back(change_row("lungs", change[xray ? "lung_cm2" : "lung_ml"], unit, unit));
  table.rows.push_back(
      change_row("share of the lungs", change["share_percent"], " %", " % points"));
  for (const auto& region : change["regions"]) {
    table.rows.push_back(change_row(region["region"], region["share_percent"], " %", " % points"));
  }
  table.rows.push_back(
      change_row(xray ? "points of two lungs" : "points of six zones", change["score"], "", ""));
  const json relative = change["relative_percent"];
  if (relative.is_number()) {
    const bool by_share = change.value("verdict_by", "") == "share_percent";
    table.note = (by_share ? "The share of the lungs changed by " : "The lesion changed by ") +
                 number_text(relative, 0) + " % of the first study. ";
  }
  const std::string rule = change["definitions"]["verdict"];
  table.note += "No clear change means: " + rule.substr(rule.find(": ") + 2) + ". " +
                (xray ? "Whole lungs are compared in the projection; nothing is registered."
                      : "Whole lungs and zones are compared; nothing is registered.") +
                " Before: " + change["before"].get<std::string>() + ".";
  report.tables.insert(report.tables.begin(), table);
}

}  // namespace groundglass
