#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "groundglass/infer/plan/plan.h"

namespace groundglass {

/// Of each image's map; what lies beyond is cut off.
constexpr double kInt8Percentile = 99.99;

/// Widens `ranges` to the maps that a plan in float32, made without Winograd, finds for images
/// [N,C,H,W]: from the lowest (100 - percentile)-th to the highest percentile-th of any image, 0
/// included.
void widen_ranges(InputRanges& ranges, const Plan& plan, const torch::Tensor& images,
                  double percentile = kInt8Percentile);

/// Where the ranges of weights lie: RUN/int8.json, or MODEL.int8.json beside MODEL.safetensors.
std::filesystem::path int8_file(const std::filesystem::path& run_or_weights);

/// {name: [low, high], ..}, as int8_ranges() reads it from "ranges" of the file.
nlohmann::ordered_json ranges_json(const InputRanges& ranges);

/// The ranges that `groundglass quantise` left beside weights. Throws Error(usage) naming the
/// command if there are none, Error(checkpoint) if the file is damaged or speaks of other weights.
InputRanges int8_ranges(const std::filesystem::path& run_or_weights,
                        const std::string& weights_sha256);

}  // namespace groundglass
