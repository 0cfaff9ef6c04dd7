#include "groundglass/io/volume_reader.h"

#include <algorithm>
#include <array>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_series.h"
#include "groundglass/io/file_kind.h"
#include "groundglass/io/hu_check.h"
#include "groundglass/io/itk_volume.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/refuse.h"
#include "groundglass/io/stored_numbers.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kEnoughToDoubtCt = 1024;  ///< pixels of a slice; below, only its tags count

bool ends_with_one_of(const fs::path& path, const std::vector<const char*>& endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](const char* e) { return ends_with(path.string(), e); });
}

bool is_nifti_name(const fs::path& path) {
  return ends_with_one_of(path, {".nii", ".nii.gz"});
}

bool is_itk_name(const fs::path& path) {
  return ends_with_one_of(path, {".nrrd", ".nhdr", ".mha", ".mhd"});
}

std::unique_ptr<VolumeReader> open_any(const fs::path& path) {
  if (!fs::exists(path)) refuse(path, "no such file or folder");
  if (fs::is_directory(path)) return open_dicom_series(path);
  refuse_pipe(path);
  if (fs::file_size(path) == 0) refuse(path, "is empty");
  if (is_nifti_name(path)) return open_nifti(path);
  if (is_itk_name(path)) return open_itk_volume(path);
  if (has_dicom_mark(path)) return open_dicom_series(path);
  refuse(path,
         "is no volume: expected .nii, .nii.gz, .nrrd, .nhdr, .mha, .mhd, .dcm, or a folder that "
         "holds one DICOM series");
}

std::string first_values(const torch::Tensor& values) {
  std::vector<std::string> words;
  const auto distinct = std::get<0>(at::_unique(values));
  const int64_t shown = std::min<int64_t>(distinct.numel(), 5);
  for (int64_t i = 0; i < shown; ++i) words.push_back(shortest(distinct[i].item<double>()));
  return (distinct.numel() > 1 ? "s " : " ") + listed(words) +
         (distinct.numel() > shown ? ", ..." : "");
}

torch::Tensor as_labels(const torch::Tensor& slice, const fs::path& path, int64_t k) {
  if (slice.scalar_type() == torch::kUInt8) return slice;
  const auto labels = slice.clamp(0, 255).to(torch::kUInt8);
  const auto wrong = labels.to(slice.scalar_type()) != slice;
  if (wrong.any().item<bool>()) {
    refuse(path, "slice " + std::to_string(k) + " holds the value" +
                     first_values(slice.masked_select(wrong)) +
                     ", expected class numbers (whole numbers from 0 to 255)");
  }
  return labels;
}

/// Another reader's slices as class numbers.
class LabelReader final : public VolumeReader {
 public:
  explicit LabelReader(std::unique_ptr<VolumeReader> stored)
      : VolumeReader(stored->path()), stored_(std::move(stored)) {
    info_ = stored_->info();
    info_.type = torch::kUInt8;
    info_.units = Units::gray;
    info_.white = 255;
  }

 private:
  torch::Tensor load_slice(int64_t k) override {
    return as_labels(stored_->read_slice(k), path(), k);
  }

  std::unique_ptr<VolumeReader> stored_;
};

}  // namespace

torch::Tensor VolumeReader::read_slice(int64_t k) {
  if (k < 0 || k >= info_.depth) {
    fail(ErrorKind::internal, path_.string() + ": slice " + std::to_string(k) + " of " +
                                  std::to_string(info_.depth) + " was asked for");
  }
  const auto slice = load_slice(k);
  if (slice.is_floating_point() && !torch::isfinite(slice).all().item<bool>()) {
    refuse(path_, "slice " + std::to_string(k) +
                      " holds values that are no numbers (NaN or infinite), expected HU or gray "
                      "values everywhere; fill them, e.g. with -1024 HU");
  }
  return slice;
}

void VolumeReader::settle_units(UnitsAsked wanted) {
  const auto insist_on = [&](torch::ScalarType type, double white, const char* name) {
    if (info_.type != type) {
      refuse(path_, std::string("holds ") + type_text(info_.type) + " values, expected " +
                        type_text(type) + " for units " + in_quotes(name));
    }
    info_.units = Units::gray;
    info_.white = white;
  };
  const bool bytes = info_.type == torch::kUInt8;
  info_.units = Units::hu;
  if (wanted == UnitsAsked::gray || (wanted == UnitsAsked::as_stored && bytes)) {
    insist_on(torch::kUInt8, 255, "gray");
  } else if (wanted == UnitsAsked::probability) {
    insist_on(torch::kFloat32, 1, "probability");
  } else if (wanted == UnitsAsked::as_stored) {
    check_for_air();
  }
}

void VolumeReader::check_for_air() {
  // Slices at the ends of a cropped volume may hold no air; the middle of a chest always does.
  std::vector<torch::Tensor> slices;
  for (const int64_t k : std::set<int64_t>{0, info_.depth / 4, info_.depth / 2}) {
    slices.push_back(read_slice(k));
  }
  const std::string why = why_not_hu(slices);
  if (why.empty()) {
    const std::string padding = corners_beyond_air(slices);
    if (!padding.empty()) info_.warnings.push_back(path_.string() + ": " + padding);
    return;
  }
  if (info_.format == "DICOM series") {
    if (slices.front().numel() < kEnoughToDoubtCt) return;
    refuse(path_, "its values are no HU: " + why +
                      ", expected air near -1000 and water near 0; RescaleSlope, RescaleIntercept "
                      "or PixelRepresentation are missing or wrong: export the series again, or "
                      "store it as NIfTI in HU");
  }
  refuse(path_, std::string("units are unclear: ") + type_text(info_.type) + " " + why +
                    ", expected HU (air near -1000, water near 0; stored values need their "
                    "intercept, often -1024, added) or 8-bit gray values; set preprocess.units to "
                    "hu or gray (gray needs 8-bit data)");
}

bool is_volume_name(const fs::path& path) {
  return is_nifti_name(path) || is_itk_name(path) || fs::is_directory(path);
}

std::unique_ptr<VolumeReader> open_volume(const fs::path& path, UnitsAsked units) {
  auto reader = open_any(path);
  reader->settle_units(units);
  return reader;
}

Volume read_volume(const fs::path& path, UnitsAsked units) {
  const auto reader = open_volume(path, units);
  const VolumeInfo& info = reader->info();
  Volume volume;
  volume.voxels = torch::empty({info.depth, info.height, info.width}, info.type);
  for (int64_t k = 0; k < info.depth; ++k) volume.voxels[k].copy_(reader->read_slice(k));
  volume.geometry = info.geometry;
  volume.units = info.units;
  volume.white = info.white;
  volume.warnings = info.warnings;
  return volume;
}

std::unique_ptr<VolumeReader> open_label_volume(const fs::path& path) {
  auto reader = open_any(path);
  if (reader->info().format == "DICOM series") {
    refuse(path, "is a DICOM image, expected class numbers as .nii, .nii.gz, .nrrd or .mha");
  }
  return std::make_unique<LabelReader>(std::move(reader));
}

LabelMap read_label_volume(const fs::path& path) {
  const auto reader = open_label_volume(path);
  const VolumeInfo& info = reader->info();
  LabelMap map{torch::empty({info.depth, info.height, info.width}, torch::kUInt8), info.geometry};
  for (int64_t k = 0; k < info.depth; ++k) {
    map.labels[k].copy_(reader->read_slice(k));
  }
  return map;
}

}  // namespace groundglass
