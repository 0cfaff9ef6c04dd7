#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC optimize("O3")
#pragma GCC target("avx2,fma")
namespace groundglass::planning {
namespace {
constexpr int kLanes = 8;
}
}  // namespace groundglass::planning
#include "groundglass/infer/plan/kernels_impl.h"

namespace groundglass::planning {
const Kernels& kernels_avx2() {
  return kTable<float>;
}
}  // namespace groundglass::planning
#endif
