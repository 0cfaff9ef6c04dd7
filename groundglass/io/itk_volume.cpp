#include "groundglass/io/itk_volume.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include <itkMetaImageIO.h>
#include <itkNrrdImageIO.h>

#include "groundglass/core/error.h"
#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"
#include "groundglass/io/grid.h"
#include "groundglass/io/header_fields.h"
#include "groundglass/io/itk_io.h"
#include "groundglass/io/refuse.h"
#include "groundglass/io/text_voxels.h"
#include "groundglass/io/voxel_bytes.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

bool is_nrrd_name(const fs::path& path) {
  return ends_with(path.string(), ".nrrd") || ends_with(path.string(), ".nhdr");
}

/// The numbers of a field that has been checked.
std::vector<double> numbers_of(const std::string& field) {
  std::vector<double> numbers;
  std::istringstream words(field);
  for (std::string word; words >> word;) numbers.push_back(number_in(word).value_or(0));
  return numbers;
}

void check_axes(const fs::path& path, const itk::ImageIOBase& io) {
  std::vector<std::string> sizes;
  int64_t voxels = 1;
  for (unsigned i = 0; i < io.GetNumberOfDimensions(); ++i) {
    sizes.push_back(std::to_string(io.GetDimensions(i)));
    voxels *= static_cast<int64_t>(io.GetDimensions(i));
  }
  if (sizes.size() < 3 ||
      std::any_of(sizes.begin() + 3, sizes.end(), [](auto& n) { return n != "1"; })) {
    refuse(path, "has " + std::to_string(sizes.size()) + " axes (" + joined(sizes, " x ") +
                     "), expected three");
  }
  if (io.GetComponentType() == itk::IOComponentEnum::UNKNOWNCOMPONENTTYPE) {
    refuse(path, "holds values of a type that is not known, expected numbers");
  }
  if (voxels < 1) refuse(path, "has an axis without voxels (" + joined(sizes, " x ") + ")");
}

/// Formats with the voxels in a file of their own are left out: that file may be of any name.
void check_length(const fs::path& path, const itk::ImageIOBase& io) {
  const bool single = ends_with(path.string(), ".mha") || ends_with(path.string(), ".nrrd");
  const double has = static_cast<double>(fs::file_size(path));
  const double needs = static_cast<double>(io.GetImageSizeInBytes());
  if (single && needs > has * kMostCompression) {
    refuse(path, "is truncated: its header promises " + human_bytes(needs) + " and the file has " +
                     human_bytes(has));
  }
}

/// Where the axes begin ("RAI") or end ("LPS") in the patient, as letters.
std::string letters_of(const Geometry& g, const std::array<const char*, 3>& of_axis) {
  const Orientation o = orientation(g);
  std::string letters;
  for (size_t c = 0; c < 3; ++c) {
    letters += of_axis[static_cast<size_t>(o.patient_axis[c])][o.reversed[c] ? 1 : 0];
  }
  return letters;
}

const std::array<const char*, 3> kFrom = {"RL", "AP", "IS"}, kTo = {"LR", "PA", "SI"};

/// The axes behind letters that name where they begin; nothing if they do not name all three.
std::optional<std::array<double, 9>> axes_from(const std::string& letters) {
  std::array<double, 9> direction{};
  std::array<bool, 3> taken{};
  if (letters.size() != 3) return {};
  for (size_t c = 0; c < 3; ++c) {
    for (size_t row = 0; row < 3; ++row) {
      const auto at = std::string_view(kFrom[row]).find(letters[c]);
      if (at == std::string_view::npos) continue;
      direction[3 * row + c] = at == 0 ? 1 : -1;
      taken[row] = true;
    }
  }
  return taken[0] && taken[1] && taken[2] ? std::optional(direction) : std::nullopt;
}

