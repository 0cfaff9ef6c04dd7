#pragma once

#include <cstdint>

namespace groundglass {

/// Starts `count` ranks of this very command line on this machine, hands signals on to them, and
/// waits for all of them. Returns their exit code together: 6 if one was killed, else that of the
/// first rank that did not end well. Ranks that still live twelve seconds after one has ended badly
/// are killed; without this process they stop as if they had been told to.
/// Throws Error(data) if the temporary folder cannot be written to, Error(device) if a process
/// cannot be started.
int run_local_ranks(int64_t count);

}  // namespace groundglass
