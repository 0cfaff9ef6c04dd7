#include "groundglass/io/dicom_series.h"

#include <algorithm>
#include <cmath>

#include "groundglass/core/error.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_checks.h"
#include "groundglass/io/dicom_folder.h"
#include "groundglass/io/dicom_kind.h"
#include "groundglass/io/grid.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

using Point = std::array<double, 3>;

constexpr double kTiltWorthSaying_deg = 0.5;
constexpr double kShiftWorthSaying_pixels = 2;

double dot(const Point& a, const Point& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

FolderWalk files_in(const fs::path& path) {
  return fs::is_directory(path) ? files_of_folder(path) : FolderWalk{{path}, {}};
}

std::vector<DicomSlice> scan(const fs::path& path, SeriesProblems& problems,
                             std::vector<std::string>& warnings) {
  std::vector<DicomSlice> slices;
  std::vector<std::string> skipped;
  const FolderWalk walk = files_in(path);
  for (const auto& line : walk.left_out) warnings.push_back(line);
  for (const auto& file : walk.files) {
    try {
      auto slice = has_dicom_mark(file) ? read_dicom_header(file) : std::nullopt;
      if (slice) {
        slices.push_back(std::move(*slice));
      } else {
        skipped.push_back(file.filename().string());
      }
    } catch (const Error& e) {
      if (file == path) throw;
      const std::string said = e.what();  // "<folder>/<name>: ..."; the folder is said once
      problems.add(said.substr(file.string().size() - file.filename().string().size()));
    }
  }
  if (!skipped.empty()) {
    const std::string note = "skipped what is no DICOM image (" + files_text(skipped) + ")";
    problems.note(note);
    warnings.push_back(path.string() + ": " + note);
  }
  return slices;
}

[[noreturn]] void refuse_empty(const fs::path& path) {
  if (fs::is_regular_file(path) && has_dicom_mark(path)) {
    fail(ErrorKind::data, path.string() + ": " + why_no_image(path));
  }
  const auto inside =
      fs::is_directory(path) ? fs::directory_iterator(path) : fs::directory_iterator();
  const bool folders = std::any_of(begin(inside), end(inside), [](const auto& entry) {
    std::error_code code;
    return entry.is_directory(code);
  });
  fail(ErrorKind::data, path.string() + ": holds no DICOM images" +
                            (folders ? "; give the subfolder that holds one series" : ""));
}

Point normal_of(const DicomSlice& s) {
  const auto& c = *s.cosines;
  const Point cross = {c[1] * c[5] - c[2] * c[4], c[2] * c[3] - c[0] * c[5],
                       c[0] * c[4] - c[1] * c[3]};
  const double length = std::sqrt(dot(cross, cross));
  return {cross[0] / length, cross[1] / length, cross[2] / length};
}

/// Slices in order along `normal` with their heights.
std::vector<double> sort_along(const Point& normal, std::vector<DicomSlice>& slices) {
  const auto height = [&](const DicomSlice& s) { return dot(normal, *s.position_mm); };
  std::stable_sort(slices.begin(), slices.end(),
                   [&](const auto& a, const auto& b) { return height(a) < height(b); });
  std::vector<double> heights;
  for (const auto& s : slices) heights.push_back(height(s));
  return heights;
}

/// From one slice to the next: along the normal, or, with a tilted gantry, along the line on which
/// the slices lie.
Point step_between(const std::vector<DicomSlice>& slices, const Point& normal, double distance_mm,
                   std::vector<std::string>& warnings, const std::string& name) {
  const Point straight = {normal[0] * distance_mm, normal[1] * distance_mm,
                          normal[2] * distance_mm};
  const auto count = static_cast<double>(slices.size() - 1);
  if (count < 1) return straight;
  const Point &from = *slices.front().position_mm, &to = *slices.back().position_mm;
  const Point step = {(to[0] - from[0]) / count, (to[1] - from[1]) / count,
                      (to[2] - from[2]) / count};
  const double angle_deg =
      std::acos(std::min(1.0, dot(step, normal) / std::sqrt(dot(step, step)))) * 180 / M_PI;
  const bool tilted = angle_deg >= kTiltWorthSaying_deg;
  if (tilted) {
    warnings.push_back(name + ": the slices are shifted against each other by " +
                       fixed(angle_deg, 1) + " degrees (gantry tilt); their grid is sheared");
  }
  const Point& used = tilted ? step : straight;
  double farthest_mm = 0;
  for (size_t k = 0; k < slices.size(); ++k) {
    const Point& at = *slices[k].position_mm;
    Point off{};
    for (size_t i = 0; i < 3; ++i) off[i] = at[i] - from[i] - static_cast<double>(k) * used[i];
    const double along = dot(off, normal);
    farthest_mm = std::max(farthest_mm, std::sqrt(std::max(0.0, dot(off, off) - along * along)));
  }
  if (farthest_mm > kShiftWorthSaying_pixels * (*slices.front().spacing_mm)[0]) {
    warnings.push_back(name + ": slices lie up to " + fixed(farthest_mm, 1) +
                       " mm beside the straight line of the others; the mask's grid follows the "
                       "line, so it is that far off there");
  }
  return used;
}

double slice_distance(const std::vector<DicomSlice>& slices, const std::vector<double>& heights,
                      std::vector<std::string>& warnings, const std::string& name) {
  if (slices.size() > 1) {
    return (heights.back() - heights.front()) / static_cast<double>(slices.size() - 1);
  }
  const double thickness = slices.front().thickness_mm.value_or(0);
  if (thickness > 0) return thickness;
  warnings.push_back(name + ": one slice without SliceThickness; 1 mm is assumed");
  return 1;
}

Geometry geometry_of(const DicomSlice& first, const Point& step) {
  Geometry g;
  const double distance_mm = std::sqrt(dot(step, step));
  g.spacing_mm = {(*first.spacing_mm)[1], (*first.spacing_mm)[0], distance_mm};
  g.origin_mm = *first.position_mm;
  for (size_t row = 0; row < 3; ++row) {
    g.direction[3 * row] = (*first.cosines)[row];
    g.direction[3 * row + 1] = (*first.cosines)[3 + row];
    g.direction[3 * row + 2] = step[row] / distance_mm;
  }
  return g;
}

void warn_of_tags(const std::vector<DicomSlice>& slices, std::vector<std::string>& warnings,
                  const std::string& name) {
  const auto count = [&](auto holds) { return std::count_if(slices.begin(), slices.end(), holds); };
  const auto say = [&](int64_t n, const std::string& what) {
    if (n == 0) return;
    warnings.push_back(name + ": " + what + " in " + std::to_string(n) + " of " +
                       std::to_string(slices.size()) + " files");
  };
  say(count([](const auto& s) { return s.modality.empty(); }), "no Modality, CT is assumed,");
  say(count([](const auto& s) { return !s.slope || !s.intercept; }),
      "no RescaleSlope or RescaleIntercept, stored values are taken as HU,");
  say(count([](const auto& s) { return !s.rescale_type.empty() && s.rescale_type != "HU"; }),
      "RescaleType is not HU, HU is assumed,");
  say(count([](const auto& s) { return s.surplus_bytes > 1; }),  // one makes the length even
      "more bytes of pixels than Rows and Columns tell of, the rest is passed over,");
}

/// SpacingBetweenSlices is told along the normal, and by some along the line of a tilted stack.
void warn_of_told_distance(const std::vector<DicomSlice>& slices, double along_normal_mm,
                           double along_line_mm, std::vector<std::string>& warnings,
                           const std::string& name) {
  const auto told = slices.front().told_distance_mm;
  if (!told || *told == 0 || slices.size() < 2) return;
  const auto near = [&](double mm) { return std::abs(std::abs(*told) - mm) <= 0.01 * mm; };
  if (near(along_normal_mm) || near(along_line_mm)) return;
  warnings.push_back(name + ": SpacingBetweenSlices is " + shortest(*told) +
                     " mm and the slices lie " + fixed(along_normal_mm, 2) +
                     " mm apart; their positions are used (are slices missing?)");
}

/// int16 holds whole HU; a fraction in slope or intercept needs float32.
torch::ScalarType type_of(const std::vector<DicomSlice>& slices) {
  const auto whole = [](const std::optional<double>& v) { return !v || *v == std::round(*v); };
  return std::all_of(slices.begin(), slices.end(),
                     [&](const auto& s) { return whole(s.slope) && whole(s.intercept); })
             ? torch::kInt16
             : torch::kFloat32;
}

}  // namespace

