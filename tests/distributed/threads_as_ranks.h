#pragma once

#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "groundglass/core/parallel.h"
#include "groundglass/distributed/team.h"
#include "tests/scratch_folder.h"

namespace groundglass {

/// Runs `work` on `size` ranks, each a thread with a team of its own that really talks over Gloo.
/// Throws what the first rank that failed threw. For a size of 1 there is no team.
inline void on_ranks(int64_t size, const std::function<void(Team&)>& work, double timeout_s = 60) {
  if (size == 1) return work(team());
  const ScratchFolder folder;
  std::vector<std::exception_ptr> errors(static_cast<size_t>(size));
  std::vector<std::thread> threads;
  for (int64_t r = 0; r < size; ++r) {
    threads.emplace_back([&, r] {
      use_one_openmp_thread();
      try {
        World world = world_of(environment_of_rank(r, size, (folder / "meeting").string()));
        const auto ranks = join_team(world, {.timeout_s = timeout_s});
        const TeamScope scope(*ranks);
        try {
          work(*ranks);
        } catch (const std::exception& e) {
          ranks->leave_early(e.what());
          throw;
        }
        ranks->leave();
      } catch (...) {
        errors[static_cast<size_t>(r)] = std::current_exception();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

/// The images of a global batch that a rank holds, [n,...] of [N,...].
inline torch::Tensor share_of(const torch::Tensor& images, const Team& ranks) {
  std::vector<int64_t> places;
  for (int64_t i = ranks.rank(); i < images.size(0); i += ranks.size()) places.push_back(i);
  return images.index_select(0, torch::tensor(places, torch::kInt64));
}

}  // namespace groundglass
