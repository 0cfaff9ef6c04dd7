#include "groundglass/data/read_pair.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include "groundglass/core/error.h"
#include "groundglass/core/geometry_text.h"
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

namespace {

/// A picture of labels that lies as its image does. What is doubtful of that is said with the
/// image's warnings.
torch::Tensor picture_of_labels(const std::filesystem::path& path,
                                const std::filesystem::path& image_path, Image& image) {
  const auto stored = read_mask_of_picture(path, image_path, image.pixels.size(1),
                                           image.pixels.size(2), image.warnings);
  if (stored.size(0) != image.pixels.size(1) || stored.size(1) != image.pixels.size(2)) {
    fail(ErrorKind::data, path.string() + ": is " + size_text(stored) + " and its image is " +
                              size_text(image.pixels[0]) + " (height x width)");
  }
  return stored;
}

/// Opens a volume of labels on the grid of its image.
std::unique_ptr<VolumeReader> opened_labels(const std::filesystem::path& path,
                                            const VolumeInfo& image) {
  auto reader = open_label_volume(path);
  const VolumeInfo& mask = reader->info();
  if (shape_text(mask) != shape_text(image)) {
    fail(ErrorKind::data,
         path.string() + ": is " + shape_text(mask) + " and its image is " + shape_text(image));
  }
  if (!same_geometry(mask.geometry, image.geometry, 0.1)) {
    const auto [own, wanted] = descriptions_apart(mask.geometry, image.geometry);
    fail(ErrorKind::data,
         path.string() + ": lies on another grid (" + own + ") than its image (" + wanted + ")");
  }
  return reader;
}

}  // namespace

PicturePair read_picture_pair(const DataRow& row, const DataOptions& options) {
  PicturePair pair{read_picture(row.image), {}};
  if (!row.lungs.empty()) pair.lungs = picture_of_labels(row.lungs, row.image, pair.image);
  if (row.mask.empty()) return pair;
  pair.mask =
      known_labels(picture_of_labels(row.mask, row.image, pair.image), options, row.mask.string());
  return pair;
}

VolumePair::VolumePair(AxialSource image, const std::filesystem::path& mask,
                       const DataOptions& options, const std::filesystem::path& lungs)
    : image_(std::move(image)), options_(options) {
  if (!lungs.empty()) lungs_.emplace(opened_labels(lungs, info()), image_.view());
  if (mask.empty()) return;
  auto reader = opened_labels(mask, info());
  SeenLabels seen;
  for (int64_t k = 0; k < reader->info().depth; ++k) seen.add(reader->read_slice(k));
  seen.check(options, mask.string());
  mask_.emplace(std::move(reader), image_.view());
}

PicturePair VolumePair::slice(int64_t k) {
  PicturePair pair{image_.read(k), {}};
  if (lungs_) pair.lungs = lungs_->read(k).pixels[0];
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
