#include "groundglass/data/read_pair.h"

#include <atomic>
#include <mutex>

#include "groundglass/core/error.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
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
  if (options.labels == "any") return (stored != 0).to(torch::kUInt8);
  const auto top = stored.max().item<uint8_t>();
  torch::Tensor unknown;
  if (options.labels == "binary") {
    const uint8_t one = top <= 1 ? 1 : 255;
    unknown = (stored != 0) & (stored != one);
  } else {
    unknown = (stored >= options.classes) & (stored != 255);
  }
  if (unknown.any().item<bool>()) {
    const auto values = std::get<0>(at::_unique(stored.masked_select(unknown)));
    std::vector<std::string> words;
    for (int64_t i = 0; i < std::min<int64_t>(values.numel(), 5); ++i) {
      words.push_back(std::to_string(values[i].item<int64_t>()));
    }
    fail(ErrorKind::data, name + ": holds the label" + (values.numel() > 1 ? "s " : " ") +
                              listed(words) + (values.numel() > 5 ? ", ..." : "") + ", expected " +
                              (options.labels == "binary"
                                   ? "0 and 255 (or 0 and 1)"
                                   : "class numbers below " + std::to_string(options.classes)) +
                              "; see [data] labels in the recipe");
  }
  return options.labels == "binary" ? (stored != 0).to(torch::kUInt8) : stored;
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
