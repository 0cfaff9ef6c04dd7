#include "groundglass/serve/lesion_list.h"

#include "groundglass/core/task.h"
#include "groundglass/metrics/lesion_pieces.h"

namespace groundglass {
using nlohmann::ordered_json;

LesionList lesion_list(const torch::Tensor& labels, const std::optional<Geometry>& geometry,
                       const std::optional<double>& voxel_ml, const std::vector<std::string>& names,
                       int64_t most) {
  LesionPiecesOptions options;
  options.geometry = geometry;
  options.most = most;
  const LesionPieces pieces = lesion_pieces(labels, options);
  LesionList list;
  list.total = pieces.total;
  for (const auto& piece : pieces.listed) {
    const auto centre_mm = piece.centre_ras_mm();
    list.lesions.push_back(
        {{"id", list.lesions.size() + 1},
         {"label", piece.label},
         {"name", class_name(names, piece.label)},
         {"voxels", piece.voxels},
         {"ml", voxel_ml ? ordered_json(*voxel_ml * static_cast<double>(piece.voxels))
                         : ordered_json(nullptr)},
         {"centre_mm", centre_mm ? ordered_json(*centre_mm) : ordered_json(nullptr)},
         {"centre_voxel", piece.centre_ij},
         {"point_voxel", piece.nearest_ij}});
  }
  return list;
}

}  // namespace groundglass
