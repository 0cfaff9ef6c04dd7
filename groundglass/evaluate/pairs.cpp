#include "groundglass/evaluate/pairs.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/core/geometry_text.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/data/problems.h"
#include "groundglass/data/read_pair.h"
#include "groundglass/io/dicom_seg_reader.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

const std::vector<const char*> kMaskEndings = {".png", ".nii.gz", ".nii", ".mha", ".nrrd",
                                               ".tif", ".tiff",   ".bmp", ".dcm"};

/// The first file that is there: stem + suffix + ending.
fs::path existing(const fs::path& stem, const char* suffix) {
  for (const char* ending : kMaskEndings) {
    const fs::path path = stem.string() + suffix + ending;
    if (fs::exists(path)) return path;
  }
  return {};
}

bool is_dicom_name(const fs::path& path) {
  return ends_with(path.string(), ".dcm");
}

bool is_mask_file(const fs::path& path) {
  return is_picture_name(path) || is_volume_name(path) ||
         (is_dicom_name(path) && dicom_object_kind(path) == "SEG");
}

/// True for masks with a grid of their own.
bool has_grid(const fs::path& path) {
  return is_volume_name(path) || is_dicom_name(path);
}

/// Name of a mask without folder, ending and "_mask", or "_seg" of DICOM.
std::string bare_name(const fs::path& path) {
  std::string name = without_ending(path);
  if (ends_with(name, "_mask")) name.resize(name.size() - 5);
  if (is_dicom_name(path) && ends_with(name, "_seg")) name.resize(name.size() - 4);
  return name;
}

/// A segmentation beside the mask that it was made of, which is taken instead.
bool stands_beside_its_mask(const fs::path& path) {
  if (!is_dicom_name(path)) return false;
  const fs::path mask = existing(path.parent_path() / bare_name(path.filename()), "_mask");
  return !mask.empty() && mask != path;
}

/// A prediction that two references take would be counted twice, once wrongly.
void check_taken_once(const std::vector<MaskPair>& pairs, Problems& problems) {
  std::map<fs::path, fs::path> taken;
  for (const auto& pair : pairs) {
    const auto [other, fresh] = taken.emplace(pair.prediction, pair.reference);
    if (fresh) continue;
    problems.add(pair.reference.string() + ": has the prediction " + pair.prediction.string() +
                 ", which " + other->second.string() + " has, too; expected one for each");
  }
}

