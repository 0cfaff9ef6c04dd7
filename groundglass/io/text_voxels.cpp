#include "groundglass/io/text_voxels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <type_traits>

#include "groundglass/core/error.h"
#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

bool says_yes(const std::string& word) {
  return !word.empty() && (lower(word)[0] == 't' || word[0] == '1');
}

const std::string& first_of(const HeaderFields& fields, const char* one, const char* other) {
  static const std::string kNothing;
  for (const char* name : {one, other}) {
    if (const auto found = fields.find(name); found != fields.end()) return found->second;
  }
  return kNothing;
}

/// Where the voxels are, as the header says.
struct TextPlace {
  std::string file;                ///< empty: behind the header
  int64_t lines = 0, bytes = 0;    ///< to be passed over
  bool bytes_from_header = false;  ///< those of the header count among them
};

TextPlace text_place(const fs::path& path, const HeaderFields& fields) {
  const auto whole = [&](const std::string& text) {
    return static_cast<int64_t>(number_in(text).value_or(0));
  };
  TextPlace place;
  if (fields.count("BinaryData") > 0) {
    if (says_yes(field_of(fields, "CompressedData"))) {
      refuse(path, "its voxels are text and packed, expected one of them");
    }
    place.file = field_of(fields, "ElementDataFile");
    place.bytes = whole(field_of(fields, "HeaderSize"));
    if (lower(place.file) == "local") {
      place.file.clear();
      place.bytes_from_header = place.bytes > 0;
    }
  } else {
    place.file = first_of(fields, "data file", "datafile");
    place.lines = whole(first_of(fields, "line skip", "lineskip"));
    place.bytes = whole(first_of(fields, "byte skip", "byteskip"));
  }
  if (place.file.starts_with("LIST") || place.file.find('%') != std::string::npos) {
    refuse(path, "its voxels are text in several files, expected one file");
  }
  if (place.lines < 0 || place.bytes < 0) {
    refuse(path, "its voxels are text and stand at the end of their file, expected the beginning");
  }
  return place;
}

/// A stream that stands before the first number.
std::ifstream opened(const fs::path& path, const HeaderFields& fields) {
  const TextPlace place = text_place(path, fields);
  const fs::path file = place.file.empty() ? path : path.parent_path() / place.file;
  std::ifstream in(file, std::ios::binary);
  if (!in) refuse(path, "its voxels are in " + in_quotes(place.file) + ", which cannot be opened");
  std::string line;
  const bool metaimage = fields.count("BinaryData") > 0;
  if (place.file.empty() && !place.bytes_from_header) {
    while (std::getline(in, line)) {
      const bool end =
          metaimage ? line.starts_with("ElementDataFile") : line.empty() || line == "\r";
      if (end) break;
    }
  }
  for (int64_t i = 0; i < place.lines; ++i) std::getline(in, line);
  in.ignore(place.bytes);
  return in;
}

/// Writes numbers of one type; false for a number that is none of it.
template <class T>
bool write_as(double number, char* to) {
  if constexpr (std::is_integral_v<T>) {
    // The largest numbers of 64 bits are no doubles: the power of two above them is not reached.
    const double below = static_cast<double>(std::numeric_limits<T>::lowest());
    const double above = std::ldexp(1.0, std::numeric_limits<T>::digits);
    if (number != std::floor(number) || number < below || number >= above) return false;
  } else if (std::abs(number) > static_cast<double>(std::numeric_limits<T>::max())) {
    return false;
  }
  const T value = static_cast<T>(number);
  std::memcpy(to, &value, sizeof value);
  return true;
}

using Put = bool (*)(double, char*);

Put put_of(StoredNumbers::Type type) {
  using Type = StoredNumbers::Type;
  switch (type) {
    case Type::int8:
      return write_as<int8_t>;
    case Type::uint8:
      return write_as<uint8_t>;
    case Type::int16:
      return write_as<int16_t>;
    case Type::uint16:
      return write_as<uint16_t>;
    case Type::int32:
      return write_as<int32_t>;
    case Type::uint32:
      return write_as<uint32_t>;
    case Type::int64:
      return write_as<int64_t>;
    case Type::uint64:
      return write_as<uint64_t>;
    case Type::float32:
      return write_as<float>;
    case Type::float64:
      break;
  }
  return write_as<double>;
}

std::string expected_of(StoredNumbers::Type type) {
  using Type = StoredNumbers::Type;
  if (type == Type::float32 || type == Type::float64) return "a number";
  const bool with_sign =
      type == Type::int8 || type == Type::int16 || type == Type::int32 || type == Type::int64;
  return std::string("a whole number of ") + std::to_string(8 * bytes_of(type)) + " bits " +
         (with_sign ? "with" : "without") + " a sign";
}

}  // namespace

bool has_text_voxels(const HeaderFields& fields) {
  const std::string binary = field_of(fields, "BinaryData");
  if (!binary.empty()) return !says_yes(binary);
  const std::string encoding = lower(field_of(fields, "encoding"));
  return encoding == "text" || encoding == "txt" || encoding == "ascii";
}

std::unique_ptr<char[]> read_text_voxels(const fs::path& path, const HeaderFields& fields,
                                         StoredNumbers::Type type, int64_t count,
                                         std::vector<std::string>& warnings) {
  constexpr size_t kShown = 40;  // characters of a word in a message
  std::ifstream in = opened(path, fields);
  const auto begin = in.tellg();
  in.seekg(0, std::ios::end);
  const auto characters = static_cast<int64_t>(in.tellg() - begin);
  in.seekg(begin);
  if (characters < 2 * count - 1) {  // before memory is asked for
    refuse(path, "is truncated: it holds " + std::to_string(std::max<int64_t>(characters, 0)) +
                     " characters of voxels as text, expected " + std::to_string(count) +
                     " numbers");
  }
  const size_t size = bytes_of(type);
  auto numbers = std::make_unique_for_overwrite<char[]>(static_cast<size_t>(count) * size);
  const Put put_number = put_of(type);
  std::string word;
  for (int64_t i = 0; i < count; ++i) {
    if (!(in >> word)) {
      refuse(path, "is truncated: it holds " + std::to_string(i) + " voxels as text, expected " +
                       std::to_string(count));
    }
    const auto number = number_in(word);
    if (number && put_number(*number, numbers.get() + static_cast<size_t>(i) * size)) continue;
    refuse(path, "voxel " + std::to_string(i + 1) + " is " + in_quotes(word.substr(0, kShown)) +
                     ", expected " + expected_of(type) + ", with blanks between the numbers");
  }
  int64_t surplus = 0;
  while (in >> word) ++surplus;
  if (surplus > 0) {
    warnings.push_back(path.string() + ": holds " + std::to_string(surplus) +
                       " numbers more than its header tells of; slices may be missing, or all may "
                       "be shifted");
  }
  return numbers;
}

}  // namespace groundglass
