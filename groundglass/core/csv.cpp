#include "groundglass/core/csv.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

/// Bytes of the line break at `at`: one for "\n" and for the "\r" of old Macintoshes, two for
/// "\r\n", 0 where there is none.
size_t line_break(std::string_view text, size_t at) {
  if (text[at] == '\n') return 1;
  if (text[at] != '\r') return 0;
  return at + 1 < text.size() && text[at + 1] == '\n' ? 2 : 1;
}

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
    } else if (const size_t bytes = line_break(text, at); bytes > 0) {
      ++line;
      at += bytes;
      return row;
    } else {
      row.cells.back() += c;
    }
  }
  if (quoted_cell) {
    fail(ErrorKind::data, name + ":" + std::to_string(row.line) + ": a quote is never closed");
  }
  return row;
}

/// Tables of spreadsheets that are no CSV with commas are told by what they are.
void check_separators(const CsvRow& header, const std::string& name) {
  const std::string& cell = header.cells.front();
  for (const auto& [separator, word] : {std::pair(';', "semicolons"), std::pair('\t', "tabs")}) {
    if (header.cells.size() > 1 || cell.find(separator) == std::string::npos) continue;
    fail(ErrorKind::data, name + ":1: " + word +
                              " separate its cells, expected commas; save it as "
                              "CSV with commas (UTF-8)");
  }
}

}  // namespace

std::string without_blanks(const std::string& text) {
  // no-break blanks, those of no width, and the mark of byte order, which pasting brings along
  const std::array<std::string_view, 7> blanks = {
      " ", "\t", "\xc2\xa0", "\xe2\x80\x8b", "\xe2\x80\x8c", "\xe2\x80\x8d", "\xef\xbb\xbf"};
  std::string_view rest = text;
  for (bool more = true; more;) {
    more = false;
    for (const auto blank : blanks) {
      if (rest.starts_with(blank)) {
        rest.remove_prefix(blank.size());
        more = true;
      }
      if (rest.ends_with(blank)) {
        rest.remove_suffix(blank.size());
        more = true;
      }
    }
  }
  return std::string(rest);
}

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
  if (text.find('\0') != std::string_view::npos) {
    fail(ErrorKind::data, name +
                              ": holds zero bytes, as a table in UTF-16 does, expected UTF-8; "
                              "save it as CSV with commas (UTF-8)");
  }
  CsvTable table;
  int64_t line = 1;
  for (size_t at = 0; at < text.size();) {
    CsvRow row = next_record(text, at, line, name);
    if (row.cells.size() == 1 && row.cells.front().empty()) continue;
    if (table.header.empty()) {
      check_separators(row, name);
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
