#include "groundglass/data/prepare.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "groundglass/core/error.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/data/problems.h"
#include "groundglass/data/read_pair.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/preprocess/axial_source.h"
#include "groundglass/preprocess/slice.h"
#include "groundglass/preprocess/slice_lungs.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// An image file and the rows it fills.
struct Task {
  const DataRow* source = nullptr;
  int64_t first_row = 0;
  int64_t rows = 1;
  bool volume = false;
  /// Of a volume, as found when it was opened to count its slices.
  UnitsAsked units = UnitsAsked::as_stored;
  std::optional<AxialSource> opened;  ///< a volume that is still open from then
};

/// Volumes stay open between counting and reading as long as they are few and hold little.
class OpenVolumes {
 public:
  bool may_stay(const VolumeInfo& info) {
    const bool held = info.format == "NRRD" || info.format == "MetaImage";
    const int64_t bytes =
        held ? info.depth * info.height * info.width * static_cast<int64_t>(elementSize(info.type))
             : 0;
    if (count_ == kMost || bytes_ + bytes > kMostBytes) return false;
    ++count_;
    bytes_ += bytes;
    return true;
  }

 private:
  static constexpr int64_t kMost = 64, kMostBytes = int64_t{256} << 20;
  int64_t count_ = 0, bytes_ = 0;
};

std::string slice_id(const DataRow& row, int64_t z) {
  std::string number = std::to_string(z);
  number.insert(0, number.size() < 3 ? 3 - number.size() : 0, '0');
  return row.id + "#z" + number;
}

class Preparation {
 public:
  Preparation(const PrepareJob& job, Observer& observer) : job_(job), observer_(observer) {
    threads_ = job.threads > 0 ? job.threads : usable_processors();
    header_.source = folder_name(job.dataset.source);
    header_.preprocess = job.preprocess_text;
    header_.classes = mask_meaning(job.data, job.class_names);
    header_.class_count = job.data.labels == MaskLabels::classes ? job.data.classes : 2;
    header_.height = job.preprocess.size[0];
    header_.width = job.preprocess.size[1];
    header_.fingerprint = fingerprint_of(job.dataset, job.data);
    for (const auto& warning : job.dataset.warnings) observer_.on(Warning{warning});
    plan();
  }

  int64_t run() {
    PreparedSetWriter writer(job_.output, header_);
    const auto total = static_cast<int64_t>(header_.rows.size());
    std::atomic<int64_t> done{writer.rows_done()};
    parallel_for_each(static_cast<int64_t>(tasks_.size()), threads_, [&](int64_t i) {
      if (stop_signal() != 0) throw Stopped(stop_signal(), "stopped; run it again to go on");
      Task& task = tasks_[static_cast<size_t>(i)];
      try {
        done += task.volume ? fill_volume(task, writer) : fill_picture(task, writer);
      } catch (const Error& e) {
        if (writer.failed()) throw;
        problems_.add(e.what());
      }
      const std::lock_guard lock(speaking_);
      observer_.on(Progress{"slices", done, total, ""});
    });
    problems_.refuse(job_.dataset.source.string());
    writer.finish();
    return total;
  }

 private:
  void plan() {
    OpenVolumes open;
    int64_t without_mask = 0;
    for (const auto& row : job_.dataset.rows) {
      if (job_.data.labels == MaskLabels::classes && row.mask.empty()) {
        ++without_mask;
        continue;
      }
      Task task;
      task.source = &row;
      task.first_row = static_cast<int64_t>(header_.rows.size());
      task.volume = is_volume_name(row.image);
      try {
        if (task.volume) {
          AxialSource source(row.image, job_.preprocess.units);
          task.rows = source.depth();
          task.units = source.info().units == Units::hu ? UnitsAsked::hu : UnitsAsked::gray;
          if (open.may_stay(source.info())) task.opened = std::move(source);
        }
      } catch (const Error& e) {
        problems_.add(e.what());
        continue;
      }
      for (int64_t z = 0; z < task.rows; ++z) {
        header_.rows.push_back({task.volume ? slice_id(row, z) : row.id, row.case_id, row.patient,
                                row.domain, row.label, !row.mask.empty()});
      }
      tasks_.push_back(std::move(task));
    }
    if (without_mask > 0) {
      const std::string what = std::to_string(without_mask) + " of " +
                               std::to_string(job_.dataset.rows.size()) + " images have no mask";
      if (tasks_.empty()) problems_.add(what + "; with labels 'classes' nothing can be learned");
      observer_.on(Warning{what + " and are left out: with labels 'classes' a mask that is missing "
                                  "does not mean that there is no lesion"});
    }
    if (tasks_.empty()) problems_.refuse(job_.dataset.source.string());
    warn_of_blank_masks();
  }

