#include "groundglass/data/read_pair.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include "groundglass/core/error.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/data/problems.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"

namespace groundglass {
namespace {

std::string size_text(const torch::Tensor& t) {
  return std::to_string(t.size(0)) + " x " + std::to_string(t.size(1));
}

}  // namespace

torch::Tensor known_labels(const torch::Tensor& stored, const DataOptions& options,
                           const std::string& name) {
  const auto source = stored.contiguous();
  const auto* value = source.data_ptr<uint8_t>();
  const int64_t n = source.numel();
  std::array<uint8_t, 256> seen{};  // one pass over the bytes: tensor operations took five
  for (int64_t i = 0; i < n; ++i) seen[value[i]] = 1;
  const bool binary = options.labels == "binary";
  if (options.labels == "binary" || options.labels == "classes") {
    const bool any_above_one = std::find(seen.begin() + 2, seen.end(), 1) != seen.end();
    std::vector<std::string> unknown;
    for (int64_t v = 1; v < 256; ++v) {
      const bool known =
          binary ? v == (any_above_one ? 255 : 1) : v < options.classes || v == kIgnoreLabel;
      if (seen[static_cast<size_t>(v)] != 0 && !known) unknown.push_back(std::to_string(v));
    }
    if (!unknown.empty()) {
      const size_t count = unknown.size();
      unknown.resize(std::min<size_t>(count, 5));
      fail(ErrorKind::data,
           name + ": holds the label" + (count > 1 ? "s " : " ") + listed(unknown) +
               (count > 5 ? ", ..." : "") + ", expected " +
               (binary ? "0 and 255 (or 0 and 1)"
                       : "class numbers below " + std::to_string(options.classes)) +
               "; see [data] labels in the recipe");
    }
    const bool any_class = std::find(seen.begin() + 1, seen.end() - 1, 1) != seen.end() - 1;
    if (!binary && !any_class && seen[kIgnoreLabel] != 0) {  // all lesions would go unlearned
      fail(ErrorKind::data,
           name +
               ": holds 255 and no class number, as masks of two classes do, and 255 is ignored "
               "with labels 'classes'; expected class numbers below " +
               std::to_string(options.classes) + ", or labels 'binary'; see [data] in the recipe");
    }
    if (!binary) return source;
  }
  auto labels = torch::empty_like(source);
  auto* label = labels.data_ptr<uint8_t>();
  for (int64_t i = 0; i < n; ++i) label[i] = value[i] != 0;
  return labels;
}

PicturePair read_picture_pair(const DataRow& row, const DataOptions& options) {
  PicturePair pair{read_picture(row.image), {}};
  if (row.mask.empty()) return pair;
  const auto stored = read_mask_picture(row.mask);
  if (stored.size(0) != pair.image.pixels.size(1) || stored.size(1) != pair.image.pixels.size(2)) {
    fail(ErrorKind::data, row.mask.string() + ": is " + size_text(stored) + " and its image is " +
                              size_text(pair.image.pixels[0]) + " (height x width)");
  }
  pair.mask = known_labels(stored, options, row.mask.string());
  return pair;
}

VolumePair read_volume_pair(const DataRow& row, const DataOptions& options,
                            const std::string& units) {
  VolumePair pair{read_volume(row.image, units), {}};
  if (row.mask.empty()) return pair;
  const LabelMap stored = read_label_volume(row.mask);
  if (stored.labels.sizes() != pair.volume.voxels.sizes()) {
    fail(ErrorKind::data, row.mask.string() + ": is " + shape_text(stored.labels) +
                              " and its image is " + shape_text(pair.volume.voxels));
  }
  if (!same_geometry(stored.geometry, pair.volume.geometry, 0.1)) {
    fail(ErrorKind::data, row.mask.string() + ": lies on another grid (" +
                              describe(stored.geometry) + ") than its image (" +
                              describe(pair.volume.geometry) + ")");
  }
  pair.mask = known_labels(stored.labels, options, row.mask.string());
  return pair;
}

std::vector<std::string> find_problems(const Dataset& dataset, const DataOptions& options,
                                       const std::string& units, int64_t threads,
                                       Observer& observer) {
  Problems problems;
  std::mutex speaking;
  std::atomic<int64_t> done{0};
  const auto n = static_cast<int64_t>(dataset.rows.size());
  parallel_for_each(n, threads > 0 ? threads : usable_processors(), [&](int64_t i) {
    if (stop_signal() != 0) throw Stopped(stop_signal(), "stopped");
    const DataRow& row = dataset.rows[static_cast<size_t>(i)];
    try {
      if (is_volume_name(row.image)) {
        read_volume_pair(row, options, units);
      } else {
        read_picture_pair(row, options);
      }
    } catch (const Error& e) {
      problems.add(e.what());
    }
    const std::lock_guard lock(speaking);
    observer.on(Progress{"images", ++done, n, ""});
  });
  return problems.sorted();
}

}  // namespace groundglass
