#include "groundglass/distributed/team.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/rng.h"

namespace groundglass {
namespace {

/// A world of one: nothing to do.
class Alone final : public Team {
 public:
  Alone() : Team(0, 1) {}
  void sum(torch::Tensor&, const std::string&) override {}
  std::unique_ptr<PendingSum> begin_sum(torch::Tensor) override {
    class Done final : public PendingSum {
      void wait() override {}
    };
    return std::make_unique<Done>();
  }
  torch::Tensor gather(const torch::Tensor& mine, const std::string&) override {
    return mine.unsqueeze(0);
  }
  void broadcast(torch::Tensor&, const std::string&) override {}
  void barrier(const std::string&) override {}
  void leader_first(const std::function<void()>& work) override { work(); }
  bool leave_early(const std::string&, int) override { return true; }
  void leave() override {}
};

thread_local Team* current_team = nullptr;

/// The first 16 digits of a SHA-256 as a number that survives a tensor.
int64_t digest_of(const std::string& text) {
  return static_cast<int64_t>(std::stoull(sha256(text).substr(0, 16), nullptr, 16));
}

}  // namespace

void Team::note(const std::string& what, const torch::Tensor& tensor, Way way) {
  if (size_ == 1) return;
  auto& order = order_[way == Way::begun ? 1 : 0];
  order = mix_keys(order, std::hash<std::string>{}(what), static_cast<uint64_t>(tensor.numel()),
                   static_cast<uint64_t>(tensor.scalar_type()));
}

void Team::check_same(const std::string& what, const std::string& text) {
  if (size_ == 1) return;
  const auto all =
      gather(torch::tensor({digest_of(text)}, torch::kInt64), "comparing " + what).flatten();
  for (int64_t r = 1; r < size_; ++r) {
    if (all[r].item<int64_t>() == all[0].item<int64_t>()) continue;
    fail(ErrorKind::usage, "rank " + std::to_string(r) + " differs from rank 0 in " + what +
                               ", expected the same on all " + std::to_string(size_) +
                               " ranks; start them with one program, one command line, one folder "
                               "of data and processors of one kind");
  }
}

int64_t Team::largest(int64_t number, const std::string& what) {
  if (size_ == 1) return number;
  const auto mine =
      torch::tensor({number, static_cast<int64_t>(mix_keys(order_[0], order_[1]))}, torch::kInt64);
  const auto all = gather(mine, what);
  for (int64_t r = 1; r < size_; ++r) {
    if (all[r][1].item<int64_t>() == all[0][1].item<int64_t>()) continue;
    fail(ErrorKind::internal, "rank " + std::to_string(r) +
                                  " has added up other tensors than rank 0 before " + what +
                                  "; nothing of this step was kept, please report it");
  }
  return all.select(1, 0).max().item<int64_t>();
}

int Team::agreed_stop(int signal_number) {
  const auto agreed = static_cast<int>(largest(signal_number, "asking who was told to stop"));
  if (agreed != 0) stops_together_ = true;
  return agreed;
}

Team& team_of_one() {
  static Alone alone;
  return alone;
}

Team& team() {
  return current_team != nullptr ? *current_team : team_of_one();
}

TeamScope::TeamScope(Team& current) : before_(current_team) {
  current_team = &current;
}

TeamScope::~TeamScope() {
  current_team = before_;
}

}  // namespace groundglass
