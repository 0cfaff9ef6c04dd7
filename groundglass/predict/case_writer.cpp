#include "groundglass/predict/case_writer.h"

#include <unistd.h>

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/io/legend.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/paint.h"
#include "groundglass/io/picture.h"
#include "groundglass/preprocess/slice.h"

namespace groundglass {
namespace {

/// A picture's one slice as PNG, on the grid that the picture's file has: uint8 as it is,
/// probabilities in 16 bits.
class PictureSink final : public SliceSink {
 public:
  PictureSink(std::string path, int orientation)
      : path_(std::move(path)), orientation_(orientation) {}
  void write(const torch::Tensor& slice) override {
    write_png(path_, as_stored(slice, orientation_).contiguous());
  }
  void finish() override {}

 private:
  std::string path_;
  int orientation_ = 1;
};

/// Upright axial slices, written back on the volume's own grid.
template <class Writer>
class AxialSink final : public SliceSink {
 public:
  AxialSink(const std::filesystem::path& path, const AxialSource& source)
      : source_(source),
        writer_(path, {source.info().depth, source.info().height, source.info().width},
                source.info().geometry) {}

  AxialSink(Writer writer, const AxialSource& source)
      : source_(source), writer_(std::move(writer)) {}

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

/// Slices on their way into DICOM objects, which are written when all is measured.
struct DicomWriter {
  std::shared_ptr<DicomCase> objects;

  void write_slice(const torch::Tensor& labels) const { objects->add_slice(labels); }
  void commit() const {}
};

/// The same for the lungs.
struct DicomLungWriter {
  std::shared_ptr<DicomCase> objects;

