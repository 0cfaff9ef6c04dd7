#include "groundglass/io/dicom_checks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <tuple>
#include <utility>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

constexpr double kSamePosition_mm = 0.01;
constexpr double kUnevenGap = 0.1;       ///< of the usual gap
constexpr double kSameDirection = 1e-3;  ///< cosines
constexpr size_t kMostLines = 10;
constexpr std::string_view kSecondaryCapture = "1.2.840.10008.5.1.4.1.1.7";

/// Images of other machines, whatever Modality says.
constexpr std::array<std::pair<std::string_view, const char*>, 6> kOtherModalities = {
    {{"1.2.840.10008.5.1.4.1.1.4", "MR"},
     {"1.2.840.10008.5.1.4.1.1.128", "PET"},
     {"1.2.840.10008.5.1.4.1.1.130", "PET"},
     {"1.2.840.10008.5.1.4.1.1.20", "NM"},
     {"1.2.840.10008.5.1.4.1.1.6", "ultrasound"},
     {"1.2.840.10008.5.1.4.1.1.3", "ultrasound"}}};

/// A class or one below it: "...4.1" is below "...4", and "...481" is not.
bool is_of_class(std::string_view sop_class, std::string_view parent) {
  return sop_class.starts_with(parent) &&
         (sop_class.size() == parent.size() || sop_class[parent.size()] == '.');
}

/// RescaleType of maps that a CT makes and that hold no HU (PS3.3, C.11.1.1.2); nothing for "HU",
/// "HU_MOD", "US" (not specified) and what the standard does not know.
const char* what_is_measured(const std::string& rescale_type) {
  constexpr std::array<std::pair<std::string_view, const char*>, 6> kOthers = {
      {{"Z_EFF", "effective atomic numbers"},
       {"ED", "electron densities"},
       {"EDW", "electron densities"},
       {"MGML", "mg/ml of a material"},
       {"PCT", "percent"},
       {"OD", "optical densities"}}};
  const auto found = std::find_if(kOthers.begin(), kOthers.end(),
                                  [&](const auto& other) { return other.first == rescale_type; });
  return found == kOthers.end() ? nullptr : found->second;
}

/// Enhanced CT and what was converted to its form: position and scale stand with each frame.
bool is_enhanced_ct(std::string_view sop_class) {
  return sop_class == "1.2.840.10008.5.1.4.1.1.2.1" || sop_class == "1.2.840.10008.5.1.4.1.1.2.2";
}

std::string name_of(const DicomSlice& s) {
  return s.path.filename().string();
}

/// The end of a UID tells series apart; its beginning names the maker of the scanner.
std::string short_uid(const std::string& uid) {
  if (uid.empty()) return "without UID";
  return uid.size() <= 16 ? uid : "..." + uid.substr(uid.size() - 12);
}

/// True for two directions of length one that are not parallel, give or take rounding.
bool span_a_plane(const std::array<double, 6>& c) {
  const double row = std::hypot(c[0], c[1], c[2]), column = std::hypot(c[3], c[4], c[5]);
  const double across = c[0] * c[3] + c[1] * c[4] + c[2] * c[5];
  return std::abs(row - 1) < 0.1 && std::abs(column - 1) < 0.1 && std::abs(across) < 0.5;
}

/// Modalities of single X-ray pictures.
bool is_projection(const std::string& modality) {
  const std::array<const char*, 4> all = {"CR", "DX", "RG", "RF"};
  return std::any_of(all.begin(), all.end(), [&](auto* m) { return modality == m; });
}

/// The first reason why an object is no CT slice, or "".
std::string why_no_ct_slice(const DicomSlice& s) {
  std::string why = why_other_image(s);
  if (why.empty() && (s.frames != 1 || is_enhanced_ct(s.sop_class))) {
    why =
        "several frames in one file (enhanced CT), expected one slice per file; split it, e.g. "
        "with dcm4che's emf2sf";
  }
  return why;
}