/// MetaImage says the axes twice: as a matrix, which ITK reads, and as letters, which it does not.
void settle_letters(const HeaderFields& fields, Geometry& g, std::vector<std::string>& warnings,
                    const std::string& name) {
  const std::string letters = field_of(fields, "AnatomicalOrientation");
  const auto axes = axes_from(letters);
  if (!axes) return;
  const bool matrix = !(field_of(fields, "TransformMatrix") + field_of(fields, "Rotation") +
                        field_of(fields, "Orientation"))
                           .empty();
  if (!matrix) {
    g.direction = *axes;
    if (letters != "RAI") {
      warnings.push_back(name + ": has no TransformMatrix; its AnatomicalOrientation " + letters +
                         " is taken as where its axes begin");
    }
  } else if (letters != letters_of(g, kFrom) && letters != letters_of(g, kTo)) {
    warnings.push_back(name + ": its AnatomicalOrientation " + letters +
                       " contradicts its TransformMatrix, whose axes begin at " +
                       letters_of(g, kFrom) + "; the matrix is used");
  }
}

/// What a MetaImage says of its voxels' size beside ElementSpacing, or does not say.
void tell_sizes(const HeaderFields& fields, std::vector<std::string>& warnings,
                const std::string& name) {
  const std::string spacing = field_of(fields, "ElementSpacing"),
                    size = field_of(fields, "ElementSize");
  if (spacing.empty() && size.empty()) {
    warnings.push_back(name + ": has no ElementSpacing; voxels of 1 x 1 x 1 mm are assumed");
  } else if (!spacing.empty() && !size.empty() && numbers_of(spacing) != numbers_of(size)) {
    warnings.push_back(name + ": its ElementSize " + size + " differs from its ElementSpacing " +
                       spacing + "; the spacing is used");
  }
  for (const char* matrix : {"TransformMatrix", "Rotation", "Orientation"}) {
    const auto m = numbers_of(field_of(fields, matrix));
    for (size_t row = 0; m.size() == 9 && row < 3; ++row) {
      if (std::abs(std::hypot(m[3 * row], m[3 * row + 1], m[3 * row + 2]) - 1) < 1e-2) continue;
      warnings.push_back(name + ": the rows of its " + matrix +
                         " are not of length 1; sizes are those of its ElementSpacing alone");
      break;
    }
  }
  const std::string modality = field_of(fields, "Modality");
  if (modality.starts_with("MET_MOD_") && modality != "MET_MOD_CT" && modality != "MET_MOD_OTHER" &&
      modality != "MET_MOD_UNKNOWN") {
    warnings.push_back(name + ": says that its Modality is " + modality +
                       ", and what is segmented here is CT");
  }
}

Geometry geometry_of(const fs::path& path, const itk::ImageIOBase& io, const HeaderFields& fields,
                     std::vector<std::string>& warnings) {
  Geometry g;
  for (unsigned c = 0; c < 3; ++c) {
    g.spacing_mm[c] = std::abs(io.GetSpacing(c));
    g.origin_mm[c] = io.GetOrigin(c);
    const auto axis = io.GetDirection(c);
    for (unsigned row = 0; row < 3; ++row) g.direction[3 * row + c] = axis[row];
  }
  if (!is_nrrd_name(path)) {
    settle_letters(fields, g, warnings, path.string());
    tell_sizes(fields, warnings, path.string());
  }
  const auto grid = sound_grid(g, path.string(), warnings);
  if (!grid) refuse(path, "has axes without length or in one plane, expected a grid in space");
  return *grid;
}

/// Values of a MetaImage may have a slope and an offset, which ITK passes over.
void set_scale(const HeaderFields& fields, StoredNumbers& stored) {
  stored.slope = number_in(field_of(fields, "ElementToIntensityFunctionSlope")).value_or(1);
  stored.intercept = number_in(field_of(fields, "ElementToIntensityFunctionOffset")).value_or(0);
}

itk::ImageIOBase::Pointer make_io(const fs::path& path) {
  if (is_nrrd_name(path)) return itk::NrrdImageIO::New().GetPointer();
  return itk::MetaImageIO::New().GetPointer();
}

