#pragma once

#include <string>
#include <vector>

namespace groundglass {

/// True where a processor with these features, of this maker (vendor_id of /proc/cpuinfo), computes
/// faster in bfloat16 than in float32: with AMX's tiles, or with AVX512_BF16 unless it is Intel's.
/// Intel's processors issue half as many of that instruction's products as AMD's, so that without
/// tiles (hidden by many virtual machines) float32, which also has Winograd's convolutions, is
/// nearly twice as fast: docs/results/inference.md.
bool bf16_pays(const std::string& maker, const std::vector<std::string>& features);

/// The same for the processor that the program runs on.
bool cpu_bf16_pays();

}  // namespace groundglass
