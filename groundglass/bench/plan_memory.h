#pragma once

#include <array>
#include <optional>
#include <string>

#include "groundglass/infer/plan/plan.h"

namespace groundglass {

/// What a plan adds to the memory of a process.
struct PlanMemory {
  double grown_mib = 0;    ///< peak resident memory less that just before the plan is there
  double planned_mib = 0;  ///< of which the plan knows: its weights and its maps
  bool stored = true;      ///< loaded, as `predict` does; otherwise built, with what that takes
};

/// Measured in a fresh process of this program, which loads the stored plan and runs one batch
/// twice; a network that runs in LibTorch in parts is traced there, and the building of its plan
/// counts. Nothing if the process fails.
///
/// model  as `bench --models` takes it; image [N,C,H,W].
std::optional<PlanMemory> memory_of_plan(const std::string& model, const TracedModel& traced,
                                         const std::array<int64_t, 4>& image,
                                         const PlanOptions& options);

/// The same in this process. `file`: what memory_of_plan() stored; empty: `traced` is planned.
PlanMemory measured_plan(const std::string& file, const TracedModel* traced,
                         const torch::Tensor& image, const PlanOptions& options);

}  // namespace groundglass
