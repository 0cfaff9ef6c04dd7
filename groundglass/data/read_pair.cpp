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

/// Which values a mask holds.
class SeenLabels {
 public:
  void add(const torch::Tensor& stored) {
    const auto source = stored.contiguous();
    const auto* value = source.data_ptr<uint8_t>();
    const int64_t n = source.numel();
    // one pass over the bytes: tensor operations took five
    for (int64_t i = 0; i < n; ++i) seen_[value[i]] = 1;
  }

  /// Throws Error(data) for values that `options` do not know.
  void check(const DataOptions& options, const std::string& name) const {
    const bool binary = options.labels == MaskLabels::binary;
    if (!binary && options.labels != MaskLabels::classes) return;
    const bool any_above_one = std::find(seen_.begin() + 2, seen_.end(), 1) != seen_.end();
    std::vector<std::string> unknown;
    for (int64_t v = 1; v < 256; ++v) {
      const bool known =
          binary ? v == (any_above_one ? 255 : 1) : v < options.classes || v == kIgnoreLabel;
      if (seen_[static_cast<size_t>(v)] != 0 && !known) unknown.push_back(std::to_string(v));
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
    const bool any_class = std::find(seen_.begin() + 1, seen_.end() - 1, 1) != seen_.end() - 1;
    if (!binary && !any_class && seen_[kIgnoreLabel] != 0) {  // all lesions would go unlearned
      fail(ErrorKind::data,
           name +
               ": holds 255 and no class number, as masks of two classes do, and 255 is ignored "
               "with labels 'classes'; expected class numbers below " +
               std::to_string(options.classes) + ", or labels 'binary'; see [data] in the recipe");
    }
  }

 private:
  std::array<uint8_t, 256> seen_{};
};

/// Checked values as class numbers: with labels 'classes' as they are, else all but 0 are 1.
torch::Tensor class_numbers(const torch::Tensor& stored, const DataOptions& options) {
  const auto source = stored.contiguous();
  if (options.labels == MaskLabels::classes) return source;
  auto labels = torch::empty_like(source);
  const auto* value = source.data_ptr<uint8_t>();
  auto* label = labels.data_ptr<uint8_t>();
  for (int64_t i = 0; i < source.numel(); ++i) label[i] = value[i] != 0;
  return labels;
}

/// "[80, 512, 512]", as shape_text() says it.
std::string shape_text(const VolumeInfo& info) {
  return "[" + std::to_string(info.depth) + ", " + std::to_string(info.height) + ", " +
         std::to_string(info.width) + "]";
}

}  // namespace

torch::Tensor known_labels(const torch::Tensor& stored, const DataOptions& options,
                           const std::string& name) {
  SeenLabels seen;
  seen.add(stored);
  seen.check(options, name);
  return class_numbers(stored, options);
}

PicturePair read_picture_pair(const DataRow& row, const DataOptions& options) {
  PicturePair pair{read_picture(row.image), {}};
  if (row.mask.empty()) return pair;
  const auto stored = read_mask_of_picture(row.mask, row.image, pair.image.pixels.size(1),
                                           pair.image.pixels.size(2));
  if (stored.size(0) != pair.image.pixels.size(1) || stored.size(1) != pair.image.pixels.size(2)) {
    fail(ErrorKind::data, row.mask.string() + ": is " + size_text(stored) + " and its image is " +
                              size_text(pair.image.pixels[0]) + " (height x width)");
  }
  pair.mask = known_labels(stored, options, row.mask.string());
  return pair;
}

VolumePair::VolumePair(AxialSource image_source, const std::filesystem::path& mask_path,
                       const DataOptions& options)
    : image_(std::move(image_source)), options_(options) {
  if (mask_path.empty()) return;
  auto reader = open_label_volume(mask_path);
  const VolumeInfo &mask = reader->info(), &image = info();
  if (shape_text(mask) != shape_text(image)) {
    fail(ErrorKind::data, mask_path.string() + ": is " + shape_text(mask) + " and its image is " +
                              shape_text(image));
  }
  if (!same_geometry(mask.geometry, image.geometry, 0.1)) {
    fail(ErrorKind::data, mask_path.string() + ": lies on another grid (" +
                              describe(mask.geometry) + ") than its image (" +
                              describe(image.geometry) + ")");
  }
  SeenLabels seen;
  for (int64_t k = 0; k < mask.depth; ++k) seen.add(reader->read_slice(k));
  seen.check(options, mask_path.string());
  mask_.emplace(std::move(reader), image_.view());
}

PicturePair VolumePair::slice(int64_t k) {
  PicturePair pair{image_.read(k), {}};
  if (mask_) pair.mask = class_numbers(mask_->read(k).pixels[0], options_);
  return pair;
}

std::vector<std::string> find_problems(const Dataset& dataset, const DataOptions& options,
                                       UnitsAsked units, int64_t threads, Observer& observer) {
  Problems problems;
  std::mutex speaking;
  std::atomic<int64_t> done{0};
  const auto n = static_cast<int64_t>(dataset.rows.size());
  parallel_for_each(n, threads > 0 ? threads : usable_processors(), [&](int64_t i) {
    if (stop_signal() != 0) throw Stopped(stop_signal(), "stopped");
    const DataRow& row = dataset.rows[static_cast<size_t>(i)];
    try {
      if (is_volume_name(row.image)) {
        VolumePair pair(AxialSource(row.image, units), row.mask, options);
        for (int64_t k = 0; k < pair.depth(); ++k) pair.slice(k);
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
