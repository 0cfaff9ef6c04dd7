#include "groundglass/predict/case_measures.h"

#include <algorithm>

namespace groundglass {
namespace {

/// Spacing in the order of the upright slices.
Geometry turned(const Geometry& g, const AxialView& view) {
  Geometry out = g;
  for (size_t axis = 0; axis < 3; ++axis) {
    out.spacing_mm[2 - axis] = g.spacing_mm[2 - static_cast<size_t>(view.order[axis])];
  }
  return out;
}

}  // namespace

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
    if (slice.units == Units::hu) lungs_.add_slice(slice.pixels[0], result.labels);
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
  const LungEstimate lungs = lungs_.finish(turned(geometry, volume_->view()));
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
