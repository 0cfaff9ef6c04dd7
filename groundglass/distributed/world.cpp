#include "groundglass/distributed/world.h"

#include <unistd.h>

#include <cctype>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

constexpr int64_t kMostRanks = 65536;
constexpr int64_t kFirstPort = 20000, kPorts = 10000;  // where Slurm's jobs get theirs
constexpr int64_t kMpiPort = 29500;  // torch's own, for mpirun without MASTER_PORT

const std::string* find(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() || found->second.empty() ? nullptr : &found->second;
}

std::string text_of(const Environment& environment, const std::string& name) {
  const std::string* value = find(environment, name);
  return value == nullptr ? "" : *value;
}

int64_t number(const std::string& name, const std::string& value, int64_t low, int64_t high) {
  const bool digits = !value.empty() && value.size() < 10 &&
                      value.find_first_not_of("0123456789") == std::string::npos;
  const int64_t n = digits ? std::stoll(value) : -1;
  if (n < low || n > high) {
    fail(ErrorKind::usage, "environment variable " + name + " is " + in_quotes(value) +
                               ", expected a number from " + std::to_string(low) + " to " +
                               std::to_string(high) + "; start the ranks with one launcher");
  }
  return n;
}

int64_t needed(const Environment& environment, const std::string& name, int64_t low, int64_t high,
               const std::string& launcher) {
  const std::string* value = find(environment, name);
  if (value == nullptr) {
    fail(ErrorKind::usage, "environment variable " + name + " is missing beside those of " +
                               launcher + "; start the ranks with one launcher");
  }
  return number(name, *value, low, high);
}

int64_t given(const Environment& environment, const std::string& name, int64_t low, int64_t high,
              int64_t otherwise) {
  const std::string* value = find(environment, name);
  return value == nullptr ? otherwise : number(name, *value, low, high);
}

/// Rank and size by the names that a launcher gives them.
World ranks(const Environment& environment, const std::string& launcher, const std::string& rank,
            const std::string& size) {
  World world;
  world.launcher = launcher;
  world.size = needed(environment, size, 1, kMostRanks, launcher);
  world.rank = needed(environment, rank, 0, world.size - 1, launcher);
  return world;
}

World of_torchrun(const Environment& environment) {
  World world = ranks(environment, "torchrun", "RANK", "WORLD_SIZE");
  world.local_rank = given(environment, "LOCAL_RANK", 0, kMostRanks, world.rank);
  world.local_size = given(environment, "LOCAL_WORLD_SIZE", 1, kMostRanks, 0);
  world.address = text_of(environment, "MASTER_ADDR");
  if (world.address.empty() && world.size > 1) {
    fail(ErrorKind::usage,
         "environment variable MASTER_ADDR is missing beside RANK and WORLD_SIZE; start the ranks "
         "with torchrun");
  }
  world.port = world.size > 1 ? needed(environment, "MASTER_PORT", 1, 65535, "torchrun") : 0;
  if (text_of(environment, "TORCHELASTIC_USE_AGENT_STORE") == "True") {
    world.meeting = Meeting::agent;
    // The agent's store outlives a restart, so each start has keys of its own.
    world.prefix = "groundglass/" + text_of(environment, "TORCHELASTIC_RUN_ID") + "/" +
                   text_of(environment, "TORCHELASTIC_RESTART_COUNT") + "/";
  }
  return world;
}

/// mpirun says nothing about rank 0's machine: without MASTER_ADDR all ranks have to be here.
void meet_of_mpirun(const Environment& environment, World& world) {
  world.address = text_of(environment, "MASTER_ADDR");
  world.port = given(environment, "MASTER_PORT", 1, 65535, kMpiPort);
  if (!world.address.empty() || world.size == 1) return;
  if (!world.on_one_machine()) {
    fail(ErrorKind::usage,
         "mpirun has started " + std::to_string(world.size) +
             " ranks on several machines and MASTER_ADDR is not set; give the name of rank 0's "
             "machine with mpirun -x MASTER_ADDR=NAME");
  }
  world.address = "127.0.0.1";
}

World of_open_mpi(const Environment& environment) {
  World world = ranks(environment, "mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE");
  world.local_rank = given(environment, "OMPI_COMM_WORLD_LOCAL_RANK", 0, kMostRanks, world.rank);
  world.local_size = given(environment, "OMPI_COMM_WORLD_LOCAL_SIZE", 1, kMostRanks, 0);
  meet_of_mpirun(environment, world);
  return world;
}

World of_hydra(const Environment& environment) {
  World world = ranks(environment, "mpirun", "PMI_RANK", "PMI_SIZE");
  world.local_rank = given(environment, "MPI_LOCALRANKID", 0, kMostRanks, world.rank);
  world.local_size = given(environment, "MPI_LOCALNRANKS", 1, kMostRanks, 0);
  meet_of_mpirun(environment, world);
  return world;
}

