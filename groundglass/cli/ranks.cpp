#include "groundglass/cli/ranks.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include <torch/cuda.h>

#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/distributed/local_ranks.h"
#include "groundglass/distributed/team.h"

namespace groundglass {
namespace {

constexpr double kLongestTimeout_s = 86400;

bool spoken_for = false;
World own_world;

void check_rank_options(const Context& context) {
  const int64_t most = std::max<int64_t>(64, 4 * usable_processors());
  if (context.processes < 0 || context.processes > most) {
    fail(ErrorKind::usage, "--processes " + std::to_string(context.processes) + ": expected 1 to " +
                               std::to_string(most) + " on this machine");
  }
  if (!(context.timeout_s >= 1) || context.timeout_s > kLongestTimeout_s) {
    fail(ErrorKind::usage, "--timeout " + shortest(context.timeout_s) + ": expected 1 to " +
                               shortest(kLongestTimeout_s) + " seconds");
  }
}

/// The processors of one rank, where --threads does not say: a launcher that binds its ranks has
/// handed them out, otherwise the ranks of a machine share them.
int64_t threads_of_rank(const World& world) {
  const int64_t usable = usable_processors();
  const bool bound = usable < static_cast<int64_t>(sysconf(_SC_NPROCESSORS_ONLN));
  const bool handed_out = bound && world.meeting != Meeting::file;
  return handed_out ? usable
                    : std::max<int64_t>(1, usable / std::max<int64_t>(1, world.local_size));
}

/// The GPU of a rank's number on its machine, where a GPU is asked for without one.
void choose_gpu(Context& context) {
  const auto gpus = static_cast<int64_t>(torch::cuda::device_count());
  if (gpus == 0 || (context.device != "auto" && context.device != "cuda")) return;
  context.device = "cuda:" + std::to_string(own_world.local_rank % gpus);
}

void work_as_rank(Context& context, const std::function<void()>& work) {
  if (context.threads == 0) set_threads(threads_of_rank(own_world));
  choose_gpu(context);
  TeamOptions options;
  options.timeout_s = context.timeout_s;
  Team* joined = nullptr;
  options.on_lost = [&joined](const std::string& message) {
    if (joined == nullptr || joined->leave_early(message)) {
      std::cerr << "error: " << rank_in_front() << message << std::endl;
    }
    std::_Exit(static_cast<int>(ErrorKind::device));
  };
  const auto ranks = join_team(own_world, options);
  joined = ranks.get();
  const TeamScope scope(*ranks);
  try {
    ranks->check_same("the program", version_line() + " " + build_shape());
    work();
    ranks->leave();
  } catch (const Stopped& e) {
    if (ranks->stops_together()) {
      spoken_for = !ranks->leads();
      ranks->leave();
    } else {
      spoken_for = !ranks->leave_early(e.what(), e.exit_code() - 128);
    }
    throw;
  } catch (const std::exception& e) {
    spoken_for = !ranks->leave_early(e.what());
    throw;
  }
}

}  // namespace

void add_rank_options(CLI::App* verb, Context& context) {
  verb->add_option("--processes", context.processes,
                   "processes of this machine that train together; under torchrun, mpirun or srun "
                   "the launcher says it");
  verb->add_option("--timeout", context.timeout_s,
                   "seconds until a process that does not answer counts as lost (600)");
}

void run_as_team(Context& context, const std::function<void()>& work) {
  check_rank_options(context);
  own_world = world_of(own_environment());
  if (own_world.size > 1) {
    const bool ours = own_world.meeting == Meeting::file;
    if (context.processes > 0 && !ours && context.processes != own_world.size) {
      fail(ErrorKind::usage, "--processes " + std::to_string(context.processes) + ": " +
                                 own_world.launcher + " has started " +
                                 std::to_string(own_world.size) +
                                 " ranks already; leave --processes out");
    }
    return work_as_rank(context, work);
  }
  if (context.processes <= 1) return work();
  if (team_backends().empty()) {
    fail(ErrorKind::device, "--processes: this build's LibTorch has no Gloo; train in one process");
  }
  context.exit_code = run_local_ranks(context.processes);
}

bool errors_are_mine() {
  return !spoken_for;
}

std::string rank_in_front() {
  if (own_world.rank == 0) return "";
  return "rank " + std::to_string(own_world.rank) + " of " + std::to_string(own_world.size) + ": ";
}

}  // namespace groundglass
