#include "groundglass/io/voxel_bytes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <optional>

#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Bytes of a file behind the first `begin`; nothing if there are not so many, or no file.
std::optional<uint64_t> bytes_behind(const fs::path& file, uint64_t begin) {
  std::error_code code;
  const uint64_t size = fs::file_size(file, code);
  return code || size < begin ? std::nullopt : std::optional(size - begin);
}

/// True if it warned.
bool warn_of_surplus(const fs::path& path, std::optional<uint64_t> has, uint64_t needed,
                     std::vector<std::string>& warnings) {
  if (!has || *has <= needed) return false;
  warnings.push_back(path.string() + ": holds " + human_bytes(static_cast<double>(*has - needed)) +
                     " of voxels more than its header tells of; slices may be missing, or all may "
                     "be shifted");
  return true;
}

/// Bytes of a file up to the end of the first line that `is_last` takes; nothing without one.
template <class IsLast>
std::optional<uint64_t> bytes_to(const fs::path& path, IsLast is_last) {
  std::ifstream in(path, std::ios::binary);
  uint64_t bytes = 0;
  for (std::string line; std::getline(in, line);) {
    bytes += line.size() + 1;
    line.erase(std::min(line.size(), line.find('\r')));
    if (is_last(line)) return bytes;
  }
  return std::nullopt;
}

/// A whole number that a field holds; 0 if it is not there.
int64_t whole_of(const HeaderFields& fields, const std::string& name) {
  return static_cast<int64_t>(number_in(field_of(fields, name)).value_or(0));
}

bool is_yes(const std::string& word) {
  return !word.empty() && (lower(word)[0] == 't' || word[0] == '1');
}

bool is_data_line(const std::string& line) {
  return line.starts_with("ElementDataFile");
}

/// The words of a text, of which blanks are between.
std::vector<std::string> words_of(const std::string& text) {
  auto words = split_text(text, ' ');
  words.erase(std::remove(words.begin(), words.end(), ""), words.end());
  return words;
}

double number_at(const std::vector<std::string>& words, size_t at, double otherwise) {
  return at < words.size() ? number_in(words[at]).value_or(otherwise) : otherwise;
}

/// The files that "LIST" and its lines name, or a pattern with its first and last number; of a
/// pattern only how many they are.
struct ListedFiles {
  std::vector<fs::path> names;
  int64_t count = 0;
  int64_t expected = 0;
};

ListedFiles files_of_list(const fs::path& path, const HeaderFields& fields) {
  const auto words = words_of(field_of(fields, "ElementDataFile"));
  const auto sizes = words_of(field_of(fields, "DimSize"));
  ListedFiles files;
  if (words.empty() || sizes.empty()) return files;
  files.expected = 1;
  size_t axes_of_file = sizes.size() - 1;
  if (words[0] == "LIST") {
    const double told = number_at(words, 1, 0);
    if (told >= 1 && told <= static_cast<double>(sizes.size())) {
      axes_of_file = static_cast<size_t>(told);
    }
    std::ifstream in(path, std::ios::binary);
    bool behind = false;
    for (std::string line; std::getline(in, line);) {
      line.erase(std::min(line.size(), line.find('\r')));
      if (behind && !line.empty()) files.names.push_back(path.parent_path() / line);
      behind = behind || is_data_line(line);
    }
    files.count = static_cast<int64_t>(files.names.size());
  } else {
    const double first = number_at(words, 1, 1), step = number_at(words, 3, 1);
    const double last = number_at(words, 2, first + number_at(sizes, sizes.size() - 1, 1) - 1);
    files.count = step > 0 ? static_cast<int64_t>(std::floor((last - first) / step)) + 1 : 0;
  }
  for (size_t axis = axes_of_file; axis < sizes.size(); ++axis) {
    files.expected *= static_cast<int64_t>(number_at(sizes, axis, 1));
  }
  return files;
}

}  // namespace

