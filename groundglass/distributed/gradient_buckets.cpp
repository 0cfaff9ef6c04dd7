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

  bool travels_as_it_is() const { return place.scalar_type() == parameter.scalar_type(); }
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
  const auto kind_of = [&](const torch::Tensor& parameter) {
    return parameter.scalar_type() == torch::kFloat32 ? options.float_travels_as
                                                      : parameter.scalar_type();
  };
  for (size_t i = parameters.size(); i-- > 0;) {
    const auto& parameter = parameters[i];
    if (!parameter.requires_grad()) continue;
    const auto bytes = static_cast<int64_t>(c10::elementSize(kind_of(parameter)));
    const int64_t limit = (buckets_.size() <= 1 ? options.first_mib : options.bucket_mib) << 20;
    const bool other_kind =
        !slots_.empty() && (slots_.back().parameter.scalar_type() != parameter.scalar_type() ||
                            slots_.back().parameter.device() != parameter.device());
    if (buckets_.empty() || other_kind ||
        (buckets_.back().size + parameter.numel()) * bytes > limit) {
      buckets_.emplace_back();
    }
    Slot slot;
    slot.parameter = parameter;
    slot.bucket = buckets_.size() - 1;
    buckets_.back().size += parameter.numel();
    slots_.push_back(slot);
  }
  if (!slots_.empty()) {
    part_the_last((options.last_mib << 20) /
                  static_cast<int64_t>(c10::elementSize(kind_of(slots_.back().parameter))));
  }
  for (auto& bucket : buckets_) bucket.size = 0;
  for (auto& slot : slots_) {
    auto& bucket = buckets_[slot.bucket];
    slot.begin = bucket.size;
    slot.flag = bucket.slots++;
    bucket.size += slot.parameter.numel();
  }
  for (size_t s = 0; s < slots_.size(); ++s) {
    auto& slot = slots_[s];
    auto& bucket = buckets_[slot.bucket];
    if (!bucket.numbers.defined()) {
      bucket.numbers = torch::zeros({bucket.size + bucket.slots},
                                    slot.parameter.options().dtype(kind_of(slot.parameter)));
    }
    slot.flag += bucket.size;
    slot.place = bucket.numbers.narrow(0, slot.begin, slot.parameter.numel())
                     .as_strided(slot.parameter.sizes(), slot.parameter.strides(), slot.begin);
    slot.hook = slot.parameter.register_hook(
        [this, s](const torch::Tensor& gradient) { return arrive(s, gradient); });
  }
}

/// Gives the end of the last bucket, as much of it as `most_numbers` allow, a bucket of its own.
void GradientBuckets::part_the_last(int64_t most_numbers) {
  const size_t last = buckets_.size() - 1;
  size_t begin = slots_.size();
  for (int64_t size = 0; begin > 0 && slots_[begin - 1].bucket == last; --begin) {
    size += slots_[begin - 1].parameter.numel();
    if (size > most_numbers) break;
  }
  const bool whole = begin == 0 || slots_[begin - 1].bucket != last;
  if (whole || begin == slots_.size()) return;
  buckets_.emplace_back();
  for (size_t s = begin; s < slots_.size(); ++s) slots_[s].bucket = last + 1;
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

/// Returns what LibTorch keeps as the parameter's gradient instead; undefined for the same one.
torch::Tensor GradientBuckets::arrive(size_t index, const torch::Tensor& gradient) {
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
  // A new view, which LibTorch takes as it is, so that the gradient itself is let go of.
  return slot.travels_as_it_is() ? slot.place.alias() : torch::Tensor();
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
      slot.parameter.mutable_grad() =
          anywhere ? slot.place.to(slot.parameter.scalar_type()) : torch::Tensor();
    }
  }
}

}  // namespace groundglass
