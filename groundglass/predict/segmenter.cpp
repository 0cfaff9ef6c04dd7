#include "groundglass/predict/segmenter.h"

#include <chrono>

#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/core/torch_version.h"
#include "groundglass/preprocess/normalise.h"

namespace groundglass {

Segmenter::Segmenter(SegmenterOptions options) : options_(std::move(options)) {
  options_.model->eval();
  options_.model->to(options_.engine.device);
}

int64_t Segmenter::threads() const {
  return options_.threads > 0 ? options_.threads : usable_processors();
}

NetworkSlice Segmenter::on_network_grid(const Image& image) const {
  return to_network_grid(image, options_.preprocess);
}

torch::Tensor Segmenter::input_of(const NetworkSlice& slice) const {
  return normalised(slice.pixels.unsqueeze(0), options_.preprocess.normalise);
}

std::vector<SliceResult> Segmenter::segment(const std::vector<Image>& slices) {
  const torch::NoGradGuard no_grad;
  const auto n = static_cast<int64_t>(slices.size());
  std::vector<SliceResult> results(slices.size());
  for (int64_t begin = 0; begin < n; begin += options_.batch_size) {
    const int64_t size = std::min(options_.batch_size, n - begin);
    std::vector<torch::Tensor> inputs(static_cast<size_t>(size));
    std::vector<Box> boxes(static_cast<size_t>(size));
    parallel_for_each(size, threads(), [&](int64_t i) {
      const auto at = static_cast<size_t>(i);
      const NetworkSlice slice = on_network_grid(slices[static_cast<size_t>(begin + i)]);
      inputs[at] = input_of(slice);
      boxes[at] = slice.box;
    });
    const auto batch = torch::cat(inputs).to(options_.engine.device);
    const auto start = std::chrono::steady_clock::now();
    torch::Tensor logits;
    {
      const Autocast autocast(options_.engine.device, options_.engine.precision);
      logits = options_.model->forward(batch).logits.to(torch::kFloat32);
    }
    const auto p = probabilities(logits).cpu();
    forward_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    parallel_for_each(size, threads(), [&](int64_t i) {
      const torch::NoGradGuard no_grad_here;
      const auto& pixels = slices[static_cast<size_t>(begin + i)].pixels;
      auto& result = results[static_cast<size_t>(begin + i)];
      result.probability =
          to_slice_grid(p[i], boxes[static_cast<size_t>(i)], pixels.size(1), pixels.size(2));
      result.labels = labels(result.probability.unsqueeze(0), options_.threshold).squeeze(0);
    });
  }
  return results;
}

}  // namespace groundglass
