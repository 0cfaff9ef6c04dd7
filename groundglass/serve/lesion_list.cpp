#include "groundglass/serve/lesion_list.h"

#include <algorithm>
#include <numeric>

#include "groundglass/core/task.h"
#include "groundglass/metrics/components.h"

namespace groundglass {
using nlohmann::ordered_json;

LesionList lesion_list(const torch::Tensor& labels, const std::optional<Geometry>& geometry,
                       const std::optional<double>& voxel_ml, const std::vector<std::string>& names,
                       int64_t most) {
  LesionList list;
  const Components pieces = connected_components(labels);
  list.total = static_cast<int64_t>(pieces.sizes.size());
  if (list.total == 0) return list;
  std::vector<int64_t> order(pieces.sizes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return pieces.sizes[static_cast<size_t>(a)] > pieces.sizes[static_cast<size_t>(b)];
  });
  if (list.total > most) order.resize(static_cast<size_t>(most));
  // All voxels of a piece one after the other.
  const auto where = torch::nonzero(labels);
  const auto piece = pieces.labels.masked_select(labels != 0).to(torch::kInt64) - 1;
  const auto values = labels.masked_select(labels != 0).to(torch::kInt64);
  const auto by_piece = piece.argsort(/*stable=*/true, 0, /*descending=*/false);
  std::vector<int64_t> begin(pieces.sizes.size() + 1, 0);
  std::partial_sum(pieces.sizes.begin(), pieces.sizes.end(), begin.begin() + 1);
  for (const int64_t p : order) {
    const auto at = static_cast<size_t>(p);
    const int64_t size = pieces.sizes[at];
    const auto voxels = where.index_select(0, by_piece.narrow(0, begin[at], size));
    const auto centre = voxels.to(torch::kFloat64).mean(0);
    const auto nearest = (voxels - centre).square().sum(1).argmin().item<int64_t>();
    // Slowest axis last, as files count.
    std::vector<double> index;
    std::vector<int64_t> point;
    for (int64_t axis = labels.dim() - 1; axis >= 0; --axis) {
      index.push_back(centre[axis].item<double>());
      point.push_back(voxels[nearest][axis].item<int64_t>());
    }
    const auto counts =
        torch::bincount(values.index_select(0, by_piece.narrow(0, begin[at], size)));
    const int64_t label = counts.argmax().item<int64_t>();
    ordered_json mm = nullptr;
    if (geometry) {
      const auto lps = to_patient_mm(*geometry, {index[0], index[1], index[2]});
      mm = {-lps[0], -lps[1], lps[2]};
    }
    list.lesions.push_back({{"id", list.lesions.size() + 1},
                            {"label", label},
                            {"name", class_name(names, label)},
                            {"voxels", size},
                            {"ml", voxel_ml ? ordered_json(*voxel_ml * static_cast<double>(size))
                                            : ordered_json(nullptr)},
                            {"centre_mm", mm},
                            {"centre_voxel", index},
                            {"point_voxel", point}});
  }
  return list;
}

}  // namespace groundglass
