#include "groundglass/explain/heat_share.h"

#include <sstream>

#include "groundglass/core/error.h"

namespace groundglass {

HeatShare heat_share(const torch::Tensor& heat, const torch::Tensor& mask) {
  if (heat.sizes() != mask.sizes()) {
    std::ostringstream text;
    text << "the map is " << heat.sizes() << " and the lung mask is " << mask.sizes()
         << ", expected one size";
    fail(ErrorKind::usage, text.str());
  }
  const auto inside = (mask > 0).to(torch::kFloat64), all = heat.to(torch::kFloat64);
  HeatShare share;
  share.area = inside.mean().item<double>();
  const double whole = all.sum().item<double>();
  if (whole > 0) share.inside = (all * inside).sum().item<double>() / whole;
  return share;
}

}  // namespace groundglass
