#include "groundglass/data/dataset.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/core/text.h"
#include "groundglass/data/problems.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

const std::array<const char*, 3> kMaskColumns = {"infection", "mask", "lung"};

const std::array<const char*, 9> kOtherColumns = {"image", "patient", "domain", "case", "z",
                                                  "label", "id",      "split",  "age"};

/// A word that is another one with a typing mistake or an ending.
bool nearly(const std::string& word, const std::string& known) {
  const size_t mistakes = known.size() > 5 ? 2 : 1;
  return word != known && edit_distance(word, known) <= mistakes;
}

/// A column that only a typing mistake keeps from being the mask column would be passed over: its
/// masks would count as empty, or another column would be taken for it.
void check_mistyped(const CsvTable& table, const fs::path& source, size_t used) {
  for (size_t k = 0; k < used; ++k) {
    for (const auto& column : table.header) {
      const std::string word = lower(column);
      const bool other =
          std::find(kOtherColumns.begin(), kOtherColumns.end(), word) != kOtherColumns.end();
      if (other || !nearly(word, kMaskColumns[k])) continue;
      fail(ErrorKind::data, source.string() + ":1: column " + in_quotes(column) +
                                " is not known; did you mean " + in_quotes(kMaskColumns[k]) +
                                "? If it holds the masks, name it as data.mask; else rename it");
    }
  }
}

/// Columns that sound like masks.
std::vector<std::string> mask_like(const std::vector<std::string>& header) {
  std::vector<std::string> found;
  for (const auto& column : header) {
    const std::string word = lower(column);
    const std::array<const char*, 8> parts = {"mask",  "infect", "lesion", "segm",
                                              "annot", "truth",  "lung",   "ggo"};
    if (std::any_of(parts.begin(), parts.end(),
                    [&](const char* part) { return word.find(part) != std::string::npos; })) {
      found.push_back(column);
    }
  }
  return found;
}

/// Column of the masks: the one asked for, or the first usual one that is there.
int mask_column(const CsvTable& table, const fs::path& source, const DatasetOptions& options) {
  if (!options.mask.empty()) {
    const int column = table.column(options.mask);
    if (column < 0) {
      fail(ErrorKind::data, source.string() + ": has no column " + in_quotes(options.mask) +
                                did_you_mean(options.mask, table.header));
    }
    return column;
  }
  size_t used = 0;
  while (used < kMaskColumns.size() && table.column(kMaskColumns[used]) < 0) ++used;
  check_mistyped(table, source, used);
  return used < kMaskColumns.size() ? table.column(kMaskColumns[used]) : -1;
}

/// Without blanks around it, unless a file has them in its name.
std::string tidy(const std::string& cell, const fs::path& folder) {
  const std::string text = without_blanks(cell);
  return !text.empty() && text != cell && fs::exists(folder / cell) ? cell : text;
}

/// The known mask column that a name means, else the name itself.
std::string usual_name(const std::string& column) {
  for (const char* name : kMaskColumns) {
    if (lower(column) == name) return name;
  }
  return column;
}