std::vector<std::string> what_lacks(const DicomSlice& s) {
  std::vector<std::string> lacks = s.faults;
  const auto said = [&](std::string_view field) {
    return std::any_of(s.faults.begin(), s.faults.end(),
                       [&](const auto& fault) { return fault.starts_with(field); });
  };
  if (s.samples != 1) lacks.push_back("coloured pixels, expected one number per pixel");
  if (s.samples == 1 && !s.photometric.empty() && !s.photometric.starts_with("MONOCHROME")) {
    lacks.push_back("PhotometricInterpretation is " + s.photometric +
                    ", whose numbers are no gray values, expected MONOCHROME2");
  }
  if (s.rows < 1 || s.columns < 1) lacks.push_back("no Rows or Columns");
  if (const char* other = what_is_measured(s.rescale_type)) {
    lacks.push_back("RescaleType is " + s.rescale_type + " (" + other + "), expected HU");
  }
  if (s.lookup_table) lacks.push_back("a modality lookup table, expected slope and intercept");
  if (!s.position_mm && !said("ImagePosition")) lacks.push_back("no ImagePositionPatient");
  if ((!s.cosines || !span_a_plane(*s.cosines)) && !said("ImageOrientation")) {
    lacks.push_back("no ImageOrientationPatient, or one that spans no plane");
  }
  if (!s.spacing_mm && !said("PixelSpacing")) lacks.push_back("no PixelSpacing");
  return lacks;
}

template <size_t N>
bool close(const std::array<double, N>& a, const std::array<double, N>& b, double tolerance) {
  for (size_t i = 0; i < N; ++i) {
    if (!(std::abs(a[i] - b[i]) <= tolerance)) return false;
  }
  return true;
}

std::string size_text(const DicomSlice& s) {
  return std::to_string(s.rows) + " x " + std::to_string(s.columns);
}

double median_gap(const std::vector<double>& heights) {
  std::vector<double> gaps;
  for (size_t i = 1; i < heights.size(); ++i) {
    if (heights[i] - heights[i - 1] > kSamePosition_mm) gaps.push_back(heights[i] - heights[i - 1]);
  }
  if (gaps.empty()) return 0;
  const auto middle = gaps.begin() + static_cast<std::ptrdiff_t>((gaps.size() - 1) / 2);
  std::nth_element(gaps.begin(), middle, gaps.end());
  return *middle;
}

std::string place(const DicomSlice& s, double height_mm) {
  return name_of(s) + " (at " + fixed(height_mm, 2) + " mm)";
}

}  // namespace

std::string why_other_image(const DicomSlice& s) {
  if (is_projection(s.modality)) {
    return "Modality is " + s.modality +
           ", an X-ray picture, expected CT; name the X-ray's file itself";
  }
  if (!s.modality.empty() && s.modality != "CT") {
    return "Modality is " + s.modality + ", which has no HU; expected CT";
  }
  for (const auto& [sop_class, name] : kOtherModalities) {
    if (!is_of_class(s.sop_class, sop_class)) continue;
    return "its SOP class is that of " + std::string(name) +
           " images, which have no HU, though its Modality is " +
           (s.modality.empty() ? "missing" : s.modality) + "; expected CT";
  }
  if (s.sop_class.starts_with(kSecondaryCapture)) {
    return "a secondary capture (a picture of a screen), expected CT slices";
  }
  if (s.image_kind == "LOCALIZER") return "a localizer (scout view), expected CT slices";
  return "";
}

std::string files_text(std::vector<std::string> names) {
  const std::string count =
      std::to_string(names.size()) + (names.size() == 1 ? " file: " : " files: ");
  const bool more = names.size() > 5;
  names.resize(std::min<size_t>(names.size(), 5));
  return count + (more ? joined(names, ", ") + ", ..." : listed(names));
}

void SeriesProblems::refuse(const std::filesystem::path& where) const {
  std::vector<std::string> all = lines_;
  for (const auto& [kind, names] : files_) all.push_back(kind + " (" + files_text(names) + ")");
  if (all.empty()) return;
  if (all.size() == 1) {
    fail(ErrorKind::data,
         where.string() + ": " + all.front() + (note_.empty() ? "" : "; " + note_));
  }
  std::string text = where.string() + ": " + std::to_string(all.size()) + " problems";
  const size_t shown = std::min(all.size(), kMostLines);
  for (size_t i = 0; i < shown; ++i) text += "\n  " + all[i];
  if (shown < all.size()) text += "\n  and " + std::to_string(all.size() - shown) + " more";
  fail(ErrorKind::data, text + (note_.empty() ? "" : "\n  " + note_));
}

