#include "groundglass/adapt/batch_statistics.h"

#include "groundglass/core/error.h"
#include "groundglass/core/rng.h"
#include "groundglass/train/norm_statistics.h"

namespace groundglass {

int64_t reestimate_batch_norm(SegmentationModel& model, const PreparedSet& set,
                              const std::vector<int64_t>& rows, const LoaderOptions& loader,
                              const Engine& engine, double mix) {
  if (rows.empty()) fail(ErrorKind::data, "batch norm cannot be re-estimated on no slice");
  model.to(engine.device);
  Rng rng = rng_for(loader.seed, 0, 0xba7c4);
  std::vector<Entry> entries;  // mixed, so that a batch is not one patient's
  for (const int64_t i : permutation(static_cast<int64_t>(rows.size()), rng)) {
    entries.push_back({rows[static_cast<size_t>(i)], 0, 0});
  }
  const int64_t layers =
      reestimate_norms(model, [&](const torch::Tensor& x) { return model.forward(x).logits; }, set,
                       entries, {loader, engine, mix, "stopped while looking at the target"});
  if (layers == 0) {
    fail(ErrorKind::recipe, "[adapt] batch_norm is 'target' and the network has no batch norm");
  }
  model.eval();
  return layers;
}

}  // namespace groundglass
