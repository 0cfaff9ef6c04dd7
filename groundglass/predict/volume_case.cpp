#include "groundglass/predict/volume_case.h"

#include <algorithm>
#include <chrono>

#include "groundglass/core/error.h"
#include "groundglass/core/process.h"

namespace groundglass {

void pass_slices(const VolumePass& volume, Pace& pace, Observer& observer,
                 const std::function<void(const Image&, const SliceResult&)>& take) {
  const int64_t depth = volume.source.depth();
  for (int64_t begin = 0, end = 0; begin < depth; begin = end) {
    if (stop_signal() != 0) {
      throw Stopped(stop_signal(), "stopped; the same call goes on from here");
    }
    end = std::min(depth, begin + pace.next(volume.name, volume.need));
    const auto start = std::chrono::steady_clock::now();
    std::vector<Image> slices;
    for (int64_t k = begin; k < end; ++k) slices.push_back(volume.source.read(k));
    const auto results = volume.segmenter.segment(slices);
    for (size_t i = 0; i < slices.size(); ++i) take(slices[i], results[i]);
    const auto now = std::chrono::steady_clock::now();
    pace.took(end - begin, std::chrono::duration<double>(now - start).count());
    observer.on(Progress{"slices", end, depth, ""});
  }
}

CaseSummary predict_volume(Segmenter& segmenter, const CaseOutputs& outputs,
                           const PredictInput& input, Pace& pace, Observer& observer) {
  AxialSource source(input.path, segmenter.options().preprocess.units);
  CaseWriter writer(outputs, segmenter, input, source);
  const MemoryNeed need =
      need_of_volume(source, segmenter,
                     {outputs.save_probabilities, outputs.overlay, outputs.save_lungs,
                      outputs.save_lobes, outputs.dicom.any()});
  pass_slices({segmenter, source, input.path, need}, pace, observer,
              [&](const Image& slice, const SliceResult& result) { writer.take(slice, result); });
  return writer.finish();
}

}  // namespace groundglass
