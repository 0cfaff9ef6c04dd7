#include "groundglass/distributed/gradient_buckets.h"

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"

namespace groundglass {

/// A parameter's place in a bucket.
struct GradientBuckets::Slot {
  torch::Tensor parameter;
  size_t bucket = 0;
  int64_t begin = 0;    ///< in the bucket's numbers
  int64_t flag = 0;     ///< the number that says on how many ranks it has a gradient
  torch::Tensor place;  ///< a view of the bucket in the parameter's shape and layout
  bool arrived = false;
  unsigned hook = 0;
};

struct GradientBuckets::Bucket {
  torch::Tensor numbers;  ///< gradients, then a flag for each
  int64_t slots = 0;
  int64_t size = 0;
  int64_t waiting = 0;  ///< slots whose gradient has not come
  std::unique_ptr<PendingSum> pending;
};

GradientBuckets::GradientBuckets(std::vector<torch::Tensor> parameters, Team& ranks,
                                 const GradientBucketOptions& options)
    : ranks_(ranks) {
  const torch::NoGradGuard no_grad;
  for (size_t i = parameters.size(); i-- > 0;) {
    const auto& parameter = parameters[i];
    if (!parameter.requires_grad()) continue;
    const int64_t limit = (buckets_.size() <= 1 ? options.first_mib : options.bucket_mib) << 20;
    const bool other_kind =
        !slots_.empty() && (slots_.back().parameter.scalar_type() != parameter.scalar_type() ||
                            slots_.back().parameter.device() != parameter.device());
    if (buckets_.empty() || other_kind ||
        (buckets_.back().size + parameter.numel()) * parameter.element_size() > limit) {
      buckets_.emplace_back();
    }
    Slot slot;
    slot.parameter = parameter;
    slot.bucket = buckets_.size() - 1;
    slot.begin = buckets_.back().size;
    slot.flag = buckets_.back().slots++;
    buckets_.back().size += parameter.numel();
    slots_.push_back(slot);
  }
  for (size_t s = 0; s < slots_.size(); ++s) {
    auto& slot = slots_[s];
    auto& bucket = buckets_[slot.bucket];
    if (!bucket.numbers.defined()) {
      bucket.numbers = torch::zeros({bucket.size + bucket.slots}, slot.parameter.options());
    }
    slot.flag += bucket.size;
    slot.place = bucket.numbers.narrow(0, slot.begin, slot.parameter.numel())
                     .as_strided(slot.parameter.sizes(), slot.parameter.strides(), slot.begin);
    slot.hook = slot.parameter.register_hook(
        [this, s](const torch::Tensor& gradient) { arrive(s, gradient); });
  }
}

GradientBuckets::~GradientBuckets() {
  for (auto& slot : slots_) slot.parameter.remove_hook(slot.hook);
}

int64_t GradientBuckets::bytes() const {
  int64_t all = 0;
  for (const auto& bucket : buckets_) all += bucket.numbers.numel() * bucket.numbers.element_size();
  return all;
}

void GradientBuckets::begin() {
  sent_ = 0;
  for (auto& bucket : buckets_) bucket.waiting = bucket.slots;
  for (auto& slot : slots_) {
    slot.arrived = false;
    slot.parameter.mutable_grad().reset();
  }
}

void GradientBuckets::arrive(size_t index, const torch::Tensor& gradient) {
  const torch::NoGradGuard no_grad;
  auto& slot = slots_[index];
  auto& bucket = buckets_[slot.bucket];
  if (slot.arrived) {
    fail(ErrorKind::internal, "a gradient has come twice in one step; please report it");
  }
  slot.arrived = true;
  slot.place.copy_(gradient);
  bucket.numbers[slot.flag].fill_(1);
  --bucket.waiting;
  send_ready();
}

void GradientBuckets::send_ready() {
  for (; sent_ < buckets_.size() && buckets_[sent_].waiting == 0; ++sent_) {
    buckets_[sent_].pending = ranks_.begin_sum(buckets_[sent_].numbers);
  }
}

void GradientBuckets::finish() {
  const torch::NoGradGuard no_grad;
  for (auto& slot : slots_) {
    if (slot.arrived) continue;
    auto& bucket = buckets_[slot.bucket];
    slot.place.zero_();
    bucket.numbers[slot.flag].zero_();
    --bucket.waiting;
  }
  send_ready();
  const double begin = now_s();
  for (auto& bucket : buckets_) {
    bucket.pending->wait();
    bucket.pending.reset();
  }
  waited_s_ += now_s() - begin;
  for (const auto& bucket : buckets_) {
    const auto flags = bucket.numbers.narrow(0, bucket.size, bucket.slots).cpu();
    for (auto& slot : slots_) {
      if (&buckets_[slot.bucket] != &bucket) continue;
      const bool anywhere = flags[slot.flag - bucket.size].item<double>() > 0;
      slot.parameter.mutable_grad() = anywhere ? slot.place : torch::Tensor();
    }
  }
}

}  // namespace groundglass
