#include "groundglass/io/itk_volume.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <itkMetaDataObject.h>
#include <itkMetaImageIO.h>
#include <itkNrrdImageIO.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/grid.h"
#include "groundglass/io/itk_io.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

bool is_nrrd_name(const fs::path& path) {
  return ends_with(path.string(), ".nrrd") || ends_with(path.string(), ".nhdr");
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

Geometry geometry_of(const fs::path& path, const itk::ImageIOBase& io,
                     std::vector<std::string>& warnings) {
  Geometry g;
  for (unsigned c = 0; c < 3; ++c) {
    g.spacing_mm[c] = std::abs(io.GetSpacing(c));
    g.origin_mm[c] = io.GetOrigin(c);
    const auto axis = io.GetDirection(c);
    for (unsigned row = 0; row < 3; ++row) g.direction[3 * row + c] = axis[row];
  }
  const auto grid = right_angled(g, path.string(), warnings);
  if (!grid) refuse(path, "has axes without length or in one plane, expected a grid in space");
  return *grid;
}

itk::ImageIOBase::Pointer make_io(const fs::path& path) {
  if (is_nrrd_name(path)) return itk::NrrdImageIO::New().GetPointer();
  return itk::MetaImageIO::New().GetPointer();
}

class ItkVolume final : public VolumeReader {
 public:
  explicit ItkVolume(const fs::path& file_path) : VolumeReader(file_path) {
    const auto io = make_io(path());
    read_itk_header(*io, path());
    check_axes(path(), *io);
    check_length(path(), *io);
    numbers_ = read_itk_numbers(*io, path());
    describe_volume(*io);
  }

 private:
  void describe_volume(const itk::ImageIOBase& io) {
    info_.format = is_nrrd_name(path()) ? "NRRD" : "MetaImage";
    info_.width = static_cast<int64_t>(io.GetDimensions(0));
    info_.height = static_cast<int64_t>(io.GetDimensions(1));
    info_.depth = static_cast<int64_t>(io.GetDimensions(2));
    info_.type = tensor_type(numbers_.stored);
    info_.geometry = geometry_of(path(), io, info_.warnings);
    std::string space;
    if (info_.format == "NRRD" &&
        !itk::ExposeMetaData<std::string>(io.GetMetaDataDictionary(), "NRRD_space", space)) {
      info_.warnings.push_back(path().string() +
                               ": names no space; its axes are taken as left-posterior-superior");
    }
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
