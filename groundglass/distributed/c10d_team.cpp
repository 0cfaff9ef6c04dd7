#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/distributed/team.h"

#if defined(USE_C10D_GLOO) && __has_include(<gloo/context.h>)
#define GROUNDGLASS_GLOO 1
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#endif

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
using StorePtr = c10::intrusive_ptr<c10d::Store>;
using WorkPtr = decltype(std::declval<c10d::ProcessGroupGloo&>().allreduce(
    std::declval<std::vector<at::Tensor>&>()));

constexpr auto kPoll = chrono::milliseconds(20);
constexpr auto kWatch = chrono::milliseconds(300);
constexpr double kReportsWithin_s = 3;  ///< living ranks say where they are
constexpr double kLeaderSpeaksWithin_s = 1;
constexpr double kOthersAskWithin_s = 5;  ///< a busy machine keeps them waiting
constexpr double kNoticesWithin_s = 10;   ///< a rank whose collective failed finds out by itself

std::string first_line_of(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

chrono::milliseconds milliseconds(double seconds) {
  return chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

/// The address by which this machine reaches another: the one that listeners of ours bind to. Empty
/// if that machine's name is unknown.
std::string own_address_towards(const std::string& host) {
  addrinfo wanted = {};
  wanted.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), "9", &wanted, &found) != 0) return "";
  std::string address;
  const int s = socket(found->ai_family, SOCK_DGRAM, 0);
  // Connecting a datagram socket sends nothing; it only chooses the way.
  if (s >= 0 && connect(s, found->ai_addr, found->ai_addrlen) == 0) {
    sockaddr_storage own = {};
    socklen_t length = sizeof own;
    char text[NI_MAXHOST] = {};
    auto* generic = reinterpret_cast<sockaddr*>(&own);
    if (getsockname(s, generic, &length) == 0 &&
        getnameinfo(generic, length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
      address = text;
    }
  }
  if (s >= 0) close(s);
  freeaddrinfo(found);
  return address;
}

std::shared_ptr< ::gloo::transport::Device> listening_device(const World& world) {
  if (!world.network_card.empty()) {
    return c10d::ProcessGroupGloo::createDeviceForInterface(world.network_card);
  }
  const bool says_here = world.address.rfind("127.", 0) == 0 || world.address == "localhost";
  if (world.on_one_machine() || says_here)
    return c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1");
  const std::string address = own_address_towards(world.address);
  if (address.empty()) {
    fail(ErrorKind::device, world.address +
                                ": this name of rank 0's machine is not known here; set "
                                "MASTER_ADDR to one that all machines know");
  }
  const bool loopback = address.rfind("127.", 0) == 0 || address == "::1";
  if (loopback && world.local_size == 0) {
    fail(ErrorKind::device, world.address + ": leads to " + address +
                                ", which other machines cannot reach; set GLOO_SOCKET_IFNAME to "
                                "the network card that joins them, or MASTER_ADDR to its address");
  }
  return c10d::ProcessGroupGloo::createDeviceForHostname(address);
}

StorePtr open_store(const World& world, bool serves, double timeout_s) {
  if (world.meeting == Meeting::file) {
    auto store = c10::make_intrusive<c10d::FileStore>(world.file, -1);
    store->setTimeout(milliseconds(timeout_s));
    return store;
  }
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(world.port);
  options.isServer = serves && world.meeting == Meeting::listener;
  options.waitWorkers = false;
  options.timeout = milliseconds(timeout_s);
  return c10::make_intrusive<c10d::TCPStore>(world.address, options);
}

std::string text_in(c10d::Store& store, const std::string& key) {
  const auto bytes = store.get(key);
  return {bytes.begin(), bytes.end()};
}

