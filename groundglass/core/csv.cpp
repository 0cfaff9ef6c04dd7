#include "groundglass/core/csv.h"

#include <algorithm>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

/// Reads one record from `at` on; `line` counts line breaks, also those inside quotes.
CsvRow next_record(std::string_view text, size_t& at, int64_t& line, const std::string& name) {
  CsvRow row{line, {""}};
  bool quoted_cell = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted_cell) {
      if (c == '\n') ++line;
      if (c != '"') {
        row.cells.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        row.cells.back() += text[++at];
      } else {
        quoted_cell = false;
      }
    } else if (c == '"' && row.cells.back().empty()) {
      quoted_cell = true;
    } else if (c == ',') {
      row.cells.emplace_back();
    } else if (c == '\n') {
      ++line;
      ++at;
      return row;
    } else if (c != '\r') {
      row.cells.back() += c;
    }
  }
  if (quoted_cell) {
    fail(ErrorKind::data, name + ":" + std::to_string(row.line) + ": a quote is never closed");
  }
  return row;
}

std::string without_blanks(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

}  // namespace

int CsvTable::column(std::string_view name) const {
  auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end()) {
    found = std::find_if(header.begin(), header.end(),
                         [&](const auto& column) { return lower(column) == lower(name); });
  }
  return found == header.end() ? -1 : static_cast<int>(found - header.begin());
}

CsvTable parse_csv(std::string_view text, const std::string& name) {
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  CsvTable table;
  int64_t line = 1;
  for (size_t at = 0; at < text.size();) {
    CsvRow row = next_record(text, at, line, name);
    if (row.cells.size() == 1 && row.cells.front().empty()) continue;
    if (table.header.empty()) {
      for (const auto& column : row.cells) table.header.push_back(without_blanks(column));
      continue;
    }
    if (row.cells.size() != table.header.size()) {
      fail(ErrorKind::data, name + ":" + std::to_string(row.line) + ": " +
                                std::to_string(row.cells.size()) + " cells, expected " +
                                std::to_string(table.header.size()) + " as in the header");
    }
    table.rows.push_back(std::move(row));
  }
  if (table.header.empty()) fail(ErrorKind::data, name + ": is empty, expected a header line");
  std::set<std::string> seen;
  for (const auto& column : table.header) {
    if (!seen.insert(column).second) {
      fail(ErrorKind::data, name + ":1: column " + in_quotes(column) + " is named twice");
    }
  }
  return table;
}

CsvTable read_csv(const std::filesystem::path& path) {
  return parse_csv(read_file(path), path.string());
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    if (cells[i].find_first_of(",\"\n\r") == std::string::npos) {
      line += cells[i];
      continue;
    }
    line += '"';
    for (const char c : cells[i]) line += c == '"' ? std::string("\"\"") : std::string(1, c);
    line += '"';
  }
  return line + "\n";
}

}  // namespace groundglass
