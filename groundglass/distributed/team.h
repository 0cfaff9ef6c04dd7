#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "groundglass/distributed/world.h"

namespace groundglass {

/// A sum over the ranks that goes on beside other work.
class PendingSum {
 public:
  virtual ~PendingSum() = default;
  /// Returns when the tensor holds the sum. Throws as Team does.
  virtual void wait() = 0;
};

/// The processes that train together, as one of them sees it. Every method below is a collective:
/// all ranks call the same ones in the same order. A rank that is missing, or not there within the
/// timeout, is an Error(device) that names it, on every rank that is left; where a rank was stopped
/// by a signal, the others throw Stopped as well.
class Team {
 public:
  virtual ~Team() = default;

  int64_t rank() const { return rank_; }
  int64_t size() const { return size_; }
  /// True for the one rank that writes files and speaks.
  bool leads() const { return rank_ == 0; }

  /// Adds a tensor up over the ranks, in place; all get the same bits. `what` is for messages.
  virtual void sum(torch::Tensor& tensor, const std::string& what) = 0;

  /// The same, not waited for. Several may be on their way, beside calls of the other methods.
  /// bfloat16 numbers on the CPU are added up in float32, in the order of ranks, and rounded once.
  virtual std::unique_ptr<PendingSum> begin_sum(torch::Tensor tensor) = 0;

  /// The tensors of all ranks, [size, ...], by rank.
  virtual torch::Tensor gather(const torch::Tensor& mine, const std::string& what) = 0;

  /// Gives every rank what rank 0 holds, in place.
  virtual void broadcast(torch::Tensor& tensor, const std::string& what) = 0;

  /// Returns when all ranks have come.
  virtual void barrier(const std::string& what) = 0;

  /// Rank 0 works, as a team of one, while the others wait, however long it takes; then all go on.
  virtual void leader_first(const std::function<void()>& work) = 0;

  /// Throws on every rank if not all ranks give the same text: Error(usage) that names `what` ("the
  /// recipe") and the first rank that differs from rank 0.
  void check_same(const std::string& what, const std::string& text);

  /// The largest of the ranks' numbers. Where the ranks' collectives so far were not the same ones,
  /// in the same order, it throws Error(internal): no sum since can be trusted.
  int64_t largest(int64_t number, const std::string& what);

  /// The signal that asked any of the ranks to stop, or 0 on all of them. From then on the ranks
  /// know that they stop together.
  int agreed_stop(int signal_number);

  /// True once agreed_stop() has returned a signal.
  bool stops_together() const { return stops_together_; }

  /// Not a collective: tells the others that this rank ends, because of an error or, unless
  /// `signal_number` is 0, of a signal that the others know nothing of. Returns true if nobody has
  /// spoken about the end of this world before, so that one rank alone does.
  virtual bool leave_early(const std::string& message, int signal_number = 0) = 0;

  /// The last call of a training that went well.
  virtual void leave() = 0;

 protected:
  Team(int64_t rank, int64_t size) : rank_(rank), size_(size) {}
  /// Notes a collective in the digest that largest() compares. Sums that are begun and those that
  /// are waited for travel apart, so that only the order within each matters.
  enum class Way { waited_for, begun };
  void note(const std::string& what, const torch::Tensor& tensor, Way way = Way::waited_for);

 private:
  int64_t rank_, size_;
  uint64_t order_[2] = {};
  bool stops_together_ = false;
};

/// How long ranks wait for each other, and what happens if one is lost meanwhile.
struct TeamOptions {
  double timeout_s = 600;  ///< until a rank that does not answer counts as lost
  /// Called on a thread of its own, with the message, when a rank is lost while this one does not
  /// notice (it computes, or waits for an answer that will not come); it should end the process.
  std::function<void(const std::string&)> on_lost = {};
};

/// Joins the ranks of a world of two or more. Throws Error(device) naming the ranks that did not
/// come within the timeout, or if this build's LibTorch has no Gloo.
std::unique_ptr<Team> join_team(const World& world, const TeamOptions& options);

/// "gloo", and "nccl" where LibTorch was built with it; empty where it was built without both.
std::vector<std::string> team_backends();

/// The team of the calling thread: that of the innermost TeamScope, or a team of one, which does
/// nothing.
Team& team();

/// A team of one.
Team& team_of_one();

/// While it lives, team() is the given one on this thread.
class TeamScope {
 public:
  explicit TeamScope(Team& current);
  ~TeamScope();
  TeamScope(const TeamScope&) = delete;
  TeamScope& operator=(const TeamScope&) = delete;

 private:
  Team* before_;
};

}  // namespace groundglass
