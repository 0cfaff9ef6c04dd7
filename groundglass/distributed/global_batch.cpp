#include "groundglass/distributed/global_batch.h"

#include <limits>

#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/autograd/custom_function.h>

namespace groundglass {
namespace {

thread_local GlobalBatch* current_batch = nullptr;

/// Adds up over the ranks and hands the gradient through.
class SumOverRanks final : public torch::autograd::Function<SumOverRanks> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext*, const torch::Tensor& mine) {
    auto sum = mine.detach().clone(at::MemoryFormat::Contiguous);
    GlobalBatch::current()->ranks().sum(sum, "adding up the loss");
    return sum;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*,
                                                 torch::autograd::variable_list gradients) {
    return gradients;
  }
};

}  // namespace

GlobalBatch::GlobalBatch(Team& ranks, int64_t images, BatchStatistics statistics,
                         uint64_t draws_key)
    : ranks_(ranks),
      images_(images),
      statistics_(statistics),
      draws_(at::detail::createCPUGenerator(draws_key)),
      before_(current_batch) {
  current_batch = this;
}

GlobalBatch::~GlobalBatch() {
  current_batch = before_;
}

GlobalBatch* GlobalBatch::current() {
  return current_batch;
}

int64_t GlobalBatch::held() const {
  return (images_ - ranks_.rank() + ranks_.size() - 1) / ranks_.size();
}

int64_t GlobalBatch::next_draw() {
  return torch::randint(std::numeric_limits<int64_t>::max(), {1}, draws_, torch::kInt64)
      .item<int64_t>();
}

torch::Tensor over_ranks(const torch::Tensor& sum) {
  if (current_batch == nullptr) return sum;
  return SumOverRanks::apply(sum);
}

int64_t images_in_batch(int64_t here) {
  return current_batch == nullptr ? here : current_batch->images();
}

}  // namespace groundglass