World of_slurm(const Environment& environment) {
  const bool step = find(environment, "SLURM_STEP_NUM_TASKS") != nullptr;
  World world =
      ranks(environment, "srun", "SLURM_PROCID", step ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS");
  world.local_rank = given(environment, "SLURM_LOCALID", 0, kMostRanks, 0);
  const int64_t machines = given(environment, "SLURM_STEP_NUM_NODES", 1, kMostRanks, 0);
  world.local_size = machines == 1 ? world.size : 0;
  world.address = text_of(environment, "MASTER_ADDR");
  if (world.address.empty()) {
    const std::string* list = find(environment, "SLURM_STEP_NODELIST");
    if (list == nullptr) {
      fail(ErrorKind::usage,
           "environment variable SLURM_STEP_NODELIST is missing beside SLURM_STEP_ID; start the "
           "ranks with srun, or set MASTER_ADDR");
    }
    world.address = expand_hosts(*list).front();
  }
  const int64_t job = given(environment, "SLURM_JOB_ID", 0, 999999999, 0);
  const int64_t number_of_step = given(environment, "SLURM_STEP_ID", 0, 999999999, 0);
  world.port =
      given(environment, "MASTER_PORT", 1, 65535, kFirstPort + (job * 7 + number_of_step) % kPorts);
  return world;
}

World of_processes(const Environment& environment) {
  World world = ranks(environment, "--processes", "GROUNDGLASS_RANK", "GROUNDGLASS_WORLD_SIZE");
  world.local_rank = world.rank;
  world.local_size = world.size;
  world.meeting = Meeting::file;
  world.address = "127.0.0.1";
  world.file = text_of(environment, "GROUNDGLASS_MEETING");
  if (world.file.empty()) {
    fail(ErrorKind::usage,
         "environment variable GROUNDGLASS_MEETING is missing beside GROUNDGLASS_RANK; these are "
         "set by --processes alone");
  }
  return world;
}

[[noreturn]] void refuse_hosts(const std::string& list) {
  fail(ErrorKind::usage, "the list of machines " + in_quotes(list) +
                             " is not one that Slurm writes, expected for example node[1-3,7]; set "
                             "MASTER_ADDR to the name of rank 0's machine");
}

/// The machines of "1-3,07" between two texts.
void expand_range(const std::string& before, const std::string& part, const std::string& after,
                  const std::string& list, std::vector<std::string>& names) {
  const auto ends = split_text(part, '-');
  if (ends.empty() || ends.size() > 2) refuse_hosts(list);
  for (const auto& end : ends) {
    if (end.empty() || end.size() > 8 || end.find_first_not_of("0123456789") != std::string::npos) {
      refuse_hosts(list);
    }
  }
  const int64_t first = std::stoll(ends.front()), last = std::stoll(ends.back());
  if (last < first || last - first > kMostRanks) refuse_hosts(list);
  const auto width = ends.front().size();
  for (int64_t i = first; i <= last; ++i) {
    std::string digits = std::to_string(i);
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    for (const auto& rest : after.empty() ? std::vector<std::string>{""} : expand_hosts(after)) {
      names.push_back(before + digits + rest);
    }
  }
}

/// The parts of a list between commas that stand outside brackets.
std::vector<std::string> parts_outside_brackets(const std::string& list) {
  std::vector<std::string> parts(1);
  int64_t depth = 0;
  for (const char c : list) {
    depth += c == '[' ? 1 : c == ']' ? -1 : 0;
    if (depth < 0 || depth > 1) refuse_hosts(list);
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (depth != 0) refuse_hosts(list);
  return parts;
}

}  // namespace

std::vector<std::string> expand_hosts(const std::string& list) {
  std::vector<std::string> names;
  for (const auto& part : parts_outside_brackets(list)) {
    const size_t open = part.find('[');
    if (open == std::string::npos) {
      if (part.empty()) refuse_hosts(list);
      for (const unsigned char c : part) {
        if (std::isalnum(c) == 0 && c != '-' && c != '.' && c != '_') refuse_hosts(list);
      }
      names.push_back(part);
      continue;
    }
    const size_t close = part.find(']', open);
    for (const auto& range : split_text(part.substr(open + 1, close - open - 1), ',')) {
      expand_range(part.substr(0, open), range, part.substr(close + 1), list, names);
    }
  }
  if (names.empty()) refuse_hosts(list);
  return names;
}

World world_of(const Environment& environment) {
  World world;
  if (find(environment, "GROUNDGLASS_RANK") != nullptr) {
    world = of_processes(environment);
  } else if (find(environment, "RANK") != nullptr && find(environment, "WORLD_SIZE") != nullptr) {
    world = of_torchrun(environment);
  } else if (find(environment, "OMPI_COMM_WORLD_RANK") != nullptr) {
    world = of_open_mpi(environment);
  } else if (find(environment, "PMI_RANK") != nullptr &&
             find(environment, "MPI_LOCALRANKID") != nullptr) {
    world = of_hydra(environment);
  } else if (find(environment, "SLURM_PROCID") != nullptr &&
             find(environment, "SLURM_STEP_ID") != nullptr &&
             text_of(environment, "SLURM_NTASKS") != "1") {
    world = of_slurm(environment);
  }
  if (world.size == 1) return {};
  world.network_card = text_of(environment, "GLOO_SOCKET_IFNAME");
  return world;
}

Environment own_environment() {
  Environment all;
  for (char** line = environ; line != nullptr && *line != nullptr; ++line) {
    const std::string text = *line;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) all[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return all;
}

Environment environment_of_rank(int64_t rank, int64_t size, const std::string& file) {
  return {{"GROUNDGLASS_RANK", std::to_string(rank)},
          {"GROUNDGLASS_WORLD_SIZE", std::to_string(size)},
          {"GROUNDGLASS_MEETING", file}};
}

}  // namespace groundglass
