#include "groundglass/evaluate/pairs.h"

#include <atomic>
#include <map>
#include <mutex>

#include "groundglass/core/error.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/data/problems.h"
#include "groundglass/data/read_pair.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

const std::vector<const char*> kMaskEndings = {".png",  ".nii.gz", ".nii",  ".mha",
                                               ".nrrd", ".tif",    ".tiff", ".bmp"};

/// The first file that is there: stem + suffix + ending.
fs::path existing(const fs::path& stem, const char* suffix) {
  for (const char* ending : kMaskEndings) {
    const fs::path path = stem.string() + suffix + ending;
    if (fs::exists(path)) return path;
  }
  return {};
}

bool is_mask_file(const fs::path& path) {
  return is_picture_name(path) || is_volume_name(path);
}

/// Name of a mask without folder, ending and "_mask".
std::string bare_name(const fs::path& path) {
  std::string name = without_ending(path);
  if (ends_with(name, "_mask")) name.resize(name.size() - 5);
  return name;
}

std::vector<MaskPair> pair_with_dataset(const fs::path& predictions, const Dataset& dataset,
                                        Problems& problems) {
  std::vector<MaskPair> pairs;
  for (const auto& row : dataset.rows) {
    if (row.mask.empty()) continue;
    const fs::path stem = predictions / row.id;
    MaskPair pair{existing(stem, "_mask"),
                  row.mask,
                  existing(stem, "_probability"),
                  row.id,
                  row.case_id,
                  row.patient,
                  row.domain};
    if (pair.prediction.empty()) pair.prediction = existing(stem, "");
    if (pair.prediction.empty()) {
      problems.add(row.mask.string() + ": has no prediction " + stem.string() + "_mask");
      continue;
    }
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

std::vector<MaskPair> pair_with_folder(const fs::path& predictions, const fs::path& references,
                                       Problems& problems) {
  std::map<std::string, fs::path> predicted;
  for (const auto& entry : fs::recursive_directory_iterator(predictions)) {
    const std::string stem = without_ending(entry.path());
    const bool other = ends_with(stem, "_overlay") || ends_with(stem, "_probability");
    if (entry.is_regular_file() && is_mask_file(entry.path()) && !other) {
      predicted[bare_name(fs::relative(entry.path(), predictions))] = entry.path();
    }
  }
  std::vector<MaskPair> pairs;
  for (const auto& entry : fs::recursive_directory_iterator(references)) {
    if (!entry.is_regular_file() || !is_mask_file(entry.path())) continue;
    const std::string name = bare_name(fs::relative(entry.path(), references));
    const auto found = predicted.find(name);
    if (found == predicted.end()) {
      problems.add(entry.path().string() + ": has no prediction named " + name + " in " +
                   predictions.string());
      continue;
    }
    pairs.push_back({found->second, entry.path(), existing(predictions / name, "_probability"),
                     name, name, name, ""});
  }
  return pairs;
}

LabelMap read_mask(const fs::path& path) {
  if (is_volume_name(path)) return read_label_volume(path);
  return {read_mask_picture(path), {}};
}

/// Whatever a prediction calls its labels: everything above zero is foreground.
torch::Tensor read_probability(const fs::path& path) {
  if (is_volume_name(path)) return read_volume(path, "probability").voxels;
  const Image image = read_picture(path);
  return image.pixels[0].to(torch::kFloat32) / image.white;
}

ScoredItem score_pair(const MaskPair& pair, const DataOptions& data) {
  const LabelMap prediction = read_mask(pair.prediction), reference = read_mask(pair.reference);
  if (prediction.labels.sizes() != reference.labels.sizes()) {
    fail(ErrorKind::data, pair.prediction.string() + ": is " + shape_text(prediction.labels) +
                              " and its reference is " + shape_text(reference.labels));
  }
  if (!same_geometry(prediction.geometry, reference.geometry, 0.1)) {
    fail(ErrorKind::data, pair.prediction.string() + ": lies on another grid (" +
                              describe(prediction.geometry) + ") than its reference (" +
                              describe(reference.geometry) + ")");
  }
  const auto truth = known_labels(reference.labels, data, pair.reference.string());
  ScoredItem item{pair.id, pair.case_id, pair.patient, pair.domain, {}, {}, false};
  item.counts = count_foreground(prediction.labels, truth);
  if (!pair.probability.empty()) {
    const auto p = read_probability(pair.probability);
    if (p.sizes() == truth.sizes()) {
      item.soft = soft_count(p, (truth != 0).to(torch::kUInt8));
      item.has_soft = true;
    }
  }
  return item;
}

}  // namespace

std::vector<MaskPair> pair_masks(const fs::path& predictions, const fs::path& references,
                                 const DatasetOptions& options) {
  if (!fs::is_directory(predictions)) {
    fail(ErrorKind::data, predictions.string() + ": is no folder of predictions");
  }
  if (!fs::exists(references)) {
    fail(ErrorKind::data, references.string() + ": no such file or folder");
  }
  if (!fs::is_directory(references) && !is_dataset(references)) {
    fail(ErrorKind::data, references.string() + ": is neither a folder of masks nor a table");
  }
  Problems problems;
  const auto pairs =
      is_dataset(references)
          ? pair_with_dataset(predictions, read_dataset(references, options), problems)
          : pair_with_folder(predictions, references, problems);
  problems.refuse(references.string());
  if (pairs.empty())
    fail(ErrorKind::data, references.string() + ": holds no masks to compare with");
  return pairs;
}

std::vector<ScoredItem> score_pairs(const std::vector<MaskPair>& pairs, const DataOptions& data,
                                    int64_t threads, Observer& observer) {
  std::vector<ScoredItem> items(pairs.size());
  Problems problems;
  std::mutex speaking;
  std::atomic<int64_t> done{0};
  const auto n = static_cast<int64_t>(pairs.size());
  parallel_for_each(n, threads > 0 ? threads : usable_processors(), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    try {
      items[at] = score_pair(pairs[at], data);
    } catch (const Error& e) {
      problems.add(e.what());
    }
    const std::lock_guard lock(speaking);
    observer.on(Progress{"masks", ++done, n, ""});
  });
  problems.refuse("comparison");
  return items;
}

}  // namespace groundglass
