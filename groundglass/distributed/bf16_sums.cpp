#include "groundglass/distributed/bf16_sums.h"

#ifdef GROUNDGLASS_GLOO

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "groundglass/core/parallel.h"

namespace groundglass {
namespace {

/// The ranks' numbers, one rank after the other -> their sum.
void add_up_in_order(const at::BFloat16* received, int64_t ranks, int64_t n, at::BFloat16* sum) {
  std::array<float, 1024> block;
  for (int64_t begin = 0; begin < n; begin += static_cast<int64_t>(block.size())) {
    const int64_t length = std::min<int64_t>(static_cast<int64_t>(block.size()), n - begin);
    std::fill_n(block.begin(), length, 0.0F);
    for (int64_t r = 0; r < ranks; ++r) {
      const at::BFloat16* numbers = received + r * n + begin;
      for (int64_t i = 0; i < length; ++i) block[static_cast<size_t>(i)] += numbers[i];
    }
    for (int64_t i = 0; i < length; ++i) sum[begin + i] = block[static_cast<size_t>(i)];
  }
}

torch::Tensor as_bytes(const torch::Tensor& numbers) {
  return numbers.view(torch::kUInt8);
}

void add_up_over_ranks(c10d::ProcessGroupGloo& group, const torch::Tensor& numbers) {
  const int64_t ranks = group.getSize(), n = numbers.numel(), part = (n + ranks - 1) / ranks;
  const auto flat = numbers.view({n});
  auto whole = flat;
  if (n != part * ranks) {  // all parts have to be of one length
    whole = torch::zeros({part * ranks}, numbers.options());
    whole.narrow(0, 0, n).copy_(flat);
  }
  const auto received = torch::empty_like(whole);
  std::vector<int64_t> equal_parts;
  auto sent_bytes = as_bytes(whole), received_bytes = as_bytes(received);
  group.alltoall_base(received_bytes, sent_bytes, equal_parts, equal_parts)->wait();
  const auto sum = torch::empty({part}, numbers.options());
  add_up_in_order(received.data_ptr<at::BFloat16>(), ranks, part, sum.data_ptr<at::BFloat16>());
  std::vector<at::Tensor> mine = {as_bytes(sum)};
  std::vector<std::vector<at::Tensor> > all(1);
  for (int64_t r = 0; r < ranks; ++r) all[0].push_back(as_bytes(whole.narrow(0, r * part, part)));
  group.allgather(all, mine)->wait();
  if (!whole.is_same(flat)) flat.copy_(whole.narrow(0, 0, n));
}

class PendingBf16Sum final : public PendingSum {
 public:
  PendingBf16Sum(std::future<void> done, Bf16Sums::Lost lost)
      : done_(std::move(done)), lost_(std::move(lost)) {}
  void wait() override {
    try {
      done_.get();
    } catch (const std::exception& e) {
      lost_("adding up gradients", e.what());
    }
  }

 private:
  std::future<void> done_;
  Bf16Sums::Lost lost_;
};

}  // namespace

/// What waits to be added up. The thread holds it, too, so that it may outlive the object.
struct Bf16Sums::Line {
  struct Order {
    torch::Tensor numbers;
    std::promise<void> done;
  };

  explicit Line(Group g) : group(std::move(g)) {}

  void work() {
    use_one_openmp_thread();
    const torch::NoGradGuard no_grad;
    for (;;) {
      Order order;
      {
        std::unique_lock lock(guard);
        changed.wait(lock, [this] { return ends || !orders.empty(); });
        if (orders.empty()) return;
        order = std::move(orders.front());
        orders.pop_front();
      }
      try {
        add_up_over_ranks(*group, order.numbers);
        order.done.set_value();
      } catch (...) {
        order.done.set_exception(std::current_exception());
      }
    }
  }

  Group group;
  std::mutex guard;
  std::condition_variable changed;
  std::deque<Order> orders;
  bool ends = false;
  std::thread thread;
};

Bf16Sums::Bf16Sums(Group group) : line_(std::make_shared<Line>(std::move(group))) {
  line_->thread = std::thread([line = line_] { line->work(); });
}

Bf16Sums::~Bf16Sums() {
  {
    const std::lock_guard lock(line_->guard);
    line_->ends = true;
  }
  line_->changed.notify_all();
  if (line_->thread.joinable()) line_->thread.join();
}

std::unique_ptr<PendingSum> Bf16Sums::begin(torch::Tensor numbers, Lost lost) {
  Line::Order order{std::move(numbers), {}};
  auto pending = std::make_unique<PendingBf16Sum>(order.done.get_future(), std::move(lost));
  {
    const std::lock_guard lock(line_->guard);
    line_->orders.push_back(std::move(order));
  }
  line_->changed.notify_all();
  return pending;
}

void Bf16Sums::abandon() {
  if (!line_->thread.joinable()) return;
  auto kept = line_->group;
  (void)kept.release();  // the thread may be the last to let go of it
  const std::lock_guard lock(line_->guard);
  line_->orders.clear();
  line_->ends = true;
  line_->thread.detach();
  line_->changed.notify_all();
}

}  // namespace groundglass

#endif
