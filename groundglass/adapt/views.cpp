#include "groundglass/adapt/views.h"

#include "groundglass/core/task.h"
#include "groundglass/models/mirrors.h"

namespace groundglass {

void view_slices(SegmentationModel& model, const PreparedSet& set, const std::vector<int64_t>& rows,
                 const AnswerOptions& options, const std::function<void(const ViewedSlice&)>& take,
                 Observer& observer) {
  model.to(options.engine.device);
  std::vector<Entry> entries;
  for (const int64_t row : rows) entries.push_back({row, 0, 0});
  int64_t done = 0;
  const auto look = [&](const Batch& batch) {
    const auto image = batch.image.to(options.engine.device);
    std::vector<torch::Tensor> seen;
    for (const auto& axes : mirror_axes(options.views)) {
      const auto logits = answer(model, mirrored(image, axes), options.engine);
      seen.push_back(mirrored(probabilities(logits), axes).cpu());
    }
    const auto all = torch::stack(seen);  // [V,N,F,H,W]
    const auto mean = all.mean(0);
    for (int64_t i = 0; i < mean.size(0); ++i) {
      take({batch.rows[static_cast<size_t>(i)], mean[i], all.select(1, i)});
    }
    done += mean.size(0);
    observer.on(Progress{"slices of the target", done, static_cast<int64_t>(rows.size()), ""});
  };
  for_each_batch(model, set, entries, options.loader, "stopped while predicting the target", look);
}

}  // namespace groundglass
