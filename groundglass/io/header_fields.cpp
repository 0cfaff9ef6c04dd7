#include "groundglass/io/header_fields.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMostHeaderBytes = 1 << 20;

enum class Wanted { any, not_zero, above_0, whole, whole_above_0 };

bool is_wanted(Wanted wanted, double value) {
  const bool whole = value == std::floor(value);
  switch (wanted) {
    case Wanted::any:
      return true;
    case Wanted::not_zero:
      return value != 0;
    case Wanted::above_0:
      return value > 0;
    case Wanted::whole:
      return whole;
    case Wanted::whole_above_0:
      return whole && value > 0;
  }
  return false;
}

std::string wanted_text(Wanted wanted, size_t count) {
  const std::string number = count == 1 ? "number" : "numbers";
  const std::string many = count == 0 ? "" : count == 1 ? "a " : std::to_string(count) + " ";
  switch (wanted) {
    case Wanted::any:
      return many + number;
    case Wanted::not_zero:
      return many + number + " other than 0";
    case Wanted::above_0:
      return many + number + " above 0";
    case Wanted::whole:
      return many + "whole " + number;
    case Wanted::whole_above_0:
      return many + "whole " + number + " above 0";
  }
  return number;
}

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
}

std::vector<std::string> words_in(const std::string& text) {
  std::vector<std::string> words;
  for (auto& word : split_text(text, ' ')) {
    for (auto& piece : split_text(word, '\t')) {
      if (!piece.empty()) words.push_back(piece);
    }
  }
  return words;
}

/// Fit to stand in a message.
std::string shown(const std::string& value) {
  std::string text = value.substr(0, 80);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return in_quotes(text);
}

class FieldCheck {
 public:
  FieldCheck(const fs::path& path, const HeaderFields& fields) : path_(path), fields_(fields) {}

  /// `count` numbers, any number of them for 0. A field that is not there is right.
  void numbers(const std::string& name, Wanted wanted, size_t count) const {
    const auto field = fields_.find(name);
    if (field == fields_.end()) return;
    const auto words = words_in(field->second);
    bool sound = !words.empty() && (count == 0 || words.size() == count);
    for (const auto& word : words) sound = sound && is_number(word, wanted);
    if (!sound) wrong(name, field->second, wanted_text(wanted, count));
  }

  /// Numbers for each axis, where those that are no axis of space may be "nan".
  void spacings(const std::string& name, size_t count) const {
    const auto field = fields_.find(name);
    if (field == fields_.end()) return;
    const auto words = words_in(field->second);
    bool sound = count == 0 || words.size() == count;
    for (const auto& word : words) {
      sound = sound && (lower(word) == "nan" || is_number(word, Wanted::above_0));
    }
    if (!sound) wrong(name, field->second, wanted_text(Wanted::above_0, count));
  }

  /// "(1,0,0) (0,1,0) none".
  void vectors(const std::string& name, size_t dimensions) const {
    const auto field = fields_.find(name);
    if (field == fields_.end()) return;
    bool sound = true;
    std::string text = field->second;
    text.erase(
        std::remove_if(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t'; }),
        text.end());
    size_t at = 0;
    while (sound && at < text.size()) {
      if (text.compare(at, 4, "none") == 0) {
        at += 4;
        continue;
      }
      const size_t end = text.find(')', at);
      sound = text[at] == '(' && end != std::string::npos;
      if (!sound) break;
      const auto pieces = split_text(text.substr(at + 1, end - at - 1), ',');
      sound = pieces.size() == dimensions;
      for (const auto& piece : pieces) sound = sound && is_number(piece, Wanted::any);
      at = end + 1;
    }
    if (!sound) {
      wrong(name, field->second,
            "vectors of " + std::to_string(dimensions) + " numbers, as (1,0,0)");
    }
  }

  [[noreturn]] void wrong(const std::string& name, const std::string& value,
                          const std::string& expected) const {
    refuse(path_, "its header says " + name + " " + shown(value) + ", expected " + expected);
  }

 private:
  static bool is_number(const std::string& word, Wanted wanted) {
    const auto value = number_in(word);
    return value && is_wanted(wanted, *value);
  }

  const fs::path& path_;
  const HeaderFields& fields_;
};

/// Calls `take` with each line of the header until it returns false.
template <class Take>
void each_line(const fs::path& path, Take take) {
  std::ifstream in(path, std::ios::binary);
  std::string line;
  size_t bytes = 0;
  while (bytes < kMostHeaderBytes && std::getline(in, line)) {
    bytes += line.size() + 1;
    if (!take(line)) return;
  }
}

/// Adds a field of the file. A second one of that name says either the same or something else, and
/// nobody can tell which is meant.
void add_field(const fs::path& path, HeaderFields& fields, const std::string& name,
               const std::string& value) {
  const auto [field, fresh] = fields.emplace(name, value);
  const std::set<std::string> said_often = {"Comment", "comment", "content", "number"};
  if (fresh || field->second == value || said_often.count(name) > 0) return;
  refuse(path, "its header says " + name + " twice, " + shown(field->second) + " and " +
                   shown(value) + ", expected it once");
}

/// Fields of several names for one thing have to agree.
void check_agree(const fs::path& path, const HeaderFields& fields,
                 const std::vector<std::string>& names) {
  const std::string* first = nullptr;
  for (const auto& name : names) {
    if (fields.count(name) == 0) continue;
    if (first == nullptr) first = &name;
    if (words_in(fields.at(*first)) == words_in(fields.at(name))) continue;
    refuse(path, "its header says " + *first + " " + shown(fields.at(*first)) + " and " + name +
                     " " + shown(fields.at(name)) + ", which mean the same; expected one of them");
  }
}

const std::set<std::string> kMillimetres = {
    "mm", "millimeter", "millimeters", "millimetre", "millimetres", "", "none", "?", "???"};

size_t axes_in(const HeaderFields& fields, const std::string& name) {
  const auto value = number_in(field_of(fields, name));
  return value && *value >= 1 && *value <= 16 ? static_cast<size_t>(*value) : 0;
}

}  // namespace

