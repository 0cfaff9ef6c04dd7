#include "groundglass/predict/lobe_file.h"

#include "groundglass/core/error.h"
#include "groundglass/core/geometry_text.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/lobe_atlas.h"

namespace groundglass {
namespace {

constexpr double kLobeGridTolerance_mm = 0.05;  // what float32 headers lose

/// Left upper, left lower, right upper, right middle, right lower: the order of both programs.
constexpr std::array<Lobe, 5> kLobesInOrder = {
    Lobe::left_upper, Lobe::left_lower, Lobe::right_upper, Lobe::right_middle, Lobe::right_lower};
constexpr int64_t kFirstOfLungmask = 1, kFirstOfTotalSegmentator = 10;

/// The same grid with its slices in the other order.
Geometry upside_down(Geometry g, int64_t depth) {
  g.origin_mm = to_patient_mm(g, {0, 0, static_cast<double>(depth - 1)});
  for (size_t axis = 0; axis < 3; ++axis) g.direction[3 * axis + 2] *= -1;
  return g;
}

/// Voxels of the upright slices, [D,H,W].
std::array<int64_t, 3> upright_size(const AxialSource& source) {
  const auto& i = source.info();
  const std::array<int64_t, 3> stored = {i.depth, i.height, i.width};
  std::array<int64_t, 3> size = {};
  for (size_t axis = 0; axis < 3; ++axis) {
    size[axis] = stored[static_cast<size_t>(source.view().order[axis])];
  }
  return size;
}

std::string size_text(const std::array<int64_t, 3>& size) {
  return std::to_string(size[0]) + " x " + std::to_string(size[1]) + " x " +
         std::to_string(size[2]);
}

}  // namespace

LobeFile::LobeFile(const std::filesystem::path& path, const AxialSource& volume) {
  auto reader = open_label_volume(path);
  const AxialView view = axial_view(reader->info().geometry);
  source_ = std::make_unique<AxialSource>(std::move(reader), view);
  const auto size = upright_size(*source_), wanted_size = upright_size(volume);
  if (size != wanted_size) {
    fail(ErrorKind::data, path.string() + ": lobes of " + size_text(size) +
                              " voxels, expected those of the volume, " + size_text(wanted_size));
  }
  const Geometry grid = source_->geometry(), wanted = volume.geometry();
  reversed_ = !same_geometry(grid, wanted, kLobeGridTolerance_mm);
  if (reversed_ && !same_geometry(upside_down(grid, size[0]), wanted, kLobeGridTolerance_mm)) {
    const auto [own, volumes] = descriptions_apart(grid, wanted);
    fail(ErrorKind::data, path.string() + ": lies elsewhere in the patient (" + own +
                              ") than the volume (" + volumes +
                              "), expected its grid; resample the lobes to it");
  }
  find_labels(path);
}

void LobeFile::find_labels(const std::filesystem::path& path) {
  auto voxels = torch::zeros({256}, torch::kInt64);
  auto sums_mm = torch::zeros({256, 2}, torch::kFloat64);  // to the left, to the head
  for (int64_t k = 0; k < source_->depth(); ++k) {
    const auto labels = source_->read(k).pixels[0].contiguous();
    const auto counts = torch::bincount(labels.flatten(), {}, 256);
    voxels += counts;
    const auto column = torch::arange(labels.size(1), torch::kFloat64).expand_as(labels);
    const auto columns = torch::bincount(labels.flatten(), column.flatten(), 256);
    const Geometry grid = source_->geometry();  // nearly upright: rows add little to either
    const auto corner =
        to_patient_mm(grid, {0, static_cast<double>(labels.size(0)) / 2, static_cast<double>(k)});
    sums_mm.select(1, 0) += counts * corner[0] + columns * (grid.direction[0] * grid.spacing_mm[0]);
    sums_mm.select(1, 1) += counts * corner[2] + columns * (grid.direction[6] * grid.spacing_mm[0]);
  }
  const auto* count = voxels.data_ptr<int64_t>();
  int64_t highest = 255;
  while (highest > 0 && count[highest] == 0) --highest;
  const int64_t first = highest <= 5 ? kFirstOfLungmask : kFirstOfTotalSegmentator;
  lobe_of_ = torch::zeros({256}, torch::kUInt8);
  std::array<std::array<double, 2>, 6> middles_mm = {};
  for (size_t i = 0; i < kLobesInOrder.size(); ++i) {
    const int64_t label = first + static_cast<int64_t>(i);
    const auto lobe = static_cast<int64_t>(kLobesInOrder[i]);
    lobe_of_[label] = lobe;
    for (int64_t axis = 0; axis < 2; ++axis) {
      middles_mm[static_cast<size_t>(lobe)][static_cast<size_t>(axis)] =
          sums_mm[label][axis].item<double>() / static_cast<double>(count[label]);
    }
    if (count[label] == 0) {
      fail(ErrorKind::data,
           path.string() + ": holds no label " + std::to_string(label) +
               ", expected five lobes: 1 to 5 as lungmask's LTRCLobes has them, or "
               "10 to 14 as TotalSegmentator 2");
    }
  }
  const auto mm = [&](Lobe lobe, size_t axis) {
    return middles_mm[static_cast<size_t>(lobe)][axis];
  };
  const bool sides_fit = mm(Lobe::right_lower, 0) < mm(Lobe::left_lower, 0) &&
                         mm(Lobe::right_upper, 0) < mm(Lobe::left_upper, 0);
  const bool heights_fit = mm(Lobe::right_upper, 1) > mm(Lobe::right_lower, 1) &&
                           mm(Lobe::left_upper, 1) > mm(Lobe::left_lower, 1);
  if (sides_fit && heights_fit) return;
  fail(ErrorKind::data,
       path.string() + ": labels " + std::to_string(first) + " to " + std::to_string(first + 4) +
           " do not lie as lobes do (" +
           (sides_fit ? "upper ones above lower ones" : "right ones to the right") +
           "), expected those of lungmask's LTRCLobes or of TotalSegmentator 2");
}

torch::Tensor LobeFile::read(int64_t k) {
  const int64_t slice = reversed_ ? source_->depth() - 1 - k : k;
  const auto labels = source_->read(slice).pixels[0];
  return lobe_of_.index_select(0, labels.flatten().to(torch::kInt64)).view_as(labels);
}

}  // namespace groundglass
