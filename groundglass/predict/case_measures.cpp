#include "groundglass/predict/case_measures.h"

#include <algorithm>
#include <cmath>

namespace groundglass {
namespace {

/// The grid of the upright slices.
Geometry turned(const VolumeInfo& info, const AxialView& view) {
  const Geometry& g = info.geometry;
  const std::array<int64_t, 3> size = {info.width, info.height, info.depth};
  Geometry out = g;
  std::array<double, 3> first{};  // index of the first upright voxel on the stored grid
  for (size_t axis = 0; axis < 3; ++axis) {
    const size_t from = 2 - static_cast<size_t>(view.order[axis]), to = 2 - axis;
    const double sign = view.reversed[axis] ? -1 : 1;
    out.spacing_mm[to] = g.spacing_mm[from];
    for (size_t row = 0; row < 3; ++row) {
      out.direction[3 * row + to] = sign * g.direction[3 * row + from];
    }
    if (view.reversed[axis]) first[from] = static_cast<double>(size[from] - 1);
  }
  out.origin_mm = to_patient_mm(g, first);
  return out;
}

}  // namespace

void CaseMeasures::Sums::add(const torch::Tensor& voxels_hu) {
  const auto values = voxels_hu.to(torch::kFloat64);
  n += static_cast<double>(values.numel());
  hu += values.sum().item<double>();
  hu_squared += values.square().sum().item<double>();
}

std::optional<Attenuation> CaseMeasures::Sums::attenuation() const {
  if (n == 0) return std::nullopt;
  const double mean = hu / n;
  return Attenuation{mean, std::sqrt(std::max(0.0, hu_squared / n - mean * mean))};
}

CaseMeasures::CaseMeasures(const CaseNames& names, const Segmenter& segmenter, const Image& picture)
    : model_name_(names.model), has_typicality_(segmenter.options().typicality.has_value()) {
  summary_.input = names.input;
  summary_.modality = "gray picture";
  summary_.size = {picture.pixels.size(1), picture.pixels.size(2)};
  summary_.warnings = picture.warnings;
  summary_.classes = class_amounts(segmenter.classes(), names.classes);
}

CaseMeasures::CaseMeasures(const CaseNames& names, const Segmenter& segmenter,
                           const AxialSource& volume)
    : model_name_(names.model),
      has_typicality_(segmenter.options().typicality.has_value()),
      volume_(&volume) {
  const auto& info = volume.info();
  summary_.input = names.input;
  summary_.modality = info.units == Units::hu ? "CT" : "gray volume";
  summary_.size = {info.depth, info.height, info.width};
  summary_.warnings = info.warnings;
  summary_.classes = class_amounts(segmenter.classes(), names.classes);
}

void CaseMeasures::take(const Image& slice, const SliceResult& result) {
  typicalities_.push_back(result.typicality);
  const int64_t lesion = summary_.add(result.labels);
  if (volume_ != nullptr) {
    if (slice.units == Units::hu) {
      lungs_.add_slice(slice.pixels[0], result.labels);
      if (lesion > 0) any_lesion_.add(slice.pixels[0].masked_select(result.labels != 0));
      of_classes_.resize(summary_.classes.size());
      for (size_t c = 0; lesion > 0 && c < of_classes_.size(); ++c) {
        of_classes_[c].add(
            slice.pixels[0].masked_select(result.labels == summary_.classes[c].label));
      }
    }
    if (lesion > most_) {
      most_ = lesion;
      summary_.top_slice = slices_;
    }
  }
  ++slices_;
}

CaseSummary CaseMeasures::finish() {
  if (has_typicality_) summary_.take_typicality(typicalities_, model_name_);
  if (volume_ != nullptr) measure();
  return std::move(summary_);
}

void CaseMeasures::measure() {
  const auto& geometry = volume_->info().geometry;
  const double voxel_ml = voxel_mm3(geometry) / 1000;
  const auto& mm = geometry.spacing_mm;
  if (mm[0] == 1 && mm[1] == 1 && mm[2] == 1) {
    summary_.warnings.push_back(summary_.input +
                                ": voxels are exactly 1 x 1 x 1 mm; if that "
                                "is a default and not a measure, millilitres mean nothing");
  }
  if (volume_->info().units != Units::hu) return;
  summary_.lesion_ml = static_cast<double>(summary_.lesion_pixels) * voxel_ml;
  for (auto& c : summary_.classes) c.ml = static_cast<double>(c.pixels) * voxel_ml;
  summary_.attenuation = any_lesion_.attenuation();
  for (size_t c = 0; c < of_classes_.size(); ++c) {
    summary_.classes[c].attenuation = of_classes_[c].attenuation();
  }
  const LungEstimate lungs = lungs_.finish(turned(volume_->info(), volume_->view()));
  summary_.severity = severity_of_zones(lungs.found ? lungs.cells : LungCells{});
  if (!lungs.found) {
    summary_.warnings.push_back(summary_.input +
                                ": no lungs were found (air inside the body), "
                                "so there is no share of them");
    return;
  }
  summary_.lung_ml = lungs.lung_ml;
  summary_.lesion_fraction_of_lung = std::min(1.0, *summary_.lesion_ml / lungs.lung_ml);
}

}  // namespace groundglass
