#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/distributed/bf16_sums.h"
#include "groundglass/distributed/c10d.h"
#include "groundglass/distributed/exchange.h"
#include "groundglass/distributed/listening_device.h"
#include "groundglass/distributed/meeting_notes.h"
#include "groundglass/distributed/team.h"

namespace groundglass {

#ifndef GROUNDGLASS_GLOO

std::vector<std::string> team_backends() {
  return {};
}

std::unique_ptr<Team> join_team(const World&, const TeamOptions&) {
  fail(ErrorKind::device,
       "this build's LibTorch has no Gloo, or its headers (libgloo-dev) were not there when it was "
       "built; train in one process");
}

#else

namespace {
namespace chrono = std::chrono;

#ifdef USE_C10D_NCCL
using NcclGroup = c10::intrusive_ptr<c10d::ProcessGroupNCCL>;
#endif
using GlooGroup = c10::intrusive_ptr<c10d::ProcessGroupGloo>;
using WorkPtr = decltype(std::declval<c10d::ProcessGroupGloo&>().allreduce(
    std::declval<std::vector<at::Tensor>&>()));

constexpr auto kPoll = chrono::milliseconds(20);
constexpr auto kWatch = chrono::milliseconds(300);
constexpr double kLeaderSpeaksWithin_s = 1;
constexpr double kOthersAskWithin_s = 5;  ///< a busy machine keeps them waiting
constexpr double kNoticesWithin_s = 10;   ///< a rank whose collective failed finds out by itself

chrono::milliseconds milliseconds(double seconds) {
  return chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

class PendingWork final : public PendingSum {
 public:
  using Lost = std::function<void(const std::string& what, const std::string& why)>;
  PendingWork(WorkPtr work, std::vector<at::Tensor> tensors, Lost lost)
      : work_(std::move(work)), tensors_(std::move(tensors)), lost_(std::move(lost)) {}
  void wait() override {
    try {
      work_->wait();
    } catch (const std::exception& e) {
      lost_("adding up gradients", e.what());
    }
  }

 private:
  WorkPtr work_;
  std::vector<at::Tensor> tensors_;  // live as long as the work
  Lost lost_;
};

/// Ranks joined by c10d.
class TorchTeam final : public Team {
 public:
  TorchTeam(const World& world, const TeamOptions& options)
      : Team(world.rank, world.size), world_(world), options_(options) {
    try {
      store_ = open_store(world, world.rank == 0, options.timeout_s);
      notes_.open(open_store(world, false, options.timeout_s), world, options.timeout_s);
      notes_.assemble();
      device_ = listening_device(world);
      sums_ = gloo_group("sums");
      gradients_ = gloo_group("gradients");
      if (size() <= Exchange::kMostRanks) exchange_ = new_exchange();
    } catch (const Error&) {
      abandon();
      throw;
    } catch (const std::exception& e) {
      abandon();
      fail(ErrorKind::device, "the " + std::to_string(size()) + " ranks of " + world.launcher +
                                  " cannot be joined at " + meeting_text(world) + " (" +
                                  first_line_of(e.what()) + ")");
    }
    watcher_ = std::thread([this] { watch(); });
  }

  ~TorchTeam() override {
    {
      const std::lock_guard lock(guard_);
      ends_ = true;
    }
    changed_.notify_all();
    if (watcher_.joinable()) watcher_.join();
    if (failed_) abandon();
  }

  void sum(torch::Tensor& tensor, const std::string& what) override {
    note(what, tensor);
    guarded(what, [&] {
      auto dense = tensor.is_contiguous() ? tensor : tensor.contiguous();
      if (exchange_ && exchange_->takes(dense)) {
        const auto all = exchange_->of_all(dense);
        auto sum = all[0].clone();
        for (size_t r = 1; r < all.size(); ++r) sum.add_(all[r]);
        tensor.copy_(sum);
        return;
      }
      std::vector<at::Tensor> list = {dense};
      all_reduce(list, Use::sums)->wait();
      if (!dense.is_same(tensor)) tensor.copy_(dense);
    });
  }

  std::unique_ptr<PendingSum> begin_sum(torch::Tensor tensor) override {
    note("gradients", tensor, Way::begun);
    std::unique_ptr<PendingSum> pending;
    const auto lose = [this](const std::string& what, const std::string& why) { lost(what, why); };
    guarded("adding up gradients", [&] {
      if (tensor.scalar_type() == torch::kBFloat16 && !tensor.is_cuda()) {
        if (!bf16_sums_) bf16_sums_ = std::make_unique<Bf16Sums>(gloo_group("bf16 gradients"));
        pending = bf16_sums_->begin(std::move(tensor), lose);
        return;
      }
      std::vector<at::Tensor> list = {std::move(tensor)};
      auto work = all_reduce(list, Use::gradients);
      pending = std::make_unique<PendingWork>(std::move(work), std::move(list), lose);
    });
    return pending;
  }

  torch::Tensor gather(const torch::Tensor& mine, const std::string& what) override {
    note(what, mine);
    torch::Tensor all;
    guarded(what, [&] {
      std::vector<at::Tensor> in = {mine.contiguous()};
      if (exchange_ && exchange_->takes(in[0])) {
        all = torch::stack(exchange_->of_all(in[0]));
        return;
      }
      std::vector<std::vector<at::Tensor> > out(1);
      for (int64_t r = 0; r < size(); ++r) out[0].push_back(torch::empty_like(in[0]));
#ifdef USE_C10D_NCCL
      if (mine.is_cuda()) {
        nccl(Use::sums).allgather(out, in)->wait();
        all = torch::stack(out[0]);
        return;
      }
#endif
      sums_->allgather(out, in)->wait();
      all = torch::stack(out[0]);
    });
    return all;
  }

  void broadcast(torch::Tensor& tensor, const std::string& what) override {
    note(what, tensor);
    guarded(what, [&] {
      auto dense = tensor.contiguous();
      std::vector<at::Tensor> list = {dense};
#ifdef USE_C10D_NCCL
      if (tensor.is_cuda()) {
        nccl(Use::sums).broadcast(list)->wait();
      } else {
        sums_->broadcast(list)->wait();
      }
#else
      sums_->broadcast(list)->wait();
#endif
      if (!dense.is_same(tensor)) tensor.copy_(dense);
    });
  }

  void barrier(const std::string& what) override {
    auto one = torch::ones({1}, torch::kInt64);
    sum(one, what);
  }

  void leader_first(const std::function<void()>& work) override {
    const std::string done = "done/" + std::to_string(++works_);
    if (leads()) {
      const TeamScope alone(team_of_one());
      work();
      guarded("telling that rank 0 is done", [&] { notes_.put(done); });
      return;
    }
    while (!notes_.has(done)) {
      if (notes_.has("trouble")) lost("waiting for rank 0", "rank 0 has not finished");
      std::this_thread::sleep_for(10 * kPoll);
    }
  }

  bool leave_early(const std::string& message, int signal_number) override {
    failed_ = true;
    try {
      notes_.tell_trouble(message, signal_number);
      // What all ranks find wrong is said by rank 0, which is given time to be first.
      if (!leads()) notes_.wait_for("spoken", now_s() + kLeaderSpeaksWithin_s);
      const bool first = notes_.speaks_first();
      const double end = now_s() + kOthersAskWithin_s;
      // The meeting goes down with rank 0, so that it waits until the others have asked.
      for (int64_t r = 1; leads() && r < size(); ++r) {
        notes_.wait_for("heard/" + std::to_string(r), end);
      }
      return first;
    } catch (const std::exception&) {
      return true;  // the meeting went down with rank 0: there is nobody to ask
    }
  }

  void leave() override {
    try {
      const double end = now_s() + options_.timeout_s;
      notes_.put("left/" + std::to_string(rank()));
      if (leads()) {
        for (int64_t r = 1; r < size(); ++r) notes_.wait_for("left/" + std::to_string(r), end);
        notes_.put("closed");
      } else {
        notes_.wait_for("closed", end);
      }
    } catch (const std::exception&) {
      // All collectives are behind us: whoever went first took nothing from us.
    }
  }

 private:
  enum class Use { sums, gradients };

  GlooGroup gloo_group(const std::string& name) {
    auto options = c10d::ProcessGroupGloo::Options::create();
    options->devices.push_back(device_);
    options->threads = 2;
    options->timeout = milliseconds(options_.timeout_s);
    return c10::make_intrusive<c10d::ProcessGroupGloo>(
        c10::make_intrusive<c10d::PrefixStore>(notes_.key(name), store_), static_cast<int>(rank()),
        static_cast<int>(size()), options);
  }

  std::unique_ptr<Exchange> new_exchange() {
    std::array<GlooGroup, Exchange::kGroups> groups;
    for (size_t i = 0; i < groups.size(); ++i) {
      groups[i] = gloo_group("exchange/" + std::to_string(i));
    }
    return std::make_unique<Exchange>(std::move(groups));
  }

#ifdef USE_C10D_NCCL
  c10d::ProcessGroupNCCL& nccl(Use use) {
    auto& group = use == Use::sums ? nccl_sums_ : nccl_gradients_;
    if (!group) {
      // Otherwise wait() returns at once, and a lost rank is told to nobody before NCCL's watchdog
      // aborts the process. The first name is LibTorch's up to 2.1.
      for (const char* name : {"NCCL_BLOCKING_WAIT", "TORCH_NCCL_BLOCKING_WAIT"}) {
        setenv(name, "1", /*overwrite=*/0);
      }
      auto options = c10d::ProcessGroupNCCL::Options::create();
      options->timeout = milliseconds(options_.timeout_s);
      group = c10::make_intrusive<c10d::ProcessGroupNCCL>(
          c10::make_intrusive<c10d::PrefixStore>(
              notes_.key(use == Use::sums ? "nccl/sums" : "nccl/gradients"), store_),
          static_cast<int>(rank()), static_cast<int>(size()), options);
    }
    return *group;
  }
#endif

  WorkPtr all_reduce(std::vector<at::Tensor>& list, Use use) {
#ifdef USE_C10D_NCCL
    if (list[0].is_cuda()) return nccl(use).allreduce(list);
#endif
    return (use == Use::sums ? sums_ : gradients_)->allreduce(list);
  }

  template <class Collective>
  void guarded(const std::string& what, const Collective& collective) {
    ++issued_;
    try {
      collective();
    } catch (const std::exception& e) {
      lost(what, e.what());
    }
  }

  /// Ends a collective that failed: finds out who is missing and throws.
  [[noreturn]] void lost(const std::string& what, const std::string& why) {
    failed_ = true;
    try {
      if (!notes_.has("trouble")) notes_.put("trouble");
      notes_.report(issued_);
      const std::string message = notes_.who_is_missing(what, why, issued_);
      if (notes_.has("stopped")) throw Stopped(std::stoi(notes_.text("stopped")), message);
      fail(ErrorKind::device, message);
    } catch (const Error&) {
      throw;
    } catch (const Stopped&) {
      throw;
    } catch (const std::exception&) {
      fail(ErrorKind::device, notes_.rank_0_is_gone(what));
    }
  }

  /// The watcher's thread: reports where this rank is when another is in trouble, and ends the
  /// process if it does not notice by itself.
  void watch() {
    for (;;) {
      {
        std::unique_lock lock(guard_);
        if (changed_.wait_for(lock, kWatch, [&] { return ends_; })) return;
      }
      std::string message;
      try {
        if (!notes_.has("trouble")) continue;
        notes_.report(issued_);
        if (notices_itself()) return;
        message = notes_.who_is_missing("another rank waits", "", issued_);
      } catch (const std::exception&) {
        if (notices_itself()) return;
        message = notes_.rank_0_is_gone("watching the others");
      }
      if (options_.on_lost) options_.on_lost(message);
      return;
    }
  }

  bool notices_itself() {
    std::unique_lock lock(guard_);
    const double end = now_s() + kNoticesWithin_s;
    while (now_s() < end && !ends_ && !failed_) changed_.wait_for(lock, kWatch);
    return ends_ || failed_;
  }

  /// Lets go of groups whose destructors would wait for ranks that are gone.
  void abandon() {
    (void)sums_.release();
    (void)gradients_.release();
    if (bf16_sums_) bf16_sums_->abandon();
    (void)exchange_.release();  // it waits for messages, which may come as long as a group lives
#ifdef USE_C10D_NCCL
    (void)nccl_sums_.release();
    (void)nccl_gradients_.release();
#endif
  }

  const World world_;
  const TeamOptions options_;
  StorePtr store_;
  MeetingNotes notes_;
  std::shared_ptr< ::gloo::transport::Device> device_;
  GlooGroup sums_, gradients_;
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<Bf16Sums> bf16_sums_;  ///< once there is one to begin
#ifdef USE_C10D_NCCL
  NcclGroup nccl_sums_, nccl_gradients_;
#endif
  std::atomic<int64_t> issued_ = 0;
  std::atomic<bool> failed_ = false;
  int64_t works_ = 0;
  std::mutex guard_;
  std::condition_variable changed_;
  bool ends_ = false;
  std::thread watcher_;
};

}  // namespace

std::vector<std::string> team_backends() {
#ifdef USE_C10D_NCCL
  return {"gloo", "nccl"};
#else
  return {"gloo"};
#endif
}

std::unique_ptr<Team> join_team(const World& world, const TeamOptions& options) {
  return std::make_unique<TorchTeam>(world, options);
}

#endif

}  // namespace groundglass
