#pragma once

#include <array>
#include <vector>

#include "groundglass/distributed/c10d.h"

#ifdef GROUNDGLASS_GLOO

#include <torch/types.h>

namespace groundglass {

/// Hands few numbers from every rank to every rank, as global batch norm does in each layer. What
/// such messages cost is the handing from thread to thread: a sum or gather of Gloo's passes
/// through its worker threads, and a message to a rank that does not wait for it yet takes a round
/// trip. Here ranks send directly, and what is to be received next is waited for all the time, so
/// that the rank that comes last finds everything there.
///
/// A connection of Gloo's has one lock. Its thread that receives asks for it again and again while
/// another thread sends on that connection, and where both want the same processor it does so until
/// its turn ends: 2 to 4 ms in every tenth exchange on two processors. So what is sent, what is
/// received and what is waited for beforehand go over different connections: two directions, and
/// even and odd exchanges.
class Exchange {
 public:
  using Group = c10::intrusive_ptr<c10d::ProcessGroupGloo>;

  static constexpr int64_t kMostRanks = 8;  ///< more are better served by a ring
  static constexpr int64_t kMostBytes = 32768;

  static constexpr size_t kGroups = 4;

  /// The groups hold the same ranks, and nothing else sends from rank to rank in them.
  explicit Exchange(std::array<Group, kGroups> groups);

  /// True for CPU tensors that are small enough, in a small enough world.
  bool takes(const torch::Tensor& numbers) const;

  /// The tensors of all ranks, by rank; of one shape and kind, which is not checked here. Throws
  /// std::exception where a rank is lost.
  std::vector<torch::Tensor> of_all(const torch::Tensor& mine);

 private:
  using Work = decltype(std::declval<c10d::ProcessGroupGloo&>().recv(
      std::declval<std::vector<at::Tensor>&>(), 0, 0));
  /// What is received from each rank, by rank; nothing from this one.
  struct Received {
    std::vector<torch::Tensor> bytes;
    std::vector<Work> pending;
  };
  void expect(Received& received, int64_t number);
  /// What carries an exchange from one rank to another.
  c10d::ProcessGroupGloo& way(int from, int to, int64_t number);

  std::array<Group, kGroups> groups_;
  int rank_, size_;
  int64_t number_ = 0;  ///< of the next exchange
  torch::Tensor sent_;
  std::array<Received, 2> received_;  ///< of even and of odd exchanges
};

}  // namespace groundglass

#endif
