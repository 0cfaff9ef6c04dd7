#pragma once

#include <string>
#include <vector>

namespace groundglass {

/// The kernels of OpenBLAS (a name for its variable OPENBLAS_CORETYPE) that suit a processor of
/// this maker (vendor_id of /proc/cpuinfo) with these features, or an empty text where OpenBLAS is
/// left to choose. It chooses by the number of the model: Debian 12's 0.3.21 takes an Emerald
/// Rapids Xeon for a Pentium 4 ("Prescott") and multiplies at a quarter of its speed. For Intel the
/// features decide as well; other makers were not measured.
std::string blas_kernels(const std::string& maker, const std::vector<std::string>& features);

/// The same for the processor that the program runs on.
std::string cpu_blas_kernels();

}  // namespace groundglass
