#include "groundglass/predict/case_writer.h"

#include <algorithm>

#include "groundglass/io/legend.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/paint.h"
#include "groundglass/io/picture.h"
#include "groundglass/preprocess/slice.h"

namespace groundglass {
namespace {

/// A picture's one slice as PNG: uint8 as it is, probabilities in 16 bits.
class PictureSink final : public SliceSink {
 public:
  explicit PictureSink(std::string path) : path_(std::move(path)) {}
  void write(const torch::Tensor& slice) override { write_png(path_, slice); }
  void finish() override {}

 private:
  std::string path_;
};

/// Upright axial slices, written back on the volume's own grid.
template <class Writer>
class AxialSink final : public SliceSink {
 public:
  AxialSink(const std::filesystem::path& path, const AxialSource& source)
      : source_(source),
        writer_(path, {source.info().depth, source.info().height, source.info().width},
                source.info().geometry) {}

  void write(const torch::Tensor& slice) override {
    if (source_.streams()) {
      writer_.write_slice(source_.view().undo_on_slice(slice).contiguous());
    } else {
      kept_.push_back(slice);
    }
  }
  void finish() override {
    if (!source_.streams()) {
      const auto stored = source_.view().undo(torch::stack(kept_)).contiguous();
      for (int64_t k = 0; k < stored.size(0); ++k) writer_.write_slice(stored[k]);
    }
    writer_.commit();
  }

 private:
  const AxialSource& source_;
  Writer writer_;
  std::vector<torch::Tensor> kept_;
};

/// Spacing in the order of the upright slices.
Geometry turned(const Geometry& g, const AxialView& view) {
  Geometry out = g;
  for (size_t axis = 0; axis < 3; ++axis) {
    out.spacing_mm[2 - axis] = g.spacing_mm[2 - static_cast<size_t>(view.order[axis])];
  }
  return out;
}

}  // namespace

CaseWriter::CaseWriter(const CaseOutputs& outputs, const Segmenter& segmenter,
                       const PredictInput& input, const Image& picture)
    : outputs_(outputs), options_(segmenter.options()), input_(input) {
  summary_.output = input.stem + "_mask.png";
  summary_.modality = "gray picture";
  summary_.size = {picture.pixels.size(1), picture.pixels.size(2)};
  summary_.warnings = picture.warnings;
  summary_.classes = class_amounts(segmenter.classes(), outputs.class_names);
  open_sinks();
}

CaseWriter::CaseWriter(const CaseOutputs& outputs, const Segmenter& segmenter,
                       const PredictInput& input, const AxialSource& volume)
    : outputs_(outputs), options_(segmenter.options()), input_(input), volume_(&volume) {
  const auto& info = volume.info();
  summary_.output = input.stem + "_mask.nii.gz";
  summary_.modality = info.units == Units::hu ? "CT" : "gray volume";
  summary_.size = {info.depth, info.height, info.width};
  summary_.warnings = info.warnings;
  summary_.classes = class_amounts(segmenter.classes(), outputs.class_names);
  open_sinks();
}

void CaseWriter::open_sinks() {
  summary_.input = input_.path.string();
  mask_ = volume_ != nullptr
              ? std::unique_ptr<SliceSink>(
                    std::make_unique<AxialSink<LabelVolumeWriter>>(path("_mask.nii.gz"), *volume_))
              : std::make_unique<PictureSink>(path("_mask.png"));
  if (!outputs_.save_probabilities) return;
  probability_ = probability_sink("_probability");
  for (const auto& c : summary_.classes) {
    class_probability_.push_back(probability_sink("_probability_" + std::to_string(c.label)));
  }
}

std::unique_ptr<SliceSink> CaseWriter::probability_sink(const std::string& ending) const {
  if (volume_ == nullptr) return std::make_unique<PictureSink>(path(ending + ".png"));
  return std::make_unique<AxialSink<ProbabilityVolumeWriter>>(path(ending + ".nii.gz"), *volume_);
}

std::string CaseWriter::path(const std::string& ending) const {
  return (outputs_.output / (input_.stem + ending)).string();
}

void CaseWriter::take(const Image& slice, const SliceResult& result) {
  const bool numbers = volume_ != nullptr || outputs_.class_numbers;
  mask_->write(numbers ? result.labels : ((result.labels != 0) * 255).to(torch::kUInt8));
  typicalities_.push_back(result.typicality);
  if (probability_) probability_->write(result.probability.sum(0).clamp(0, 1));
  for (size_t c = 0; c < class_probability_.size(); ++c) {
    class_probability_[c]->write(result.probability[static_cast<int64_t>(c)]);
  }
  const int64_t lesion = summary_.add(result.labels);
  if (volume_ != nullptr) {
    if (slice.units == Units::hu) lungs_.add_slice(slice.pixels[0], result.labels);
    if (lesion > most_) {
      most_ = lesion;
      summary_.top_slice = slices_;
    }
  }
  if (outputs_.overlay && (volume_ == nullptr || slices_ % volume_->tile_step() == 0)) {
    tiles_.push_back(overlay(to_gray(slice, options_.preprocess)[0], result.labels));
  }
  ++slices_;
}

CaseSummary CaseWriter::finish() {
  mask_->finish();
  if (probability_) probability_->finish();
  for (auto& sink : class_probability_) sink->finish();
  if (options_.typicality) summary_.take_typicality(typicalities_, outputs_.model_name);
  if (volume_ != nullptr) measure();
  if (outputs_.overlay) write_overlay();
  return std::move(summary_);
}

void CaseWriter::measure() {
  const auto& geometry = volume_->info().geometry;
  const double voxel_ml = voxel_mm3(geometry) / 1000;
  const auto& mm = geometry.spacing_mm;
  if (mm[0] == 1 && mm[1] == 1 && mm[2] == 1) {
    summary_.warnings.push_back(input_.path.string() +
                                ": voxels are exactly 1 x 1 x 1 mm; if that "
                                "is a default and not a measure, millilitres mean nothing");
  }
  if (volume_->info().units != Units::hu) return;
  summary_.lesion_ml = static_cast<double>(summary_.lesion_pixels) * voxel_ml;
  for (auto& c : summary_.classes) c.ml = static_cast<double>(c.pixels) * voxel_ml;
  const LungEstimate lungs = lungs_.finish(turned(geometry, volume_->view()));
  if (!lungs.found) {
    summary_.warnings.push_back(input_.path.string() +
                                ": no lungs were found (air inside the body), "
                                "so there is no share of them");
    return;
  }
  summary_.lung_ml = lungs.lung_ml;
  summary_.lesion_fraction_of_lung = std::min(1.0, *summary_.lesion_ml / lungs.lung_ml);
}

void CaseWriter::write_overlay() const {
  const auto picture = volume_ != nullptr ? montage(tiles_, 4, 320) : tiles_.front();
  write_png(path("_overlay.png"), with_legend(picture, legend_of(summary_.classes)));
}

}  // namespace groundglass
