#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace groundglass {

/// Names and values, as a launcher sets them.
using Environment = std::map<std::string, std::string>;

/// Where the ranks of a world meet.
enum class Meeting {
  listener,  ///< rank 0 listens at `address`:`port`
  agent,     ///< torchrun's agent listens there already
  file,      ///< a file that ranks of one machine share
};

/// This process among those that train together.
struct World {
  int64_t rank = 0;
  int64_t size = 1;
  int64_t local_rank = 0;  ///< among the ranks of this machine
  int64_t local_size = 1;  ///< ranks on this machine; 0 where the launcher does not say
  std::string launcher;  ///< "torchrun", "srun", "mpirun" or "--processes"; empty for a single one
  Meeting meeting = Meeting::listener;
  std::string address;       ///< of rank 0
  int64_t port = 0;          ///< of the meeting
  std::string file;          ///< of the meeting
  std::string prefix;        ///< of this start's keys, where a meeting outlives it
  std::string network_card;  ///< GLOO_SOCKET_IFNAME; empty: the one that reaches `address`

  /// All ranks run on this machine.
  bool on_one_machine() const { return local_size == size; }
};

/// The world that a launcher describes: torchrun, mpirun (Open MPI, or MPICH's Hydra), srun, or the
/// variables that --processes sets; a world of one where none of them is found.
///
/// mpirun comes before srun, because on several machines of Slurm it starts its own helpers by
/// srun, whose numbers are not the ranks'. Throws Error(usage) naming a variable that is missing or
/// is no such number.
World world_of(const Environment& environment);

/// The variables of this process.
Environment own_environment();

/// The variables that rank `rank` of `size` finds when --processes has started it.
Environment environment_of_rank(int64_t rank, int64_t size, const std::string& file);

/// The names in a list of machines as Slurm writes it: "a[1-3,07],b" is a1 a2 a3 a07 b. Throws
/// Error(usage) for a text that is no such list.
std::vector<std::string> expand_hosts(const std::string& list);

}  // namespace groundglass