uint64_t unpacked_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::array<unsigned char, 4> last{};
  in.seekg(-4, std::ios::end);
  if (!in.read(reinterpret_cast<char*>(last.data()), 4)) return 0;
  const uint64_t bytes =
      last[0] | uint64_t{last[1]} << 8 | uint64_t{last[2]} << 16 | uint64_t{last[3]} << 24;
  constexpr uint64_t kMostPacking = 1032;  // of deflate; beyond, something else stands at the end
  return bytes <= kMostPacking * static_cast<uint64_t>(in.tellg()) ? bytes : 0;
}

void check_metaimage_bytes(const fs::path& path, const HeaderFields& fields, uint64_t needed,
                           std::vector<std::string>& warnings) {
  const std::string data = field_of(fields, "ElementDataFile");
  const std::string binary = field_of(fields, "BinaryData");
  const int64_t header = whole_of(fields, "HeaderSize");
  const bool packed = is_yes(field_of(fields, "CompressedData"));
  const auto in_file = static_cast<uint64_t>(std::max<int64_t>(header, 0));
  if (data.starts_with("LIST") || data.find('%') != std::string::npos) {
    const ListedFiles files = files_of_list(path, fields);
    if (files.count != files.expected) {
      refuse(path, "its ElementDataFile names " + std::to_string(files.count) +
                       " files of slices, expected " + std::to_string(files.expected) +
                       " for DimSize " + field_of(fields, "DimSize"));
    }
    for (const auto& name : files.names) {
      const uint64_t each = needed / static_cast<uint64_t>(files.expected);
      const auto has = bytes_behind(name, in_file);
      if (!packed && header >= 0 && warn_of_surplus(name, has, each, warnings)) return;
    }
    return;
  }
  if (data.empty() || header < 0 || !(binary.empty() || is_yes(binary))) return;
  const bool local = lower(data) == "local";
  const auto begin = local && header == 0 ? bytes_to(path, is_data_line) : std::optional(in_file);
  if (!begin) return;
  const auto has = bytes_behind(local ? path : path.parent_path() / data, *begin);
  if (!packed) {
    warn_of_surplus(path, has, needed, warnings);
    return;
  }
  const int64_t told = whole_of(fields, "CompressedDataSize");
  if (has && told > 0 && static_cast<uint64_t>(told) < *has) {
    refuse(path, "its header says CompressedDataSize " + std::to_string(told) + " and " +
                     std::to_string(*has) + " bytes are there, expected all of them");
  }
}

void check_nrrd_bytes(const fs::path& path, const HeaderFields& fields, uint64_t needed,
                      std::vector<std::string>& warnings) {
  const auto either = [&](const char* one, const char* other) {
    return fields.count(one) > 0 ? one : other;
  };
  const std::string data = field_of(fields, either("data file", "datafile"));
  const std::string encoding = lower(field_of(fields, "encoding"));
  const int64_t skip = whole_of(fields, either("byte skip", "byteskip"));
  const bool several = data.starts_with("LIST") || data.find('%') != std::string::npos;
  const bool by_lines = whole_of(fields, either("line skip", "lineskip")) != 0;
  const bool packed = encoding == "gz" || encoding == "gzip";
  if (several || by_lines || skip < 0 || !(packed || encoding == "raw")) return;
  const auto skipped = static_cast<uint64_t>(skip);
  if (packed) {
    const uint64_t has = unpacked_bytes(data.empty() ? path : path.parent_path() / data);
    warn_of_surplus(path, has, needed + skipped, warnings);
    return;
  }
  const auto begin = data.empty() ? bytes_to(path, [](const auto& line) { return line.empty(); })
                                  : std::optional<uint64_t>(0);
  if (!begin) return;
  const fs::path file = data.empty() ? path : path.parent_path() / data;
  warn_of_surplus(path, bytes_behind(file, *begin + skipped), needed, warnings);
}

}  // namespace groundglass
