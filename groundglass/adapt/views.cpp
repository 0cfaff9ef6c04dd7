#include "groundglass/adapt/views.h"

#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/core/torch_version.h"
#include "groundglass/models/mirrors.h"

namespace groundglass {
void view_slices(SegmentationModel& model, const PreparedSet& set, const std::vector<int64_t>& rows,
                 const ViewOptions& options, const std::function<void(const ViewedSlice&)>& take,
                 Observer& observer) {
  const torch::NoGradGuard no_grad;
  model.to(options.engine.device);
  model.eval();
  std::vector<Entry> entries;
  for (const int64_t row : rows) entries.push_back({row, 0, 0});
  Loader loader(set, entries, options.loader);
  int64_t done = 0;
  while (auto batch = loader.next()) {
    if (stop_signal() != 0) throw Stopped(stop_signal(), "stopped while predicting the target");
    const auto image = batch->image.to(options.engine.device);
    std::vector<torch::Tensor> seen;
    for (const auto& axes : mirror_axes(options.views)) {
      torch::Tensor logits;
      {
        const Autocast autocast(options.engine.device, options.engine.precision);
        logits = model.forward(mirrored(image, axes)).logits;
      }
      seen.push_back(mirrored(probabilities(logits.to(torch::kFloat32)), axes).cpu());
    }
    const auto all = torch::stack(seen);  // [V,N,F,H,W]
    const auto mean = all.mean(0), any = all.sum(2);
    for (int64_t i = 0; i < mean.size(0); ++i) {
      take({batch->rows[static_cast<size_t>(i)], mean[i], any.select(1, i)});
    }
    done += mean.size(0);
    observer.on(Progress{"slices of the target", done, static_cast<int64_t>(rows.size()), ""});
  }
}

}  // namespace groundglass