std::vector<MaskPair> pair_with_dataset(const fs::path& predictions, const Dataset& dataset,
                                        Problems& problems) {
  std::vector<MaskPair> pairs;
  for (const auto& row : dataset.rows) {
    if (row.mask.empty()) continue;
    const fs::path stem = predictions / inside_folder(row.id);
    MaskPair pair{existing(stem, "_mask"),
                  row.mask,
                  existing(stem, "_probability"),
                  row.id,
                  row.case_id,
                  row.patient,
                  row.domain,
                  is_picture_name(row.image) ? row.image : fs::path()};
    if (pair.prediction.empty()) pair.prediction = existing(stem, "");
    if (pair.prediction.empty()) pair.prediction = existing(stem, "_seg");
    if (pair.prediction.empty()) {
      problems.add(row.mask.string() + ": has no prediction " + stem.string() + "_mask");
      continue;
    }
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

/// All files of a folder; what cannot be looked into is a problem, since a score of the rest would
/// pass for one of all.
std::vector<fs::path> files_below(const fs::path& folder, Problems& problems) {
  FolderWalk walk = walk_folder(folder);
  for (const auto& line : walk.left_out) problems.add(line);
  return std::move(walk.files);
}

std::vector<MaskPair> pair_with_folder(const fs::path& predictions, const fs::path& references,
                                       Problems& problems) {
  std::map<std::string, fs::path> predicted;
  for (const auto& path : files_below(predictions, problems)) {
    const std::string stem = without_ending(path);
    const bool other = ends_with(stem, "_overlay") || ends_with(stem, "_probability");
    if (is_mask_file(path) && !other && !stands_beside_its_mask(path)) {
      predicted[bare_name(path.lexically_relative(predictions))] = path;
    }
  }
  std::vector<MaskPair> pairs;
  for (const auto& path : files_below(references, problems)) {
    if (!is_mask_file(path) || stands_beside_its_mask(path)) continue;
    const std::string name = bare_name(path.lexically_relative(references));
    const auto found = predicted.find(name);
    if (found == predicted.end()) {
      problems.add(path.string() + ": has no prediction named " + name + " in " +
                   predictions.string());
      continue;
    }
    pairs.push_back({found->second,
                     path,
                     existing(predictions / name, "_probability"),
                     name,
                     name,
                     name,
                     "",
                     {}});
  }
  return pairs;
}

LabelMap read_mask(const fs::path& path) {
  if (is_volume_name(path)) return read_label_volume(path);
  return {read_mask_picture(path), {}};
}

/// Two masks on one grid. A segmentation says where its frames lie and not how many slices its
/// series has: it is laid on the other mask's grid, and two of them on the smallest that holds
/// both.
struct TwoMasks {
  LabelMap prediction, reference;
};

/// How the prediction of a picture is turned, which lies as the picture's file does: as the picture
/// says, or else the mask that was drawn on it.
int orientation_of(const MaskPair& pair) {
  if (is_volume_name(pair.reference) || is_volume_name(pair.prediction)) return 1;
  return stored_orientation(pair.image.empty() ? pair.reference : pair.image);
}

/// Both masks of a picture upright.
TwoMasks read_masks_of_picture(const MaskPair& pair, std::vector<std::string>& warnings) {
  const auto predicted = read_mask_picture(pair.prediction);
  const bool tells = stored_orientation(pair.prediction) != 1;
  const auto lying = tells ? predicted : upright(predicted, orientation_of(pair)).contiguous();
  const auto reference = pair.image.empty()
                             ? read_mask_picture(pair.reference)
                             : read_mask_of_picture(pair.reference, pair.image, lying.size(0),
                                                    lying.size(1), warnings);
  return {{lying, {}}, {reference, {}}};
}

LabelMap on_grid(const StoredSegmentation& segmentation, const Geometry& grid,
                 const std::array<int64_t, 3>& shape, const DataOptions& data) {
  const auto labels =
      labels_on_grid(segmentation, grid, shape,
                     data.labels == MaskLabels::classes ? Overlap::refused : Overlap::any);
  auto map = torch::empty({shape[0], shape[1], shape[2]}, torch::kUInt8);
  std::copy(labels.begin(), labels.end(), map.data_ptr<uint8_t>());
  return {segmentation.of_picture ? map[0] : map, grid};
}

TwoMasks read_masks(const MaskPair& pair, const DataOptions& data,
                    std::vector<std::string>& warnings) {
  const bool predicted = is_dicom_name(pair.prediction), referred = is_dicom_name(pair.reference);
  if (!predicted && !referred) {
    if (!is_volume_name(pair.prediction) && !is_volume_name(pair.reference)) {
      return read_masks_of_picture(pair, warnings);
    }
    return {read_mask(pair.prediction), read_mask(pair.reference)};
  }
  const auto shape_of = [](const LabelMap& map) -> std::array<int64_t, 3> {
    if (map.labels.dim() != 3) return {1, map.labels.size(0), map.labels.size(1)};
    return {map.labels.size(0), map.labels.size(1), map.labels.size(2)};
  };
  if (!referred) {
    LabelMap reference = read_mask(pair.reference);
    return {on_grid(read_dicom_segmentation(pair.prediction), reference.geometry,
                    shape_of(reference), data),
            reference};
  }
  const StoredSegmentation reference = read_dicom_segmentation(pair.reference);
  if (!predicted) {
    LabelMap prediction = read_mask(pair.prediction);
    return {prediction, on_grid(reference, prediction.geometry, shape_of(prediction), data)};
  }
  const StoredSegmentation prediction = read_dicom_segmentation(pair.prediction);
  StoredSegmentation both = reference;
  both.frames.insert(both.frames.end(), prediction.frames.begin(), prediction.frames.end());
  std::array<int64_t, 3> shape{};
  const Geometry grid = grid_of_frames(both, shape);
  return {on_grid(prediction, grid, shape, data), on_grid(reference, grid, shape, data)};
}

torch::Tensor read_probability(const MaskPair& pair) {
  const fs::path& path = pair.probability;
  if (is_volume_name(path)) return read_volume(path, UnitsAsked::probability).voxels;
  const Image image = read_picture(path);
  return upright(image.pixels[0].to(torch::kFloat32) / image.white, orientation_of(pair));
}

/// Where classes are told apart the prediction must know them; elsewhere everything above zero is
/// foreground, whatever the prediction calls it.
void check_classes(const torch::Tensor& labels, const DataOptions& data, const std::string& name) {
  if (data.labels != MaskLabels::classes) return;
  if ((labels == kIgnoreLabel).any().item<bool>()) {
    fail(ErrorKind::data, name + ": holds the value 255, expected class numbers below " +
                              std::to_string(data.classes) +
                              "; predict with --classes, or evaluate with --labels any");
  }
  known_labels(labels, data, name);
}

/// mm along the axes of the label map; empty if not known.
std::vector<double> spacing_of(const MaskPair& pair, const LabelMap& reference,
                               const ShapeOptions& shapes) {
  if (!has_grid(pair.reference) || reference.labels.dim() == 2) return shapes.picture_spacing_mm;
  const auto& mm = reference.geometry.spacing_mm;  // of columns, rows, slices
  // Sheared slices are as far apart as their height says, so that volumes are right.
  const bool sheared = skewness(reference.geometry) > 1e-3;
  return {sheared ? voxel_mm3(reference.geometry) / (mm[0] * mm[1]) : mm[2], mm[1], mm[0]};
}

/// What is said of a pair beside its scores.
struct PairNotes {
  bool unit_voxels = false;
  std::vector<std::string> warnings;
};

ScoredItem score_pair(const MaskPair& pair, const DataOptions& data, const ShapeOptions& shapes,
                      PairNotes& notes) {
  const auto [prediction, reference] = read_masks(pair, data, notes.warnings);
  if (prediction.labels.sizes() != reference.labels.sizes()) {
    fail(ErrorKind::data, pair.prediction.string() + ": is " + shape_text(prediction.labels) +
                              " and its reference is " + shape_text(reference.labels));
  }
  if (!same_geometry(prediction.geometry, reference.geometry, 0.1)) {
    const auto [own, wanted] = descriptions_apart(prediction.geometry, reference.geometry);
    fail(ErrorKind::data, pair.prediction.string() + ": lies on another grid (" + own +
                              ") than its reference (" + wanted + ")");
  }
  check_classes(prediction.labels, data, pair.prediction.string());
  const auto truth = known_labels(reference.labels, data, pair.reference.string());
  ScoredItem item{pair.id, pair.case_id, pair.patient, pair.domain, {}, {}, false};
  item.counts = count_foreground(prediction.labels, truth);
  for (int64_t k = 1; k < data.classes && data.labels == MaskLabels::classes && data.classes > 2;
       ++k) {
    item.classes.push_back(count(prediction.labels, truth, k));
  }
  const auto spacing = spacing_of(pair, reference, shapes);
  notes.unit_voxels = spacing == std::vector<double>{1, 1, 1};
  item.shapes = measure_shapes(prediction.labels, truth, spacing, shapes);
  if (!pair.probability.empty()) {
    const auto p = read_probability(pair);
    if (p.sizes() == truth.sizes()) {
      item.soft = soft_count(p, (truth != 0).to(torch::kUInt8));
      item.has_soft = true;
    }
  }
  return item;
}

/// Options that mean nothing to these masks are refused, not passed over.
void check_shapes(const std::vector<MaskPair>& pairs, const ShapeOptions& shapes) {
  shapes.check();
  const auto picture = std::find_if(pairs.begin(), pairs.end(),
                                    [](const MaskPair& pair) { return !has_grid(pair.reference); });
  if (picture != pairs.end() && shapes.smallest_lesion_mm3 > 0) {
    fail(ErrorKind::usage, picture->reference.string() +
                               ": is a picture, and a smallest lesion in mm3 is for volumes; give "
                               "it in pixels");
  }
  if (picture == pairs.end() && !shapes.picture_spacing_mm.empty()) {
    fail(ErrorKind::usage,
         "a spacing is given for pictures, and every mask is a volume with a spacing of its own");
  }
}

void warn_of_unit_voxels(const std::vector<MaskPair>& pairs, const std::vector<bool>& unit_voxels,
                         Observer& observer) {
  const auto first = std::find(unit_voxels.begin(), unit_voxels.end(), true);
  if (first == unit_voxels.end()) return;
  const auto n = std::count(unit_voxels.begin(), unit_voxels.end(), true);
  observer.on(Warning{pairs[static_cast<size_t>(first - unit_voxels.begin())].reference.string() +
                      (n > 1 ? " and " + std::to_string(n - 1) + " more" : "") +
                      ": voxels of 1 x 1 x 1 mm, which also stands in files whose voxel size is "
                      "not known; if so, distances and lesion sizes are in voxels, not mm"});
}

}  // namespace

std::vector<MaskPair> pair_masks(const fs::path& predictions, const fs::path& references,
                                 const DatasetOptions& options) {
  if (!fs::is_directory(predictions)) {
    const bool file = fs::exists(predictions);
    fail(ErrorKind::data,
         predictions.string() + (file ? ": is a file, expected a folder of predictions as predict "
                                        "writes it; put the mask into a folder of its own"
                                      : ": no such folder of predictions"));
  }
  if (!fs::exists(references)) {
    fail(ErrorKind::data, references.string() + ": no such file or folder");
  }
  if (!fs::is_directory(references) && !is_dataset(references)) {
    fail(ErrorKind::data,
         references.string() +
             ": is neither a folder of masks nor a table; put a mask into a folder of its own");
  }
  Problems problems;
  const auto pairs =
      is_dataset(references)
          ? pair_with_dataset(predictions, read_dataset(references, options), problems)
          : pair_with_folder(predictions, references, problems);
  check_taken_once(pairs, problems);
  problems.refuse(references.string());
  if (pairs.empty())
    fail(ErrorKind::data, references.string() + ": holds no masks to compare with");
  return pairs;
}

std::vector<ScoredItem> score_pairs(const std::vector<MaskPair>& pairs, const DataOptions& data,
                                    int64_t threads, Observer& observer,
                                    const ShapeOptions& shapes) {
  check_shapes(pairs, shapes);
  std::vector<ScoredItem> items(pairs.size());
  std::vector<bool> unit_voxels(pairs.size());
  Problems problems;
  std::mutex speaking;
  std::atomic<int64_t> done{0};
  const auto n = static_cast<int64_t>(pairs.size());
  parallel_for_each(n, threads > 0 ? threads : usable_processors(), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    PairNotes notes;
    try {
      items[at] = score_pair(pairs[at], data, shapes, notes);
    } catch (const Error& e) {
      problems.add(e.what());
    }
    const std::lock_guard lock(speaking);
    unit_voxels[at] = notes.unit_voxels;
    for (const auto& text : notes.warnings) observer.on(Warning{text});
    observer.on(Progress{"masks", ++done, n, ""});
  });
  problems.refuse("comparison");
  warn_of_unit_voxels(pairs, unit_voxels, observer);
  return items;
}

}  // namespace groundglass
