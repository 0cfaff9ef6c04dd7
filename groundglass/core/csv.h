#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace groundglass {

/// One record of a table, with the line it began on (1 is the header's line).
struct CsvRow {
  int64_t line = 0;
  std::vector<std::string> cells;
};

/// A table with a header. Commas separate, double quotes protect (RFC 4180), a byte order mark is
/// tolerated, lines end in "\n", "\r\n" or "\r", blank lines are skipped. Blanks around the names
/// of columns are left out.
struct CsvTable {
  std::vector<std::string> header;
  std::vector<CsvRow> rows;

  /// Position of the column of this name, or else of one that differs only in upper and lower case;
  /// -1 if there is none.
  int column(std::string_view name) const;
};

/// A text without the blanks around it, also those that are not seen (no-break, zero width).
std::string without_blanks(const std::string& text);

/// Throws Error(data) naming file and line if a row is longer or shorter than the header, a quote
/// is left open, a column is named twice, cells are separated by semicolons or tabs, the text is
/// UTF-16, or the file holds no header.
CsvTable read_csv(const std::filesystem::path& path);
CsvTable parse_csv(std::string_view text, const std::string& name);

/// One line with its line break; cells are quoted where needed.
std::string csv_line(const std::vector<std::string>& cells);

}  // namespace groundglass
