#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "groundglass/predict/case_summary.h"
#include "groundglass/preprocess/axial_source.h"

namespace groundglass {

/// The image that a version belongs to, as an order names it.
struct OrderedImage {
  int64_t number = 1;
  std::filesystem::path path;
  bool volume = true, dicom = false;
};
OrderedImage ordered_image(const nlohmann::ordered_json& order);

/// What <stem>_measures.json says of a version, but for its lesions. Throws Error(data) if there is
/// none.
struct VersionMeasures {
  nlohmann::ordered_json model;  ///< openapi.json's VersionDetail.model
  CaseSummary summary;
  UnitsAsked units = UnitsAsked::as_stored;  ///< that the image was read in
  int64_t lung_classes = 0;                  ///< of the network that found the lungs
};

/// What the image of a version was measured as: Hounsfield units for CT, else gray.
UnitsAsked units_of(const VersionMeasures& measures);

VersionMeasures read_measures(const std::string& stem);

/// Writes <stem>_measures.json; without lesions first, since finding them takes a moment.
void write_measures(const std::string& stem, const VersionMeasures& measures);
void write_measures_with_lesions(const std::string& stem, const VersionMeasures& measures,
                                 const OrderedImage& image);

std::vector<std::string> class_names_of(const VersionMeasures& measures);

/// A version's mask on the file's grid, [D,H,W] or [H,W] uint8, class numbers.
torch::Tensor read_version_mask(const std::filesystem::path& mask);

/// The picture with its mask, or a sheet of slices of a volume, as predict's _overlay.png.
torch::Tensor overlay_of(const OrderedImage& image, const torch::Tensor& labels,
                         const VersionMeasures& measures);

}  // namespace groundglass
