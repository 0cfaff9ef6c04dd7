#include "groundglass/predict/case_measures.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "groundglass/core/error.h"
#include "groundglass/io/dicom_series.h"
#include "groundglass/predict/xray_measures.h"

namespace groundglass {
namespace {

/// Pixels of a slice that belong to lungs or lesions, and lesions outside the lungs.
struct LungPixels {
  int64_t lung_or_lesion = 0, lesion_outside = 0;
};

LungPixels lung_pixels(const torch::Tensor& lungs, const torch::Tensor& labels) {
  const auto in_lungs = lungs.contiguous(), ill = labels.contiguous();
  const uint8_t *lung = in_lungs.data_ptr<uint8_t>(), *label = ill.data_ptr<uint8_t>();
  LungPixels counts;
  for (int64_t at = 0; at < in_lungs.numel(); ++at) {
    counts.lung_or_lesion += lung[at] != 0 || label[at] != 0 ? 1 : 0;
    counts.lesion_outside += lung[at] == 0 && label[at] != 0 ? 1 : 0;
  }
  return counts;
}

std::unique_ptr<AxialSource> opened_lungs(const std::filesystem::path& file,
                                          const AxialSource& volume) {
  auto reader = open_label_volume(file);
  const auto &mask = reader->info(), &image = volume.info();
  if (mask.depth != image.depth || mask.height != image.height || mask.width != image.width) {
    const auto size = [](const VolumeInfo& i) {
      return std::to_string(i.depth) + " x " + std::to_string(i.height) + " x " +
             std::to_string(i.width);
    };
    fail(ErrorKind::data, file.string() + ": lungs of " + size(mask) +
                              " voxels, expected those of the volume, " + size(image));
  }
  return std::make_unique<AxialSource>(std::move(reader), volume.view());
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
    : model_name_(names.model),
      has_typicality_(segmenter.options().typicality.has_value()),
      lung_source_(segmenter.options().lungs) {
  summary_.input = names.input;
  summary_.modality = "gray picture";
  summary_.size = {picture.pixels.size(1), picture.pixels.size(2)};
  summary_.warnings = picture.warnings;
  summary_.classes = class_amounts(segmenter.classes(), names.classes);
  if (!names.xray.empty()) summary_.acquisition = read_acquisition(names.xray);
  summary_.kept_near = segmenter.options().near_lungs.name;
  const LungSource& lungs = segmenter.options().xray_lungs;
  if (lungs.from != LungsFrom::none) xray_lungs_ = &lungs;
}

CaseMeasures::CaseMeasures(const CaseNames& names, const Segmenter& segmenter,
                           const AxialSource& volume, LobeMeasures::Keep lobes)
    : CaseMeasures(
          names,
          {segmenter.classes(), segmenter.options().typicality.has_value(),
           segmenter.options().lungs,
           segmenter.options().lungs.network ? segmenter.options().lungs.network->classes() : 0,
           lobes},
          volume) {
  summary_.kept_near = segmenter.options().near_lungs.name;
}

CaseMeasures::CaseMeasures(const CaseNames& names, const MeasureOptions& options,
                           const AxialSource& volume)
    : model_name_(names.model),
      has_typicality_(options.typicality),
      volume_(&volume),
      lung_source_(options.lungs),
      lung_network_(options.lung_classes > 0),
      lung_sides_(options.lung_classes == 2),
      split_hu_(names.split_hu) {
  const auto& info = volume.info();
  summary_.input = names.input;
  summary_.modality = info.units == Units::hu ? "CT" : "gray volume";
  summary_.size = {info.depth, info.height, info.width};
  summary_.warnings = info.warnings;
  summary_.classes = class_amounts(options.classes, names.classes);
  if (const auto* series = dynamic_cast<const DicomSeries*>(&volume.reader())) {
    summary_.acquisition = read_acquisition(series->slices().front().path);
  }
  summary_.acquisition.slice_spacing_mm = volume.geometry().spacing_mm[2];
  if (lung_source_.from == LungsFrom::file) lung_file_ = opened_lungs(lung_source_.file, volume);
  if (lung_source_.lobes.any() && info.units == Units::hu) {
    lobes_ = std::make_unique<LobeMeasures>(lung_source_.lobes, volume, options.lobes);
  }
}

/// Lungs of the next slice, [H,W] uint8; undefined where nobody but the threshold says.
torch::Tensor CaseMeasures::lungs_of(const SliceResult& result) {
  if (!lung_file_) return result.lungs;
  return (lung_file_->read(slices_).pixels[0] != 0).to(torch::kUInt8);
}

void CaseMeasures::take(const Image& slice, const SliceResult& result) {
  typicalities_.push_back(result.typicality);
  const int64_t lesion = summary_.add(result.labels);
  summary_.dropped_pixels += result.dropped;
  if (result.detection) summary_.detection = result.detection;
  if (xray_lungs_ != nullptr) measure_xray(result);
  if (volume_ != nullptr) {
    if (slice.units == Units::hu) {
      if (lung_source_.from != LungsFrom::none) lungs_.add_slice(slice.pixels[0], result.labels);
      if (lesion > 0) {
        const auto hu = slice.pixels[0].masked_select(result.labels != 0);
        any_lesion_.add(hu);
        dense_ += (hu >= split_hu_).sum().item<int64_t>();
      }
      of_classes_.resize(summary_.classes.size());
      for (size_t c = 0; lesion > 0 && c < of_classes_.size(); ++c) {
        of_classes_[c].add(
            slice.pixels[0].masked_select(result.labels == summary_.classes[c].label));
      }
      const auto lungs = lungs_of(result);
      if (lobes_) lobes_->take(slice.pixels[0], result.labels, lungs);
      if (lungs.defined()) {
        const LungPixels counts = lung_pixels(lungs, result.labels);
        lung_or_lesion_ += counts.lung_or_lesion;
        lesion_outside_ += counts.lesion_outside;
        if (!lung_file_) add_to_network_lungs(lungs, slice.pixels[0], result);
      }
    }
    if (lesion > most_) {
      most_ = lesion;
      summary_.top_slice = slices_;
    }
  }
  ++slices_;
}

void CaseMeasures::measure_xray(const SliceResult& result) {
  const auto& network = xray_lungs_->network;
  FoundXrayLungs found{xray_lungs_->name, result.lungs, result.lung_typicality,
                       network && network->classes() == 2, picture_left_of(summary_.input)};
  if (xray_lungs_->from == LungsFrom::file) {
    found.lungs = read_xray_lungs(xray_lungs_->file, summary_.input, summary_.size[0],
                                  summary_.size[1], summary_.warnings);
  }
  measure_xray_lungs(result.labels, found, summary_);
}

void CaseMeasures::add_to_network_lungs(const torch::Tensor& lungs, const torch::Tensor& hu,
                                        const SliceResult& result) {
  network_lungs_.add_lungs(lungs, LungEstimator::kAnyLabel, result.labels, hu);
  if (lung_sides_) {
    right_lung_.add_lungs(lungs, 1, {}, {});
    left_lung_.add_lungs(lungs, 2, {}, {});
  }
  lung_typicalities_.push_back(result.lung_typicality);
}

CaseSummary CaseMeasures::finish() {
  if (has_typicality_) summary_.take_typicality(typicalities_, model_name_);
  if (volume_ != nullptr) measure();
  summary_.warn_of_dropped();
  summary_.warn_of_detection();
  if (const auto pixel_mm2 = summary_.acquisition.pixel_mm2) {
    summary_.lesion_cm2 = static_cast<double>(summary_.lesion_pixels) * *pixel_mm2 / 100;
  }
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
  if (!summary_.kept_near.empty()) {
    summary_.dropped_ml = static_cast<double>(summary_.dropped_pixels) * voxel_ml;
  }
  for (auto& c : summary_.classes) c.ml = static_cast<double>(c.pixels) * voxel_ml;
  summary_.attenuation = any_lesion_.attenuation();
  const double dense_ml = static_cast<double>(dense_) * voxel_ml;
  summary_.by_hu = SplitByHu{split_hu_, *summary_.lesion_ml - dense_ml, dense_ml};
  for (size_t c = 0; c < of_classes_.size(); ++c) {
    summary_.classes[c].attenuation = of_classes_[c].attenuation();
  }
  if (lobes_ && lobes_->by_file()) {
    summary_.lobes = lobes_->of_file();
    summary_.lobes_from = lung_source_.lobes.file.string();
  }
  if (lung_source_.from == LungsFrom::none) return;
  const Geometry upright = volume_->geometry();
  if (lung_network_ && trusts_the_lungs()) return share_by_network(upright);
  const LungEstimate by_threshold = lungs_.finish(upright);
  const LungCells none;
  const LungCells& cells = by_threshold.found ? by_threshold.cells : none;
  summary_.severity = severity_of_zones(cells);
  lobes_of({.cells = cells});
  if (lung_file_ && trusts_the_lungs()) return share_by_masks(voxel_ml);
  share_by_threshold(by_threshold);
}

/// Whether a network's or a file's lungs are there and can be used; warns where they cannot.
bool CaseMeasures::trusts_the_lungs() {
  if (lung_source_.from == LungsFrom::threshold) return false;
  const auto warn = [&](const std::string& text) {
    summary_.warnings.push_back(summary_.input + ": " + text +
                                "; the lungs are a threshold's, which counts the windpipe and "
                                "loses white lung");
    return false;
  };
  if (lung_or_lesion_ == lesion_outside_) return warn(lung_source_.name + " finds no lungs");
  if (lung_file_) return true;
  const auto middle =
      lung_typicalities_.begin() + static_cast<std::ptrdiff_t>(lung_typicalities_.size() / 2);
  std::nth_element(lung_typicalities_.begin(), middle, lung_typicalities_.end());
  if (*middle <= 1) return true;
  std::ostringstream text;
  text << "looks unlike what " << lung_source_.name << " was trained on (" << std::setprecision(2)
       << *middle << " times the limit)";
  return warn(text.str());
}

void CaseMeasures::share_by_masks(double voxel_ml) {
  const auto ml = [&](int64_t voxels) { return static_cast<double>(voxels) * voxel_ml; };
  summary_.lungs = lung_source_.name;
  summary_.lung_ml = ml(lung_or_lesion_);
  summary_.lesion_outside_lungs_ml = ml(lesion_outside_);
  summary_.lesion_fraction_of_lung = std::min(1.0, *summary_.lesion_ml / *summary_.lung_ml);
}

void CaseMeasures::share_by_network(const Geometry& upright) {
  const LungEstimate lungs = network_lungs_.finish(upright);
  const LungCells none;
  const LungCells& cells = lungs.found ? lungs.cells : none;
  summary_.severity = severity_of_zones(cells);
  summary_.lungs = lung_source_.name;
  summary_.lung_ml = lungs.lung_ml;
  summary_.lesion_outside_lungs_ml =
      static_cast<double>(lesion_outside_) * voxel_mm3(upright) / 1000;
  if (lung_sides_) {
    const LungEstimate right = right_lung_.finish(upright), left = left_lung_.finish(upright);
    summary_.right_lung_ml = right.lung_ml;
    summary_.left_lung_ml = left.lung_ml;
    lobes_of({cells, &right.cells, &left.cells, LungEstimator::kFrameCells});
  } else {
    lobes_of({.cells = cells, .frame = LungEstimator::kFrameCells});
  }
  if (lungs.lung_ml > 0) {
    summary_.lesion_fraction_of_lung = std::min(1.0, *summary_.lesion_ml / lungs.lung_ml);
  }
}

void CaseMeasures::lobes_of(const LungsInCells& lungs) {
  if (!lobes_ || lobes_->by_file()) return;
  summary_.lobes = lobes_->by_shape(lungs);
  summary_.lobes_from = kLobesByShape;
}

void CaseMeasures::share_by_threshold(const LungEstimate& lungs) {
  if (!lungs.found) {
    summary_.warnings.push_back(summary_.input +
                                ": no lungs were found (air inside the body), "
                                "so there is no share of them");
    return;
  }
  summary_.lungs = "threshold";
  summary_.lung_ml = lungs.lung_ml;
  summary_.lesion_fraction_of_lung = std::min(1.0, *summary_.lesion_ml / lungs.lung_ml);
}

}  // namespace groundglass
