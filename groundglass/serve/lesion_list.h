#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/io/image.h"

namespace groundglass {

/// The connected pieces of a mask, the largest first, as openapi.json's Lesion; of the rest only
/// the number is told.
struct LesionList {
  nlohmann::ordered_json lesions = nlohmann::ordered_json::array();
  int64_t total = 0;
};

/// labels     [H,W] of a picture or [D,H,W] uint8, class numbers.
/// geometry   of a volume; nothing for a picture.
/// voxel_ml   of a volume in HU.
/// names      of classes 1, 2, ..
LesionList lesion_list(const torch::Tensor& labels, const std::optional<Geometry>& geometry,
                       const std::optional<double>& voxel_ml, const std::vector<std::string>& names,
                       int64_t most = 200);

}  // namespace groundglass