/// True if the table's first line names the column to the letter.
bool stands_in_header(const fs::path& source, const std::string& column) {
  std::ifstream in(source);
  std::string line;
  std::getline(in, line);
  line.resize(std::min(line.size(), line.find('\r')));
  if (line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
  for (auto& word : split_text(line, ',')) {
    word.erase(std::remove(word.begin(), word.end(), '"'), word.end());
    if (word == column) return true;
  }
  return false;
}

/// Columns that are passed over, though a typing mistake may be all that keeps them from being one
/// of those that count.
std::vector<std::string> mistyped_others(const CsvTable& table, const fs::path& source) {
  std::vector<std::string> warnings;
  for (const char* known : {"patient", "domain", "case", "label"}) {
    if (table.column(known) >= 0) continue;
    for (const auto& column : table.header) {
      const std::string word = lower(column);
      const bool other =
          std::find(kOtherColumns.begin(), kOtherColumns.end(), word) != kOtherColumns.end() ||
          std::find(kMaskColumns.begin(), kMaskColumns.end(), word) != kMaskColumns.end();
      if (other || word.size() < 4 || !nearly(word, known)) continue;
      warnings.push_back(source.string() + ":1: column " + in_quotes(column) +
                         " is passed over; if it means " + in_quotes(known) + ", call it so");
    }
  }
  return warnings;
}

Dataset read_table(const fs::path& source, const DatasetOptions& options) {
  const CsvTable table = read_csv(source);
  const int image = table.column("image");
  if (image < 0) {
    fail(ErrorKind::data,
         source.string() + ":1: no column 'image'; the header is " + joined(table.header, ","));
  }
  Dataset out{source, DatasetLayout::table, "", {}, {}};
  const int mask = mask_column(table, source, options);
  if (mask >= 0) out.mask_column = table.header[static_cast<size_t>(mask)];
  if (mask >= 0 && !stands_in_header(source, usual_name(out.mask_column))) {
    out.warnings.push_back(source.string() + ": column " + in_quotes(out.mask_column) +
                           " is taken for the masks, though blanks or capitals in its name differ");
  }
  const int lungs = options.lungs.empty() ? -1 : table.column(options.lungs);
  if (!options.lungs.empty() && lungs < 0) {
    fail(ErrorKind::data, source.string() + ": has no column " + in_quotes(options.lungs) +
                              " with the lungs that [preprocess] lungs_from = \"column\" means" +
                              did_you_mean(options.lungs, table.header));
  }
  const fs::path folder = source.parent_path();
  Problems problems;
  std::map<std::string, int64_t> first_line;
  for (const auto& row : table.rows) {
    const auto cell = [&](int column) {
      return column < 0 ? std::string() : tidy(row.cells[static_cast<size_t>(column)], folder);
    };
    const std::string where = source.string() + ":" + std::to_string(row.line) + ": ";
    if (cell(image).empty()) {
      problems.add(where + "the image column is empty");
      continue;
    }
    // one file, however it is written
    const std::string file = fs::absolute(folder / cell(image)).lexically_normal().string();
    const auto [earlier, fresh] = first_line.emplace(file, row.line);
    if (!fresh) {
      problems.add(where + in_quotes(cell(image)) + " is listed already on line " +
                   std::to_string(earlier->second));
      continue;
    }
    DataRow r;
    r.id = without_ending(cell(image));
    r.case_id = cell(table.column("case"));
    r.patient = cell(table.column("patient"));
    r.domain = cell(table.column("domain"));
    r.label = cell(table.column("label"));
    r.image = folder / cell(image);
    if (r.case_id.empty()) r.case_id = r.id;
    if (r.patient.empty()) r.patient = r.case_id;
    if (!cell(mask).empty()) r.mask = folder / cell(mask);
    if (!cell(lungs).empty()) r.lungs = folder / cell(lungs);
    if (lungs >= 0 && (r.lungs.empty() || !fs::exists(r.lungs))) {
      problems.add(where + (r.lungs.empty() ? "the column " + in_quotes(options.lungs) + " is empty"
                                            : r.lungs.string() + ": no such file"));
    }
    if (!fs::exists(r.image)) problems.add(where + r.image.string() + ": no such file");
    if (!r.mask.empty() && !fs::exists(r.mask)) {
      problems.add(where + r.mask.string() + ": no such file");
    }
    out.rows.push_back(std::move(r));
  }
  problems.refuse(source.string());
  for (auto& text : mistyped_others(table, source)) out.warnings.push_back(std::move(text));
  if (table.column("patient") < 0) {
    out.warnings.push_back(source.string() + ": has no column 'patient'; " +
                           (table.column("case") < 0 ? "every image" : "every case") +
                           " counts as a patient of its own, so splits may leak");
  }
  return out;
}

/// What cannot be looked at is a problem: a set without it would be another one.
std::vector<fs::path> files_in(const fs::path& folder, Problems& problems) {
  FolderWalk walk = files_of_folder(folder);
  for (const auto& line : walk.left_out) problems.add(line);
  return std::move(walk.files);
}

Dataset read_nnunet(const fs::path& source) {
  const fs::path description = source / "dataset.json";
  const json document = json::parse(read_file(description), nullptr, false);
  if (!document.is_object()) fail(ErrorKind::data, description.string() + ": is no JSON object");
  const json channels = document.value("channel_names", document.value("modality", json::object()));
  if (channels.size() > 1) {
    fail(ErrorKind::data, description.string() + ": names " + std::to_string(channels.size()) +
                              " channels, expected one image per case");
  }
  const std::string ending = document.value("file_ending", std::string(".nii.gz"));
  Dataset out{source, DatasetLayout::nnunet, "labelsTr", {}, {}};
  Problems problems;
  std::set<fs::path> used;
  for (const auto& image : files_in(source / "imagesTr", problems)) {
    const std::string name = image.filename().string();
    const std::string tail = "_0000" + ending;
    if (!ends_with(name, tail)) {
      problems.add(image.string() + ": the name does not end in " + tail);
      continue;
    }
    DataRow r;
    r.id = r.case_id = r.patient = name.substr(0, name.size() - tail.size());
    r.image = image;
    r.mask = source / "labelsTr" / (r.id + ending);
    if (!fs::exists(r.mask)) problems.add(r.mask.string() + ": no such file, expected for " + name);
    used.insert(r.mask);
    out.rows.push_back(std::move(r));
  }
  if (fs::is_directory(source / "labelsTr")) {
    for (const auto& mask : files_in(source / "labelsTr", problems)) {
      if (used.count(mask) == 0) problems.add(mask.string() + ": has no image in imagesTr");
    }
  }
  problems.refuse(source.string());
  return out;
}

/// The folder beside `masks` that holds the images, or nothing.
fs::path image_folder(const fs::path& source) {
  for (const char* name : {"frames", "images"}) {
    std::error_code code;
    if (fs::is_directory(source / name, code)) return source / name;
  }
  return {};
}

Dataset read_paired(const fs::path& source) {
  Dataset out{source, DatasetLayout::paired_folders, "masks", {}, {}};
  Problems problems;
  std::map<std::string, fs::path> masks;
  for (const auto& mask : files_in(source / "masks", problems)) {
    std::string stem = without_ending(mask.filename());
    if (ends_with(stem, "_mask")) stem.resize(stem.size() - 5);
    if (!masks.emplace(stem, mask).second) {
      problems.add(mask.string() + ": a second mask for " + in_quotes(stem));
    }
  }
  for (const auto& image : files_in(image_folder(source), problems)) {
    DataRow r;
    r.id = r.case_id = r.patient = without_ending(image.filename());
    r.image = image;
    const auto mask = masks.find(r.id);
    if (mask == masks.end()) {
      problems.add(image.string() + ": has no partner in masks");
      continue;
    }
    r.mask = mask->second;
    masks.erase(mask);
    out.rows.push_back(std::move(r));
  }
  for (const auto& [stem, mask] : masks) problems.add(mask.string() + ": has no image");
  problems.refuse(source.string());
  out.warnings.push_back(source.string() + ": names no patients; every image counts as a patient " +
                         "of its own, so splits may leak");
  return out;
}

bool is_nnunet(const fs::path& source) {
  return is_there(source / "dataset.json") && fs::is_directory(source / "imagesTr");
}

bool is_paired(const fs::path& source) {
  return !image_folder(source).empty() && fs::is_directory(source / "masks");
}

}  // namespace