DicomSeries::DicomSeries(const fs::path& path, std::vector<DicomSlice> sorted, VolumeInfo info)
    : VolumeReader(path), slices_(std::move(sorted)) {
  info_ = std::move(info);
}

torch::Tensor DicomSeries::load_slice(int64_t k) {
  return read_dicom_pixels(slices_[static_cast<size_t>(k)], info_.type);
}

std::unique_ptr<DicomSeries> open_dicom_series(const fs::path& path) {
  SeriesProblems problems;
  VolumeInfo info;
  auto slices = without_other_series(scan(path, problems, info.warnings), path, info.warnings);
  if (slices.empty()) {
    problems.refuse(path);
    refuse_empty(path);
  }
  const bool one = is_one_series(slices, problems);
  slices = sound_slices(slices, problems);
  if (!one || slices.empty()) problems.refuse(path);
  check_alike(slices, problems);
  const Point normal = normal_of(slices.front());
  const auto heights = sort_along(normal, slices);
  check_doubles(slices, heights, problems);
  if (problems.empty()) check_gaps(slices, heights, problems);  // a file left out leaves a gap
  problems.refuse(path);

  const std::string name = path.string();
  warn_of_tags(slices, info.warnings, name);
  const double distance_mm = slice_distance(slices, heights, info.warnings, name);
  const Point step = step_between(slices, normal, distance_mm, info.warnings, name);
  warn_of_told_distance(slices, distance_mm, std::sqrt(dot(step, step)), info.warnings, name);
  const auto grid = sound_grid(geometry_of(slices.front(), step), name, info.warnings);
  if (!grid) fail(ErrorKind::data, name + ": ImageOrientationPatient or PixelSpacing make no grid");
  info.depth = static_cast<int64_t>(slices.size());
  info.height = slices.front().rows;
  info.width = slices.front().columns;
  info.type = type_of(slices);
  info.geometry = *grid;
  info.format = "DICOM series";
  return std::make_unique<DicomSeries>(path, std::move(slices), std::move(info));
}

}  // namespace groundglass
