#pragma once

#include <string>
#include <vector>

namespace groundglass {

/// True where a processor with these features, of this maker (vendor_id of /proc/cpuinfo), computes
/// faster in bfloat16 than in float32: with AMX's tiles, or with AVX512_BF16 unless it is Intel's.
/// On a Xeon whose tiles a virtual machine hides, float32, which has Winograd's convolutions, is
/// twice as fast as AVX512_BF16; on AMD's Zen 4 it is slower: docs/results/inference.md.
bool bf16_pays(const std::string& maker, const std::vector<std::string>& features);

/// The same for the processor that the program runs on.
bool cpu_bf16_pays();

}  // namespace groundglass