void put(c10d::Store& store, const std::string& key, const std::string& text) {
  store.set(key, std::vector<uint8_t>(text.begin(), text.end()));
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
      notes_ = open_store(world, false, options.timeout_s);
      assemble();
      device_ = listening_device(world);
      sums_ = gloo_group("sums");
      gradients_ = gloo_group("gradients");
    } catch (const Error&) {
      abandon();
      throw;
    } catch (const std::exception& e) {
      abandon();
      fail(ErrorKind::device, "the " + std::to_string(size()) + " ranks of " + world.launcher +
                                  " cannot be joined at " + meeting_text() + " (" +
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
      std::vector<at::Tensor> list = {dense};
      all_reduce(list, Use::sums)->wait();
      if (!dense.is_same(tensor)) tensor.copy_(dense);
    });
  }

  std::unique_ptr<PendingSum> begin_sum(torch::Tensor tensor) override {
    note("gradients", tensor, Way::begun);
    std::unique_ptr<PendingSum> pending;
    guarded("adding up gradients", [&] {
      std::vector<at::Tensor> list = {std::move(tensor)};
      auto work = all_reduce(list, Use::gradients);
      pending = std::make_unique<PendingWork>(
          std::move(work), std::move(list),
          [this](const std::string& what, const std::string& why) { lost(what, why); });
    });
    return pending;
  }

  torch::Tensor gather(const torch::Tensor& mine, const std::string& what) override {
    note(what, mine);
    torch::Tensor all;
    guarded(what, [&] {
      std::vector<at::Tensor> in = {mine.contiguous()};
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
    const std::string done = key("done/" + std::to_string(++works_));
    if (leads()) {
      const TeamScope alone(team_of_one());
      work();
      guarded("telling that rank 0 is done", [&] {
        const std::lock_guard lock(notes_guard_);
        put(*notes_, done, "1");
      });
      return;
    }
    while (!noted(done)) {
      if (noted(key("trouble"))) lost("waiting for rank 0", "rank 0 has not finished");
      std::this_thread::sleep_for(10 * kPoll);
    }
  }

  bool leave_early(const std::string& message, int signal_number) override {
    failed_ = true;
    try {
      tell_trouble(message, signal_number);
      // What all ranks find wrong is said by rank 0, which is given time to be first.
      if (!leads()) wait_for(key("spoken"), now_s() + kLeaderSpeaksWithin_s);
      const bool first = speaks_first();
      const double end = now_s() + kOthersAskWithin_s;
      // The meeting goes down with rank 0, so that it waits until the others have asked.
      for (int64_t r = 1; leads() && r < size(); ++r) {
        wait_for(key("heard/" + std::to_string(r)), end);
      }
      return first;
    } catch (const std::exception&) {
      return true;  // the meeting went down with rank 0: there is nobody to ask
    }
  }

  void leave() override {
    try {
      const double end = now_s() + options_.timeout_s;
      {
        const std::lock_guard lock(notes_guard_);
        put(*notes_, key("left/" + std::to_string(rank())), "1");
      }
      if (leads()) {
        for (int64_t r = 1; r < size(); ++r) wait_for(key("left/" + std::to_string(r)), end);
        const std::lock_guard lock(notes_guard_);
        put(*notes_, key("closed"), "1");
      } else {
        wait_for(key("closed"), end);
      }
    } catch (const std::exception&) {
      // All collectives are behind us: whoever went first took nothing from us.
    }
  }

 private:
  enum class Use { sums, gradients };

  std::string key(const std::string& name) const {
    return world_.prefix + name;
  }

  std::string meeting_text() const {
    return world_.meeting == Meeting::file ? world_.file
                                           : world_.address + ":" + std::to_string(world_.port);
  }

  /// A rank that ends because another is lost has nothing to add.
  void tell_trouble(const std::string& message, int signal_number) {
    const std::lock_guard lock(notes_guard_);
    if (notes_->check({key("trouble")})) return;
    if (signal_number != 0) put(*notes_, key("stopped"), std::to_string(signal_number));
    put(*notes_, key("said"),
        "rank " + std::to_string(rank()) + " of " + std::to_string(size()) +
            " has ended: " + message);
    put(*notes_, key("trouble"), "1");
  }

  bool speaks_first() {
    const std::lock_guard lock(notes_guard_);
    const bool first = notes_->add(key("spoken"), 1) == 1;
    put(*notes_, key("heard/" + std::to_string(rank())), "1");
    return first;
  }

  bool noted(const std::string& name) {
    const std::lock_guard lock(notes_guard_);
    return notes_->check({name});
  }

  bool wait_for(const std::string& name, double end_s) {
    while (!noted(name)) {
      if (now_s() > end_s) return false;
      std::this_thread::sleep_for(kPoll);
    }
    return true;
  }

  /// Waits until all ranks have shown themselves.
  void assemble() {
    put(*notes_, key("here/" + std::to_string(rank())), "1");
    const double end = now_s() + options_.timeout_s;
    std::vector<std::string> late;
    for (int64_t r = 0; r < size(); ++r) {
      if (!wait_for(key("here/" + std::to_string(r)), end)) late.push_back(std::to_string(r));
    }
    if (late.empty()) return;
    constexpr size_t kNamed = 8;
    const size_t more = late.size() > kNamed ? late.size() - kNamed : 0;
    late.resize(late.size() - more);
    fail(ErrorKind::device, (late.size() + more == 1 ? "rank " : "ranks ") + joined(late, ", ") +
                                (more > 0 ? " and " + std::to_string(more) + " more" : "") +
                                " of " + std::to_string(size()) + " did not come to " +
                                meeting_text() + " within " + fixed(options_.timeout_s, 0) +
                                " s; look at what they say, or give more time with --timeout");
  }

  GlooGroup gloo_group(const std::string& name) {
    auto options = c10d::ProcessGroupGloo::Options::create();
    options->devices.push_back(device_);
    options->threads = 2;
    options->timeout = milliseconds(options_.timeout_s);
    return c10::make_intrusive<c10d::ProcessGroupGloo>(
        c10::make_intrusive<c10d::PrefixStore>(key(name), store_), static_cast<int>(rank()),
        static_cast<int>(size()), options);
  }

#ifdef USE_C10D_NCCL
  c10d::ProcessGroupNCCL& nccl(Use use) {
    auto& group = use == Use::sums ? nccl_sums_ : nccl_gradients_;
    if (!group) {
      auto options = c10d::ProcessGroupNCCL::Options::create();
      options->timeout = milliseconds(options_.timeout_s);
      group = c10::make_intrusive<c10d::ProcessGroupNCCL>(
          c10::make_intrusive<c10d::PrefixStore>(
              key(use == Use::sums ? "nccl/sums" : "nccl/gradients"), store_),
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
      {
        const std::lock_guard lock(notes_guard_);
        if (!notes_->check({key("trouble")})) put(*notes_, key("trouble"), "1");
      }
      report();
      const std::string message = who_is_missing(what, why);
      const std::lock_guard lock(notes_guard_);
      if (notes_->check({key("stopped")})) {
        throw Stopped(std::stoi(text_in(*notes_, key("stopped"))), message);
      }
      fail(ErrorKind::device, message);
    } catch (const Error&) {
      throw;
    } catch (const Stopped&) {
      throw;
    } catch (const std::exception&) {
      fail(ErrorKind::device, rank_0_is_gone(what));
    }
  }

  std::string rank_0_is_gone(const std::string& what) const {
    return "rank 0 of " + std::to_string(size()) + " is missing (" + what + "; " + meeting_text() +
           " does not answer); the same command goes on from the last checkpoint";
  }

  /// Says in the notes how many collectives this rank has begun.
  void report() {
    const std::lock_guard lock(notes_guard_);
    const std::string mine = key("at/" + std::to_string(rank()));
    if (!notes_->check({mine})) put(*notes_, mine, std::to_string(issued_.load()));
  }

  /// Names the ranks that do not report, or else those that have begun fewer collectives than this
  /// one, in one line.
  std::string who_is_missing(const std::string& what, const std::string& why) {
    std::vector<std::string> silent, behind;
    const double end = now_s() + kReportsWithin_s;
    if (noted(key("said"))) {
      const std::lock_guard lock(notes_guard_);
      return text_in(*notes_, key("said"));
    }
    for (int64_t r = 0; r < size(); ++r) {
      const std::string theirs = key("at/" + std::to_string(r));
      if (r == rank()) continue;
      if (!wait_for(theirs, end)) {
        silent.push_back(std::to_string(r));
        continue;
      }
      const std::lock_guard lock(notes_guard_);
      if (std::stoll(text_in(*notes_, theirs)) < issued_) behind.push_back(std::to_string(r));
    }
    const std::string go_on = "; the same command goes on from the last checkpoint";
    const auto& named = silent.empty() ? behind : silent;
    if (named.empty()) {
      return "the " + std::to_string(size()) + " ranks have lost each other while " + what + " (" +
             first_line_of(why) + ")" + go_on;
    }
    return (named.size() == 1 ? "rank " : "ranks ") + joined(named, ", ") + " of " +
           std::to_string(size()) + (named.size() == 1 ? " is" : " are") + " missing while " +
           what + " (dead, or not there within " + fixed(options_.timeout_s, 0) + " s)" + go_on;
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
        if (!noted(key("trouble"))) continue;
        report();
        if (notices_itself()) return;
        message = who_is_missing("another rank waits", "");
      } catch (const std::exception&) {
        if (notices_itself()) return;
        message = rank_0_is_gone("watching the others");
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
#ifdef USE_C10D_NCCL
    (void)nccl_sums_.release();
    (void)nccl_gradients_.release();
#endif
  }

  const World world_;
  const TeamOptions options_;
  StorePtr store_, notes_;
  std::mutex notes_guard_;
  std::shared_ptr< ::gloo::transport::Device> device_;
  GlooGroup sums_, gradients_;
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