bool is_one_series(const std::vector<DicomSlice>& slices, SeriesProblems& problems) {
  std::map<std::string, std::vector<const DicomSlice*>> series;
  for (const auto& s : slices) series[s.series_uid].push_back(&s);
  if (series.size() == 1) return true;
  std::vector<std::string> words;
  for (const auto& [uid, members] : series) {
    const std::string& about = members.front()->series_description;
    words.push_back(short_uid(uid) + (about.empty() ? "" : " " + in_quotes(about)) + " with " +
                    std::to_string(members.size()) + (members.size() == 1 ? " slice" : " slices"));
  }
  problems.add("holds " + std::to_string(series.size()) + " series (" + joined(words, "; ") +
               "), expected one; give a folder with the files of one series");
  return false;
}

std::vector<DicomSlice> sound_slices(const std::vector<DicomSlice>& slices,
                                     SeriesProblems& problems) {
  std::vector<DicomSlice> sound;
  for (const auto& s : slices) {
    const std::string other = why_no_ct_slice(s);
    const auto lacks = other.empty() ? what_lacks(s) : std::vector<std::string>{other};
    for (const auto& reason : lacks) problems.add(reason, s);
    if (lacks.empty()) sound.push_back(s);
  }
  return sound;
}

void check_alike(const std::vector<DicomSlice>& slices, SeriesProblems& problems) {
  const DicomSlice& first = slices.front();
  const std::string than = " than " + name_of(first);
  for (const auto& s : slices) {
    if (s.rows != first.rows || s.columns != first.columns) {
      problems.add("another size (" + size_text(s) + ")" + than + " (" + size_text(first) + ")", s);
    }
    if (!close(*s.spacing_mm, *first.spacing_mm, 1e-3 * (*first.spacing_mm)[0])) {
      problems.add("another pixel spacing" + than, s);
    }
    if (!close(*s.cosines, *first.cosines, kSameDirection)) {
      problems.add("another orientation" + than, s);
    }
    for (const auto& [name, value, usual] :
         {std::tuple("RescaleSlope", s.slope, first.slope),
          std::tuple("RescaleIntercept", s.intercept, first.intercept)}) {
      if (value.has_value() == usual.has_value()) continue;
      problems.add(std::string(value ? "a " : "no ") + name + ", other" + than, s);
    }
  }
}

void check_doubles(const std::vector<DicomSlice>& sorted, const std::vector<double>& heights_mm,
                   SeriesProblems& problems) {
  for (size_t i = 1; i < sorted.size(); ++i) {
    if (heights_mm[i] - heights_mm[i - 1] > kSamePosition_mm) continue;
    problems.add("two slices at one position: " + place(sorted[i - 1], heights_mm[i - 1]) +
                 " and " + place(sorted[i], heights_mm[i]));
  }
}

void check_gaps(const std::vector<DicomSlice>& sorted, const std::vector<double>& heights_mm,
                SeriesProblems& problems) {
  const double usual = median_gap(heights_mm);
  for (size_t i = 1; i < sorted.size(); ++i) {
    const double gap = heights_mm[i] - heights_mm[i - 1];
    const auto missing = std::llround(gap / usual) - 1;
    const double rest = gap - usual * static_cast<double>(missing + 1);
    const std::string where = " between " + place(sorted[i - 1], heights_mm[i - 1]) + " and " +
                              place(sorted[i], heights_mm[i]) + ": " + fixed(gap, 2) +
                              " mm, expected " + fixed(usual, 2) + " mm";
    if (std::abs(gap - usual) <= kUnevenGap * usual) continue;
    if (missing > 0 && std::abs(rest) <= kUnevenGap * usual) {
      problems.add(std::to_string(missing) +
                   (missing == 1 ? " slice is missing" : " slices are missing") + where);
    } else {
      problems.add("uneven distance" + where);
    }
  }
}

}  // namespace groundglass
