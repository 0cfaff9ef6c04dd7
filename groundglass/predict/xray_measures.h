#pragma once

#include <filesystem>

#include <torch/types.h>

#include "groundglass/predict/case_summary.h"
#include "groundglass/predict/xray_severity.h"

namespace groundglass {

/// How a warning ends that tells of a mask, and not of its picture.
constexpr const char* kOutsideIsNotCounted = "neither share nor score counts it";

/// The lungs of one chest X-ray, and who found them.
struct FoundXrayLungs {
  std::string name;         ///< LungSource::name
  torch::Tensor lungs;      ///< [H,W] uint8, as the picture lies upright: 0 is no lung
  double typicality = 0;    ///< of the picture to the network that found them; 0 for a file
  bool sides_told = false;  ///< 1 is the right lung and 2 the left
  PictureLeft left = PictureLeft::right_as_hung;
};

/// The lungs that a mask gives for a picture; `warnings` as read_mask_of_picture() has them. Throws
/// Error(data) if it cannot be read or is of another size than `height` x `width`.
torch::Tensor read_xray_lungs(const std::filesystem::path& mask,
                              const std::filesystem::path& picture, int64_t height, int64_t width,
                              std::vector<std::string>& warnings);

/// What lies at the left edge of a picture file, by its header if it is DICOM.
PictureLeft picture_left_of(const std::filesystem::path& picture);

/// Sets the share of the lungs and the severity of a summary, and warns where much of the infection
/// lies outside them. No score, with the reason, where the picture looks unlike what the lung
/// network was trained on, and as severity_of_xray() says.
///
/// labels  [H,W] uint8, 0 background.
void measure_xray_lungs(const torch::Tensor& labels, const FoundXrayLungs& found,
                        CaseSummary& summary);

/// True where that is the reason; then it holds for every other mask of the picture as well.
bool distrusts_xray_lungs(const Severity& severity);

/// Takes share, points and score of the lungs away, for `reason`.
void withhold_xray_score(CaseSummary& summary, const std::string& reason);

}  // namespace groundglass