std::string without_ending(const fs::path& path) {
  std::string text = path.generic_string();
  if (ends_with(text, ".gz")) text.resize(text.size() - 3);
  const size_t dot = text.rfind('.'), slash = text.rfind('/');
  if (dot != std::string::npos && (slash == std::string::npos || dot > slash + 1)) text.resize(dot);
  return text;
}

bool is_dataset(const fs::path& source) {
  if (fs::is_directory(source)) return is_nnunet(source) || is_paired(source);
  return ends_with(source.string(), ".csv");
}

Dataset read_dataset(const fs::path& source, const DatasetOptions& options) {
  if (!fs::exists(source)) fail(ErrorKind::data, source.string() + ": no such file or folder");
  Dataset out;
  if (fs::is_directory(source) && !options.lungs.empty()) {
    fail(ErrorKind::data, source.string() +
                              ": is a folder, and [preprocess] lungs_from = "
                              "\"column\" expects a CSV table with the column " +
                              in_quotes(options.lungs));
  }
  if (fs::is_directory(source)) {
    if (is_nnunet(source)) {
      out = read_nnunet(source);
    } else if (is_paired(source)) {
      out = read_paired(source);
    } else {
      fail(ErrorKind::data, source.string() +
                                ": is no data set; expected a CSV table, a folder with "
                                "dataset.json and imagesTr, or one with images and masks");
    }
  } else {
    out = read_table(source, options);
  }
  if (out.rows.empty()) fail(ErrorKind::data, source.string() + ": lists no images");
  return out;
}

void require_masks(const Dataset& dataset) {
  const auto& rows = dataset.rows;
  if (std::any_of(rows.begin(), rows.end(), [](const auto& row) { return !row.mask.empty(); })) {
    return;
  }
  const std::string where = dataset.source.string() + ": ";
  if (!dataset.mask_column.empty()) {
    fail(ErrorKind::data, where + "none of " + std::to_string(rows.size()) +
                              " images has a mask in column " + in_quotes(dataset.mask_column) +
                              "; expected the masks' files, relative to the table");
  }
  const auto alike = mask_like(read_csv(dataset.source).header);
  fail(
      ErrorKind::data,
      where + "has no column with masks, expected infection, mask or lung" +
          (alike.empty() ? ", or another one that data.mask names"
                         : "; if " + in_quotes(alike.front()) +
                               " holds them, call it so or give --set data.mask=" + alike.front()));
}

}  // namespace groundglass
