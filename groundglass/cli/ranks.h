#pragma once

#include <functional>
#include <string>

#include "groundglass/cli/context.h"

namespace groundglass {

/// --processes and --timeout, for verbs whose training several processes can share.
void add_rank_options(CLI::App* verb, Context& context);

/// Does a verb's work as one of the ranks that a launcher has started (world_of()), or alone; with
/// --processes it starts that many ranks of this program, waits for them, and context.exit_code is
/// what they end with. Within, team() is the team of all ranks.
///
/// Throws Error(usage) for a wrong --processes or --timeout and as world_of() does, Error(device)
/// as join_team() does, and what the work throws.
void run_as_team(Context& context, const std::function<void()>& work);

/// False on a rank that ends because of an error of which another rank has spoken.
bool errors_are_mine();

/// "rank 1 of 4: " where this process is one of several and not the first, else empty.
std::string rank_in_front();

}  // namespace groundglass
