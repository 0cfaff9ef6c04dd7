#pragma once

// What the reports of volumes and of X-rays share; for this room's sources only.
#include <string>

#include <nlohmann/json.hpp>

#include <torch/types.h>

#include "groundglass/core/text.h"
#include "groundglass/io/picture.h"
#include "groundglass/report/case_report.h"

namespace groundglass {

inline std::string percent_text(int64_t part, int64_t whole) {
  if (whole == 0) return "n/a";
  return fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + " %";
}

inline nlohmann::json value_or_null(const nlohmann::json& object, const char* key) {
  return object.contains(key) ? object[key] : nlohmann::json();
}

/// [3,H,W] in the middle of a black picture of that size.
inline ReportedPicture reported(const torch::Tensor& rgb, const std::string& caption, int64_t rows,
                                int64_t columns) {
  auto canvas = torch::zeros({3, rows, columns}, torch::kUInt8);
  canvas.narrow(1, (rows - rgb.size(1)) / 2, rgb.size(1))
      .narrow(2, (columns - rgb.size(2)) / 2, rgb.size(2))
      .copy_(rgb);
  const auto bytes = canvas.permute({1, 2, 0}).contiguous();
  const auto* first = bytes.data_ptr<uint8_t>();
  return {encode_png(canvas), {first, first + bytes.numel()}, rows, columns, caption};
}

}  // namespace groundglass