std::string field_of(const HeaderFields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? "" : found->second;
}

HeaderFields checked_metaimage_fields(const fs::path& path) {
  HeaderFields fields;
  each_line(path, [&](const std::string& line) {
    const size_t mark = line.find_first_of("=:");
    if (mark == std::string::npos) return true;
    const std::string name = trimmed(line.substr(0, mark));
    add_field(path, fields, name, trimmed(line.substr(mark + 1)));
    return name != "ElementDataFile";
  });
  const FieldCheck check(path, fields);
  check.numbers("NDims", Wanted::whole_above_0, 1);
  const size_t axes = axes_in(fields, "NDims");
  check.numbers("DimSize", Wanted::whole_above_0, axes);
  for (const char* name : {"ElementSpacing", "ElementSize"}) {
    check.numbers(name, Wanted::above_0, axes);
  }
  for (const char* name : {"Offset", "Origin", "Position", "CenterOfRotation"}) {
    check.numbers(name, Wanted::any, axes);
  }
  for (const char* name : {"TransformMatrix", "Rotation", "Orientation"}) {
    check.numbers(name, Wanted::any, axes * axes);
  }
  for (const char* name : {"HeaderSize", "CompressedDataSize"}) {
    check.numbers(name, Wanted::whole, 1);
  }
  check.numbers("ElementNumberOfChannels", Wanted::whole_above_0, 1);
  check.numbers("ElementToIntensityFunctionSlope", Wanted::not_zero, 1);
  check.numbers("ElementToIntensityFunctionOffset", Wanted::any, 1);
  check_agree(path, fields, {"TransformMatrix", "Rotation", "Orientation"});
  check_agree(path, fields, {"Offset", "Origin", "Position"});
  const std::string unit = field_of(fields, "DistanceUnits");
  if (kMillimetres.count(lower(unit)) == 0) {
    check.wrong("DistanceUnits", unit, "mm; store the grid in millimetres");
  }
  return fields;
}

HeaderFields checked_nrrd_fields(const fs::path& path) {
  HeaderFields fields;
  each_line(path, [&](const std::string& line) {
    const std::string text = trimmed(line);
    if (text.empty()) return false;
    const size_t mark = text.find(':');
    if (text.front() == '#' || mark == std::string::npos || text.compare(mark, 2, ":=") == 0) {
      return true;
    }
    const std::string name = lower(trimmed(text.substr(0, mark)));
    add_field(path, fields, name, trimmed(text.substr(mark + 1)));
    return name != "data file" && name != "datafile";
  });
  const FieldCheck check(path, fields);
  check.numbers("dimension", Wanted::whole_above_0, 1);
  const size_t axes = axes_in(fields, "dimension");
  check.numbers("sizes", Wanted::whole_above_0, axes);
  check.spacings("spacings", axes);
  check.spacings("thicknesses", axes);
  check.numbers("space dimension", Wanted::whole_above_0, 1);
  const size_t space = std::max<size_t>(axes_in(fields, "space dimension"), 0);
  const size_t dimensions = space == 0 ? 3 : space;
  check.vectors("space directions", dimensions);
  check.vectors("space origin", dimensions);
  for (const char* name : {"byte skip", "byteskip", "line skip", "lineskip"}) {
    check.numbers(name, Wanted::whole, 1);
  }
  for (const char* name : {"units", "space units"}) {
    for (const auto& word : split_text(field_of(fields, name), '"')) {
      if (kMillimetres.count(lower(trimmed(word))) == 0) {
        check.wrong(name, field_of(fields, name), "mm; store the grid in millimetres");
      }
    }
  }
  return fields;
}

}  // namespace groundglass