class ItkVolume final : public VolumeReader {
 public:
  explicit ItkVolume(const fs::path& file_path) : VolumeReader(file_path) {
    const HeaderFields fields =
        is_nrrd_name(path()) ? checked_nrrd_fields(path()) : checked_metaimage_fields(path());
    const auto io = make_io(path());
    read_itk_header(*io, path());
    check_axes(path(), *io);
    check_length(path(), *io);
    const auto needed = static_cast<uint64_t>(io->GetImageSizeInBytes());
    if (is_nrrd_name(path())) {
      check_nrrd_bytes(path(), fields, needed, info_.warnings);
    } else {
      check_metaimage_bytes(path(), fields, needed, info_.warnings);
    }
    if (has_text_voxels(fields)) {
      read_text(*io, fields);
    } else {
      numbers_ = read_itk_numbers(*io, path());
    }
    if (!is_nrrd_name(path())) set_scale(fields, numbers_.stored);
    describe_volume(*io, fields);
  }

 private:
  void read_text(const itk::ImageIOBase& io, const HeaderFields& fields) {
    numbers_.stored = itk_number_type(io, path());
    const auto count = static_cast<int64_t>(io.GetImageSizeInPixels());
    numbers_.bytes = read_text_voxels(path(), fields, numbers_.stored.type, count, info_.warnings);
  }

  void describe_volume(const itk::ImageIOBase& io, const HeaderFields& fields) {
    info_.format = is_nrrd_name(path()) ? "NRRD" : "MetaImage";
    info_.width = static_cast<int64_t>(io.GetDimensions(0));
    info_.height = static_cast<int64_t>(io.GetDimensions(1));
    info_.depth = static_cast<int64_t>(io.GetDimensions(2));
    info_.type = tensor_type(numbers_.stored);
    info_.geometry = geometry_of(path(), io, fields, info_.warnings);
    if (info_.format != "NRRD") return;
    const std::string directions = field_of(fields, "space directions");
    if (!directions.empty() && std::count(directions.begin(), directions.end(), '(') < 3) {
      refuse(path(), "its header says space directions " + in_quotes(directions) +
                         ", expected a vector for each of three axes");
    }
    if (directions.empty() && field_of(fields, "spacings").empty()) {
      info_.warnings.push_back(path().string() +
                               ": has neither space directions nor spacings; voxels of 1 x 1 x 1 "
                               "mm are assumed");
    }
    if (fields.count("old min") + fields.count("oldmin") + fields.count("old max") +
            fields.count("oldmax") >
        0) {
      info_.warnings.push_back(path().string() +
                               ": has an old min or old max, so its values were scaled; they are "
                               "taken as they are stored");
    }
    if (lower(field_of(fields, "spacings")).find("nan") != std::string::npos &&
        field_of(fields, "space directions").empty()) {
      info_.warnings.push_back(path().string() + ": its header says spacings " +
                               in_quotes(field_of(fields, "spacings")) +
                               "; where that is no number, 1 mm is assumed");
    }
    const std::string space = field_of(fields, "space");
    if (space.empty()) {
      info_.warnings.push_back(path().string() +
                               ": names no space; its axes are taken as left-posterior-superior");
    } else if (!is_of_the_patient(space)) {
      info_.warnings.push_back(
          path().string() + ": names the space " + in_quotes(space) +
          ", which does not say how the patient lies in it; its axes are taken "
          "as left-posterior-superior");
    }
    if (!field_of(fields, "spacings").empty() && !field_of(fields, "space directions").empty()) {
      info_.warnings.push_back(path().string() +
                               ": has spacings beside space directions; the directions are used");
    }
  }

  static bool is_of_the_patient(const std::string& space) {
    const std::string word = lower(space);
    return word.starts_with("left-posterior-superior") || word.starts_with("lps") ||
           word.starts_with("right-anterior-superior") || word.starts_with("ras") ||
           word.starts_with("left-anterior-superior") || word.starts_with("las");
  }

  torch::Tensor load_slice(int64_t k) override {
    const auto slice =
        static_cast<size_t>(info_.width * info_.height) * bytes_of(numbers_.stored.type);
    return to_tensor(numbers_.bytes.get() + static_cast<size_t>(k) * slice, numbers_.stored,
                     {info_.height, info_.width});
  }

  ItkNumbers numbers_;
};

}  // namespace

std::unique_ptr<VolumeReader> open_itk_volume(const fs::path& path) {
  return std::make_unique<ItkVolume>(path);
}

}  // namespace groundglass
