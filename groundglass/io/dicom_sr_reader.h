#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace groundglass {

/// A number of a structured report.
struct StoredQuantity {
  std::string group;  ///< tracking identifier of its measurement group, "" for none
  std::string name, derivation, site;  ///< meanings; "" where the report says nothing
  double value = 0;
  std::string unit;  ///< UCUM
};

/// What a structured report of any maker says, as far as it is numbers and short remarks.
struct StoredReport {
  std::string title, template_id, maker, sop_instance;
  std::string completion, verification;
  std::vector<std::string> source_series;  ///< UIDs of the series in its evidence
  std::vector<StoredQuantity> quantities;
  std::vector<std::string> remarks;  ///< "Intended use: ..."
};

/// Reads a structured report. Throws Error(data) with path and reason if it is none or damaged.
StoredReport read_dicom_report(const std::filesystem::path& path);

}  // namespace groundglass
