#include "groundglass/predict/segment_in_memory.h"

#include "groundglass/core/error.h"
#include "groundglass/io/volume_in_memory.h"
#include "groundglass/predict/volume_case.h"

namespace groundglass {
namespace {

/// Keeps what comes out of the network, and turns it back to the volume's own grid.
class KeptSlices {
 public:
  KeptSlices(const AxialSource& source, int64_t classes) : source_(source) {
    const auto& info = source.info();
    const std::array<int64_t, 3> stored = {info.depth, info.height, info.width};
    std::array<int64_t, 3> size = stored;
    for (size_t axis = 0; axis < 3 && !source.streams(); ++axis) {
      size[axis] = stored[static_cast<size_t>(source.view().order[axis])];
    }
    labels_ = torch::empty(size, torch::kUInt8);
    probabilities_ = torch::empty({classes, size[0], size[1], size[2]});
  }

  void take(const SliceResult& result) {
    labels_[next_].copy_(as_stored(result.labels));
    probabilities_.select(1, next_).copy_(as_stored(result.probability));
    ++next_;
  }

  torch::Tensor labels() const {
    return source_.streams() ? labels_ : source_.view().undo(labels_).contiguous();
  }
  torch::Tensor probabilities() const {
    if (source_.streams()) return probabilities_;
    std::vector<torch::Tensor> maps;
    for (const auto& map : probabilities_.unbind(0)) maps.push_back(source_.view().undo(map));
    return torch::stack(maps);
  }

 private:
  torch::Tensor as_stored(const torch::Tensor& slice) const {
    return source_.streams() ? source_.view().undo_on_slice(slice) : slice;
  }

  const AxialSource& source_;
  torch::Tensor labels_, probabilities_;  // in the order of the slices
  int64_t next_ = 0;
};

void add_warnings(CaseSummary& summary, Segmenter& segmenter) {
  for (auto& text : segmenter.runner().take_warnings()) summary.warnings.push_back(std::move(text));
}

}  // namespace

MemoryResult segment_in_memory(Segmenter& segmenter, const Image& image, const CaseNames& names) {
  if (!image.pixels.defined() || image.pixels.dim() != 3 || image.pixels.numel() == 0) {
    fail(ErrorKind::data, names.input + ": pixels are " +
                              (image.pixels.defined() ? shape_text(image.pixels) : "undefined") +
                              ", expected [C,H,W] with at least one of each");
  }
  CaseMeasures measures(names, segmenter, image);
  auto results = segmenter.segment({image});
  segmenter.ask_detector({image}, results);
  const SliceResult& result = results.front();
  measures.take(image, result);
  MemoryResult answer = {result.labels, result.probability, measures.finish()};
  add_warnings(answer.summary, segmenter);
  return answer;
}

MemoryResult segment_in_memory(Segmenter& segmenter, const Volume& volume, const CaseNames& names,
                               Observer& observer) {
  auto reader = volume_in_memory(volume, names.input);
  const AxialView view = axial_view(reader->info().geometry);
  AxialSource source(std::move(reader), view);
  MemoryNeed need = need_of_volume(source, segmenter, {});
  const int64_t kept = volume.voxels.numel() * (1 + 4 * segmenter.classes());
  need.whole += source.streams() ? kept : 2 * kept;

  CaseMeasures measures(names, segmenter, source);
  KeptSlices slices(source, segmenter.classes());
  Pace pace(segmenter, {}, observer);
  pass_slices({segmenter, source, names.input, need}, pace, observer,
              [&](const Image& slice, const SliceResult& result) {
                slices.take(result);
                measures.take(slice, result);
              });
  MemoryResult answer = {slices.labels(), slices.probabilities(), measures.finish()};
  add_warnings(answer.summary, segmenter);
  return answer;
}

}  // namespace groundglass
