#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC optimize("O3")
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,fma")
namespace groundglass::planning {
namespace {
constexpr int kLanes = 16;
}
}  // namespace groundglass::planning
#include "groundglass/infer/plan/kernels_impl.h"

namespace groundglass::planning {
const Kernels& kernels_avx512(bool bfloat16) {
  return bfloat16 ? kTable<BFloat16Bits> : kTable<float>;
}
}  // namespace groundglass::planning
#endif