  void write_slice(const torch::Tensor& lungs) const { objects->add_lungs(lungs); }
  void commit() const {}
};

/// 255 where labels are not 0.
torch::Tensor as_picture(const torch::Tensor& labels) {
  return ((labels != 0) * 255).to(torch::kUInt8);
}

bool shorter(const std::string& a, const std::string& b) {
  return a.size() < b.size();
}

CaseNames names_of(const CaseOutputs& outputs, const PredictInput& input) {
  CaseNames names = {input.path.string(), outputs.model_name, outputs.class_names};
  if (!input.volume && !is_picture_name(input.path)) names.xray = input.path;
  names.split_hu = outputs.split_hu;
  return names;
}

}  // namespace

std::string mask_name(const PredictInput& input) {
  return input.stem + (input.volume ? "_mask.nii.gz" : "_mask.png");
}

void check_names_fit(const CaseOutputs& outputs, const PredictInput& input, int64_t classes) {
  const std::string format = input.volume ? ".nii.gz" : ".png";
  std::string ending = "_mask" + format;
  if (outputs.overlay) ending = std::max(ending, std::string("_overlay.png"), shorter);
  if (outputs.save_probabilities) {
    ending = "_probability" + (classes > 1 ? "_" + std::to_string(classes) : "") + format;
  }
  const auto name = std::filesystem::path(input.stem).filename().string() + ending;
  const int64_t most = pathconf(outputs.output.c_str(), _PC_NAME_MAX);
  if (most <= 0 || static_cast<int64_t>(name.size()) <= most) return;
  fail(ErrorKind::data, input.path.string() + ": is left out, since the name of its output, " +
                            name + ", has " + std::to_string(name.size()) +
                            " bytes, expected at most " + std::to_string(most) +
                            "; give it a shorter name");
}

CaseWriter::CaseWriter(const CaseOutputs& outputs, const Segmenter& segmenter,
                       const PredictInput& input, const Image& picture)
    : outputs_(outputs),
      options_(segmenter.options()),
      input_(input),
      measures_(names_of(outputs, input), segmenter, picture) {
  open_sinks();
  if (outputs_.dicom.any()) {
    dicom_ = open_dicom_picture(outputs_.dicom, input_.path, picture, measures_.summary());
  }
}

CaseWriter::CaseWriter(const CaseOutputs& outputs, const Segmenter& segmenter,
                       const PredictInput& input, const AxialSource& volume)
    : outputs_(outputs),
      options_(segmenter.options()),
      input_(input),
      volume_(&volume),
      measures_(names_of(outputs, input), segmenter, volume,
                outputs.save_lobes ? LobeMeasures::Keep::map : LobeMeasures::Keep::numbers) {
  open_sinks();
}

void CaseWriter::open_sinks() {
  mask_ = volume_ != nullptr
              ? std::unique_ptr<SliceSink>(
                    std::make_unique<AxialSink<LabelVolumeWriter>>(path("_mask.nii.gz"), *volume_))
              : std::make_unique<PictureSink>(path("_mask.png"), stored_orientation(input_.path));
  if (volume_ != nullptr && outputs_.dicom.any()) {
    dicom_ = open_dicom_case(outputs_.dicom, volume_->reader(), measures_.summary(),
                             lung_mask_maker(options_.lungs));
    dicom_mask_ = std::make_unique<AxialSink<DicomWriter>>(DicomWriter{dicom_}, *volume_);
    if (outputs_.dicom.lungs && options_.lungs.network) {
      dicom_lungs_ =
          std::make_unique<AxialSink<DicomLungWriter>>(DicomLungWriter{dicom_}, *volume_);
    }
  }
  if (volume_ != nullptr && outputs_.save_lungs && options_.lungs.network &&
      volume_->info().units == Units::hu) {
    lungs_ = std::make_unique<AxialSink<LabelVolumeWriter>>(path("_lungs.nii.gz"), *volume_);
  }
  if (volume_ == nullptr && outputs_.save_lungs && options_.xray_lungs.network) {
    lungs_ = std::make_unique<PictureSink>(path("_lungs.png"), stored_orientation(input_.path));
  }
  if (!outputs_.save_probabilities) return;
  probability_ = probability_sink("_probability");
  for (const auto& c : measures_.summary().classes) {
    class_probability_.push_back(probability_sink("_probability_" + std::to_string(c.label)));
  }
}

std::unique_ptr<SliceSink> CaseWriter::probability_sink(const std::string& ending) const {
  if (volume_ == nullptr) {
    return std::make_unique<PictureSink>(path(ending + ".png"), stored_orientation(input_.path));
  }
  return std::make_unique<AxialSink<ProbabilityVolumeWriter>>(path(ending + ".nii.gz"), *volume_);
}

std::string CaseWriter::path(const std::string& ending) const {
  return (outputs_.output / (input_.stem + ending)).string();
}

void CaseWriter::take(const Image& slice, const SliceResult& result) {
  const bool numbers = volume_ != nullptr || outputs_.class_numbers;
  mask_->write(numbers ? result.labels : as_picture(result.labels));
  if (dicom_mask_) {
    dicom_mask_->write(result.labels);
  } else if (dicom_) {
    dicom_->add_slice(result.labels);
  }
  if (probability_) probability_->write(result.probability.sum(0).clamp(0, 1));
  if (lungs_) lungs_->write(volume_ != nullptr ? result.lungs : as_picture(result.lungs));
  if (dicom_lungs_) dicom_lungs_->write(result.lungs);
  if (volume_ != nullptr && outputs_.watch)
    outputs_.watch(input_, *volume_, slices_, result.labels);
  for (size_t c = 0; c < class_probability_.size(); ++c) {
    class_probability_[c]->write(result.probability[static_cast<int64_t>(c)]);
  }
  measures_.take(slice, result);
  if (outputs_.overlay && (volume_ == nullptr || slices_ % volume_->tile_step() == 0)) {
    tiles_.push_back(overlay(to_gray(slice, options_.preprocess)[0], result.labels));
  }
  ++slices_;
}

CaseSummary CaseWriter::finish() {
  mask_->finish();
  if (probability_) probability_->finish();
  if (lungs_) lungs_->finish();
  for (auto& sink : class_probability_) sink->finish();
  CaseSummary summary = measures_.finish();
  summary.output = mask_name(input_);
  if (outputs_.save_lobes && summary.lobes_from == kLobesByShape) write_lobes();
  if (outputs_.overlay) write_overlay(summary);
  if (dicom_) {
    if (dicom_mask_) dicom_mask_->finish();
    if (dicom_lungs_) dicom_lungs_->finish();
    summary.objects = dicom_->write(outputs_.output, input_.stem, summary);
  }
  return summary;
}

void CaseWriter::write_lobes() const {
  AxialSink<LabelVolumeWriter> sink(path("_lobes.nii.gz"), *volume_);
  for (int64_t k = 0; k < slices_; ++k) sink.write(measures_.lobe_map(k));
  sink.finish();
}

void CaseWriter::write_overlay(const CaseSummary& summary) const {
  const auto picture = volume_ != nullptr ? montage(tiles_, 4, 320) : tiles_.front();
  write_png(path("_overlay.png"), with_legend(picture, legend_of(summary.classes)));
}

}  // namespace groundglass
