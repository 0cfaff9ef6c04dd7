#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "groundglass/infer/plan/plan.h"

namespace groundglass {

/// All that a stored plan, and what was said of it, depends on: weights, size, options, processor
/// and this very program.
std::string plan_key(const std::array<int64_t, 3>& size, const PlanOptions& options,
                     const std::string& identity);

/// Notes beside `plan` (the file that a plan would have been stored in) that it was made and does
/// not say what the network says, so that later calls need not make it again. A disk that cannot be
/// written is no matter.
void remember_refusal(const std::filesystem::path& plan, const std::string& key,
                      const std::string& reason);

/// What remember_refusal() noted under the same key.
std::optional<std::string> remembered_refusal(const std::filesystem::path& plan,
                                              const std::string& key);

}  // namespace groundglass
