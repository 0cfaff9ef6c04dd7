#include "groundglass/predict/xray_measures.h"

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_patient.h"
#include "groundglass/io/dicom_xray.h"
#include "groundglass/io/picture.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr double kMuchOutside = 0.25;
constexpr const char* kUnlike = "the picture looks unlike what ";

std::vector<uint8_t> bytes_of(const torch::Tensor& mask) {
  const auto whole = mask.to(torch::kUInt8).contiguous();
  const auto* first = whole.data_ptr<uint8_t>();
  return {first, first + whole.numel()};
}

}  // namespace

torch::Tensor read_xray_lungs(const fs::path& mask, const fs::path& picture, int64_t height,
                              int64_t width, std::vector<std::string>& warnings) {
  auto lungs = read_mask_of_picture(mask, picture, height, width, warnings);
  if (lungs.size(0) == height && lungs.size(1) == width) return lungs;
  fail(ErrorKind::data, mask.string() + ": lungs of " + shape_text(lungs) +
                            " pixels, expected those of the picture, [" + std::to_string(height) +
                            ", " + std::to_string(width) + "]");
}

PictureLeft picture_left_of(const fs::path& picture) {
  if (is_picture_name(picture) || !is_dicom_xray(picture)) return PictureLeft::right_as_hung;
  return picture_left(read_patient_orientation(picture));
}

void measure_xray_lungs(const torch::Tensor& labels, const FoundXrayLungs& found,
                        CaseSummary& summary) {
  XraySeverity x = severity_of_xray(
      {labels.size(0), labels.size(1), bytes_of(found.lungs), bytes_of(labels), found.sides_told},
      found.left);
  summary.lungs = found.name;
  if (found.typicality > 1) {
    summary.severity = std::move(x.severity);
    return withhold_xray_score(summary, kUnlike + found.name + " was trained on (" +
                                            fixed(found.typicality, 1) + " times the limit)");
  }
  summary.lesion_fraction_of_lung = x.lung_share;
  if (x.lung_share && x.outside_share.value_or(0) > kMuchOutside) {
    summary.warnings.push_back(summary.input + ": " + fixed(100 * *x.outside_share, 0) +
                               " % of the infection lies outside the lungs that " + found.name +
                               " says; " + kOutsideIsNotCounted);
  }
  summary.severity = std::move(x.severity);
}

bool distrusts_xray_lungs(const Severity& severity) {
  return !severity.score && severity.reason.starts_with(kUnlike);
}

void withhold_xray_score(CaseSummary& summary, const std::string& reason) {
  summary.lesion_fraction_of_lung.reset();
  summary.severity->score.reset();
  summary.severity->reason = reason;
  for (auto& region : summary.severity->regions) region.points.reset();
}

}  // namespace groundglass