  /// Where some images have masks, one without may be a slip as well as a healthy patient.
  void warn_of_blank_masks() {
    const auto& rows = job_.dataset.rows;
    const auto blank =
        std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.mask.empty(); });
    const auto all = static_cast<std::ptrdiff_t>(rows.size());
    if (job_.data.labels == MaskLabels::classes || blank == 0 || blank == all) return;
    const auto first =
        std::find_if(rows.begin(), rows.end(), [](const auto& row) { return row.mask.empty(); });
    observer_.on(Warning{job_.dataset.source.string() + ": " + std::to_string(blank) + " of " +
                         std::to_string(all) + " images have no mask (" + first->id +
                         ", for one) and count as images without infection"});
  }

  int64_t fill_picture(const Task& task, PreparedSetWriter& writer) {
    if (writer.has(task.first_row)) return 0;
    const PicturePair pair = read_picture_pair(*task.source, job_.data);
    warn(pair.image.warnings);
    write(task.first_row, pair, writer);
    return 1;
  }

  int64_t fill_volume(Task& task, PreparedSetWriter& writer) {
    auto source = std::exchange(task.opened, std::nullopt);
    bool complete = true;
    for (int64_t z = 0; z < task.rows; ++z) complete = complete && writer.has(task.first_row + z);
    if (complete) return 0;
    if (!source) source.emplace(task.source->image, task.units);
    VolumePair volume(std::move(*source), task.source->mask, job_.data, task.source->lungs);
    warn(volume.info().warnings);
    int64_t written = 0;
    for (int64_t z = 0; z < volume.depth(); ++z) {
      if (writer.has(task.first_row + z)) continue;
      const PicturePair pair = volume.slice(z);
      write(task.first_row + z, pair, writer);
      ++written;
    }
    return written;
  }

  void write(int64_t row, const PicturePair& pair, PreparedSetWriter& writer) {
    auto lungs = pair.lungs;
    if (!lungs.defined() && job_.find_lungs) {
      const std::lock_guard lock(finding_lungs_);
      lungs = job_.find_lungs(pair.image);
    }
    const NetworkSlice slice = to_network_grid(pair.image, job_.preprocess, lungs);
    const auto mask = job_.data.labels == MaskLabels::threshold_lungs
                          ? lungs_by_threshold(pair.image, pair.mask)
                          : pair.mask;
    writer.write(row, slice.pixels,
                 mask.defined() ? mask_to_network_grid(mask, slice.box, job_.preprocess) : mask);
  }

  void warn(const std::vector<std::string>& warnings) {
    const std::lock_guard lock(speaking_);
    for (const auto& text : warnings) observer_.on(Warning{text});
  }

  const PrepareJob& job_;
  Observer& observer_;
  int64_t threads_ = 1;
  PreparedHeader header_;
  std::vector<Task> tasks_;
  Problems problems_;
  std::mutex speaking_, finding_lungs_;
};

}  // namespace

std::string fingerprint_of(const Dataset& dataset, const DataOptions& data) {
  std::string text = word_of(data.labels) + "/" + std::to_string(data.classes);
  const auto add = [&](const fs::path& path) {
    if (path.empty()) return;
    std::error_code ignored;
    text += "\n" + path.string() + " " + std::to_string(fs::file_size(path, ignored)) + " " +
            std::to_string(fs::last_write_time(path, ignored).time_since_epoch().count());
  };
  for (const auto& row : dataset.rows) {
    add(row.image);
    add(row.mask);
    add(row.lungs);
  }
  return sha256(text);
}

std::string mask_meaning(const DataOptions& data, const std::vector<std::string>& names) {
  std::string text = "0 background";
  if (data.labels != MaskLabels::classes) {
    return text + ", 1 " + (names.empty() ? "foreground" : names.front()) + " (labels " +
           in_quotes(word_of(data.labels)) + ")";
  }
  for (int64_t label = 1; label < data.classes; ++label) {
    text += ", " + std::to_string(label) + " " + class_name(names, label);
  }
  return text + "; " + std::to_string(kIgnoreLabel) + " ignored";
}

int64_t prepare(const PrepareJob& job, Observer& observer) {
  return Preparation(job, observer).run();
}

}  // namespace groundglass
