#include "groundglass/predict/volume_case.h"

#include <algorithm>
#include <chrono>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/io/legend.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/paint.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/axial_source.h"
#include "groundglass/preprocess/lung_mask.h"
#include "groundglass/preprocess/slice.h"

namespace groundglass {
namespace {

/// Takes upright axial slices and writes them back on the volume's own grid.
template <class Writer>
class AxialSink {
 public:
  AxialSink(const std::filesystem::path& path, const AxialSource& source)
      : source_(source),
        writer_(path, {source.info().depth, source.info().height, source.info().width},
                source.info().geometry) {}

  void write(const torch::Tensor& slice) {
    if (source_.streams()) {
      writer_.write_slice(source_.view().undo_on_slice(slice).contiguous());
    } else {
      kept_.push_back(slice);
    }
  }
  void finish() {
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

using ProbabilitySink = AxialSink<ProbabilityVolumeWriter>;

class VolumeCase {
 public:
  VolumeCase(Segmenter& segmenter, const PredictJob& job, const PredictInput& input)
      : segmenter_(segmenter),
        job_(job),
        input_(input),
        source_(input.path, segmenter.options().preprocess.units),
        mask_(job.output / (input.stem + "_mask.nii.gz"), source_) {
    summary_.classes = class_amounts(segmenter, job);
    if (job.save_probabilities) {
      const std::string stem = (job.output / (input.stem + "_probability")).string();
      probability_ = std::make_unique<ProbabilitySink>(stem + ".nii.gz", source_);
      for (const auto& c : summary_.classes) {
        class_probability_.push_back(std::make_unique<ProbabilitySink>(
            stem + "_" + std::to_string(c.label) + ".nii.gz", source_));
      }
    }
  }

  CaseSummary run(Pace& pace, Observer& observer) {
    const auto& info = source_.info();
    summary_.input = input_.path.string();
    summary_.output = input_.stem + "_mask.nii.gz";
    summary_.modality = info.units == Units::hu ? "CT" : "gray volume";
    summary_.size = {info.depth, info.height, info.width};
    summary_.warnings = info.warnings;
    const int64_t depth = source_.depth();
    const MemoryNeed need =
        need_of_volume(source_, segmenter_, {job_.save_probabilities, job_.overlay});
    for (int64_t begin = 0, end = 0; begin < depth; begin = end) {
      if (stop_signal() != 0) {
        throw Stopped(stop_signal(), "stopped; the same call goes on from here");
      }
      end = std::min(depth, begin + pace.next(input_.path, need));
      const auto start = std::chrono::steady_clock::now();
      std::vector<Image> slices;
      for (int64_t k = begin; k < end; ++k) slices.push_back(source_.read(k));
      const auto results = segmenter_.segment(slices);
      for (size_t i = 0; i < slices.size(); ++i) {
        take(begin + static_cast<int64_t>(i), slices[i], results[i]);
      }
      const auto now = std::chrono::steady_clock::now();
      pace.took(end - begin, std::chrono::duration<double>(now - start).count());
      observer.on(Progress{"slices", end, depth, ""});
    }
    mask_.finish();
    if (probability_) probability_->finish();
    for (auto& sink : class_probability_) sink->finish();
    if (segmenter_.options().typicality) take_typicality(summary_, typicalities_, job_);
    measure();
    if (job_.overlay) write_overlay_sheet();
    return summary_;
  }

 private:
  void take(int64_t k, const Image& slice, const SliceResult& result) {
    mask_.write(result.labels);
    typicalities_.push_back(result.typicality);
    if (probability_) probability_->write(result.probability.sum(0).clamp(0, 1));
    for (size_t c = 0; c < class_probability_.size(); ++c) {
      class_probability_[c]->write(result.probability[static_cast<int64_t>(c)]);
    }
    add_pixels(summary_.classes, result.labels);
    const int64_t lesion = (result.labels != 0).sum().item<int64_t>();
    summary_.lesion_pixels += lesion;
    if (slice.units == Units::hu) lungs_.add_slice(slice.pixels[0], result.labels);
    if (lesion > most_) {
      most_ = lesion;
      summary_.top_slice = k;
    }
    if (job_.overlay && k % source_.tile_step() == 0) {
      tiles_.push_back(overlay(shown(slice, segmenter_.options().preprocess), result.labels));
    }
  }

  void measure() {
    const auto& geometry = source_.info().geometry;
    const double voxel_ml = voxel_mm3(geometry) / 1000;
    const auto& mm = geometry.spacing_mm;
    if (mm[0] == 1 && mm[1] == 1 && mm[2] == 1) {
      summary_.warnings.push_back(input_.path.string() +
                                  ": voxels are exactly 1 x 1 x 1 mm; if that "
                                  "is a default and not a measure, millilitres mean nothing");
    }
    if (source_.info().units != Units::hu) return;
    summary_.lesion_ml = static_cast<double>(summary_.lesion_pixels) * voxel_ml;
    for (auto& c : summary_.classes) c.ml = static_cast<double>(c.pixels) * voxel_ml;
    const LungEstimate lungs = lungs_.finish(turned(geometry));
    if (!lungs.found) {
      summary_.warnings.push_back(input_.path.string() +
                                  ": no lungs were found (air inside the body), "
                                  "so there is no share of them");
      return;
    }
    summary_.lung_ml = lungs.lung_ml;
    summary_.lesion_fraction_of_lung = std::min(1.0, *summary_.lesion_ml / lungs.lung_ml);
  }

  /// Spacing in the order of the upright slices.
  Geometry turned(const Geometry& g) const {
    Geometry out = g;
    for (size_t axis = 0; axis < 3; ++axis) {
      out.spacing_mm[2 - axis] = g.spacing_mm[2 - static_cast<size_t>(source_.view().order[axis])];
    }
    return out;
  }

  void write_overlay_sheet() {
    write_png(job_.output / (input_.stem + "_overlay.png"),
              with_legend(montage(tiles_, 4, 320), legend_of(summary_.classes)));
  }

  Segmenter& segmenter_;
  const PredictJob& job_;
  const PredictInput& input_;
  AxialSource source_;
  AxialSink<LabelVolumeWriter> mask_;
  std::unique_ptr<ProbabilitySink> probability_;  // of any lesion
  std::vector<std::unique_ptr<ProbabilitySink>> class_probability_;
  LungEstimator lungs_;
  std::vector<torch::Tensor> tiles_;
  std::vector<double> typicalities_;  // of the slices
  int64_t most_ = 0;
  CaseSummary summary_;
};

}  // namespace

torch::Tensor shown(const Image& slice, const PreprocessOptions& options) {
  const auto pixels = slice.pixels[0];
  if (slice.units == Units::hu)
    return window_hu(pixels, options.window_hu[0], options.window_hu[1]);
  if (pixels.scalar_type() == torch::kUInt8) return pixels;
  return (pixels * (255 / slice.white)).round().clamp(0, 255).to(torch::kUInt8);
}

CaseSummary predict_volume(Segmenter& segmenter, const PredictJob& job, const PredictInput& input,
                           Pace& pace, Observer& observer) {
  return VolumeCase(segmenter, job, input).run(pace, observer);
}

}  // namespace groundglass
