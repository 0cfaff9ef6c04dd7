#include "groundglass/predict/memory_need.h"

#include <algorithm>

#include "groundglass/preprocess/lung_mask.h"

namespace groundglass {
namespace {

// Bytes for each pixel of a slice that live for a moment on one thread. Counted in the code: a
// window in HU keeps four copies as float, painting a colour six and a picture of three channels.
constexpr int64_t kPreparing = 24, kPainting = 48, kWriting = 16, kDecoding = 16;
constexpr int64_t kGrowing = 4;         // lungs, about which marks stay, with columns that grow
constexpr int64_t kPieces = 24;         // of lung, being numbered
constexpr int64_t kBesides = 16 << 20;  // packers, tables and what the heap cannot give back

/// Slices of that many pixels, of `stored` bytes each.
MemoryNeed need_of_slices(int64_t pixels, int64_t stored, const Segmenter& segmenter,
                          const ExtraOutputs& outputs) {
  const auto& options = segmenter.options();
  const int64_t network = options.preprocess.size[0] * options.preprocess.size[1];
  const int64_t channels = options.model->in_channels(), classes = segmenter.classes();
  const int64_t logits = options.model->out_channels();
  const int64_t tempered = options.temperature != 1 ? 3 * 4 * (classes + 1) : 0;
  MemoryNeed need;
  need.outputs = outputs;
  // pixels twice, as read and upright; input twice, by itself and in its batch; logits, their
  // probabilities and a step between
  need.each = pixels * (2 * stored + 4 * classes + 1) + network * 4 * (2 * channels + 3 * logits);
  const int64_t answering = 8 * classes + 4 + tempered;
  // class maps of the slice besides; it has no such network itself
  const auto& finder = options.lungs.network ? options.lungs.network : options.near_lungs.network;
  if (finder) need.each += need_of_slices(pixels, stored, *finder, {}).each + pixels;
  need.whole = segmenter.threads() * pixels *
                   std::max({kPreparing, answering, options.near_lungs.any() ? kGrowing : 0}) +
               kBesides + pixels * (kWriting + (outputs.overlay ? kPainting : 0));
  return need;
}

}  // namespace

MemoryNeed need_of_volume(const AxialSource& source, const Segmenter& segmenter,
                          const ExtraOutputs& outputs) {
  const auto& info = source.info();
  const auto stored = static_cast<int64_t>(torch::elementSize(info.type));
  const int64_t voxels = info.depth * info.height * info.width;
  const int64_t depth = source.depth(), pixels = voxels / std::max<int64_t>(depth, 1);
  MemoryNeed need = need_of_slices(pixels, stored, segmenter, outputs);
  need.whole += pixels * kDecoding;
  if (info.units == Units::hu) {  // bits for each coarse voxel, in vectors that double, and 13
                                  // bytes for each one with lesion: at most a sixteenth of them
    constexpr int64_t kCoarse = LungEstimator::kCoarseness * LungEstimator::kCoarseness;
    const int64_t estimators = segmenter.options().lungs.network ? 5 : 1;  // four, framed
    need.whole += estimators * 3 * voxels / kCoarse * 19 / 16;
    if (segmenter.options().lungs.lobes.any()) {  // a byte of HU, a side, and lobes, framed and not
      need.whole += (3 + 3 + 1) * voxels / kCoarse;
      if (outputs.lobes) need.whole += 3 * voxels / 8 + (info.depth > 0 ? pixels : 0);
    }
  }
  if (outputs.dicom) {  // bits as collected, packed, in the object and in its digest; key slices
    need.whole += 4 * voxels / 8 * segmenter.classes() + 12 * 3 * 3 * pixels;
  }
  if (outputs.overlay) need.whole += source.tiles() * 3 * pixels + kBesides;
  need.turned = !source.streams();
  if (need.turned) {
    const int64_t maps =
        outputs.probabilities ? 1 + (segmenter.classes() > 1 ? segmenter.classes() : 0) : 0;
    const int64_t kept = 1 + 4 * maps + (outputs.lungs ? 1 : 0) + (outputs.lobes ? 1 : 0),
                  turning = maps > 0 ? 8 : 2;
    need.whole += voxels * std::max(2 * stored, stored + kept + turning);
  }
  return need;
}

MemoryNeed need_of_pictures(int64_t height, int64_t width, const Segmenter& segmenter,
                            const ExtraOutputs& outputs) {
  const int64_t pixels = height * width;
  MemoryNeed need = need_of_slices(pixels, 4, segmenter, outputs);
  if (const auto& lungs = segmenter.options().xray_lungs.network) {
    need.each += need_of_slices(pixels, 4, *lungs, {}).each + pixels;
    need.whole += segmenter.threads() * pixels * kPieces;
  }
  // reading and writing go on side by side
  const int64_t painting = kWriting + kDecoding + (outputs.overlay ? kPainting : 0);
  // the picture as shown, painted, in the object and in its file
  const int64_t objects = outputs.dicom ? 1 + 3 * 3 : 0;
  need.whole += segmenter.threads() * pixels * (painting + objects);
  return need;
}

}  // namespace groundglass
