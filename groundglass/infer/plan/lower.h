#pragma once

#include "groundglass/infer/plan/graph.h"

namespace groundglass::planning {

/// The outputs of one node of a traced graph. Arguments of operators that write into them are
/// copied first.
std::vector<at::IValue> run_node(const torch::jit::Node* node, std::vector<at::IValue> inputs);

/// Adds the operation to the network: as a step of the plan if it is one whose arguments are
/// understood, otherwise to be run in LibTorch.
void lower_node(Network& network, Op op);

}  // namespace groundglass::planning
