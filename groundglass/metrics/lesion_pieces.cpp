#include "groundglass/metrics/lesion_pieces.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "groundglass/metrics/components.h"

namespace groundglass {
namespace {

/// Calls each(piece, voxel, index) for every voxel of a piece; pieces are counted from 0, the index
/// is (column, row, slice).
template <class Each>
void for_pieces(const torch::Tensor& pieces, Each each) {
  const int64_t width = pieces.size(-1), height = pieces.size(-2);
  const auto* piece = pieces.data_ptr<int32_t>();
  for (int64_t v = 0; v < pieces.numel(); ++v) {
    if (piece[v] == 0) continue;
    each(static_cast<size_t>(piece[v] - 1), v,
         std::array<int64_t, 3>{v % width, v / width % height, v / (width * height)});
  }
}

/// Sums over the voxels of a piece.
struct PieceSums {
  std::array<double, 3> index{};
  double hu = 0;
  int64_t first_slice = INT64_MAX, last_slice = 0;
  std::vector<int64_t> of_class = {};
  double nearest = INFINITY;  ///< squared distance of the voxel below to the centre
  std::array<int64_t, 3> nearest_index{};
};

}  // namespace

std::optional<std::array<double, 3>> LesionPiece::centre_ras_mm() const {
  if (!centre_lps_mm) return {};
  const auto& lps = *centre_lps_mm;
  return std::array<double, 3>{-lps[0], -lps[1], lps[2]};
}

LesionPieces lesion_pieces(const torch::Tensor& labels, const LesionPiecesOptions& options) {
  const Components found = connected_components(labels);
  LesionPieces list;
  list.total = static_cast<int64_t>(found.sizes.size());
  if (list.total == 0) return list;
  const auto pieces = found.labels.contiguous();
  const auto classes = labels.to(torch::kUInt8).contiguous();
  const auto hu = options.hu.defined() ? options.hu.to(torch::kFloat32).contiguous() : options.hu;
  const auto* label = classes.data_ptr<uint8_t>();
  const float* value = hu.defined() ? hu.data_ptr<float>() : nullptr;
  std::vector<PieceSums> sums(found.sizes.size());
  for_pieces(pieces, [&](size_t p, int64_t v, const auto& index) {
    PieceSums& sum = sums[p];
    for (size_t axis = 0; axis < 3; ++axis) sum.index[axis] += static_cast<double>(index[axis]);
    if (value != nullptr) sum.hu += value[v];
    sum.first_slice = std::min(sum.first_slice, index[2]);
    sum.last_slice = std::max(sum.last_slice, index[2]);
    if (sum.of_class.size() <= label[v]) sum.of_class.resize(label[v] + size_t{1}, 0);
    ++sum.of_class[label[v]];
  });
  for (size_t p = 0; p < sums.size(); ++p) {
    for (double& mean : sums[p].index) mean /= static_cast<double>(found.sizes[p]);
  }
  for_pieces(pieces, [&](size_t p, int64_t, const auto& index) {
    double distance = 0;
    for (size_t axis = 0; axis < 3; ++axis) {
      const double off = static_cast<double>(index[axis]) - sums[p].index[axis];
      distance += off * off;
    }
    if (distance >= sums[p].nearest) return;
    sums[p].nearest = distance;
    sums[p].nearest_index = index;
  });

  std::vector<size_t> order(found.sizes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return found.sizes[a] > found.sizes[b]; });
  const auto axes = static_cast<std::ptrdiff_t>(labels.dim());
  for (const size_t p : order) {
    if (found.sizes[p] < options.smallest) {
      ++list.smaller;
      continue;
    }
    if (static_cast<int64_t>(list.listed.size()) == options.most) continue;
    const PieceSums& sum = sums[p];
    LesionPiece piece;
    piece.voxels = found.sizes[p];
    piece.label = std::max_element(sum.of_class.begin(), sum.of_class.end()) - sum.of_class.begin();
    if (value != nullptr) piece.mean_hu = sum.hu / static_cast<double>(piece.voxels);
    piece.centre_ij.assign(sum.index.begin(), sum.index.begin() + axes);
    piece.nearest_ij.assign(sum.nearest_index.begin(), sum.nearest_index.begin() + axes);
    piece.first_slice = sum.first_slice;
    piece.last_slice = sum.last_slice;
    if (options.geometry) piece.centre_lps_mm = to_patient_mm(*options.geometry, sum.index);
    list.listed.push_back(std::move(piece));
  }
  return list;
}

}  // namespace groundglass
