#include "groundglass/annotate/export.h"

#include <atomic>
#include <mutex>
#include <set>

#include <nlohmann/json.hpp>

#include "groundglass/annotate/cases.h"
#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/io/picture.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

fs::path image_file(const AnnotationCase& c, ExportLayout layout) {
  if (layout == ExportLayout::nnunet) return fs::path("imagesTr") / (c.file + "_0000.png");
  if (layout == ExportLayout::monai_label) return c.file + ".png";
  return fs::path("images") / (c.file + ".png");
}

fs::path mask_file(const AnnotationCase& c, ExportLayout layout) {
  if (layout == ExportLayout::nnunet) return fs::path("labelsTr") / (c.file + ".png");
  if (layout == ExportLayout::monai_label) return fs::path("labels/final") / (c.file + ".png");
  return fs::path("masks") / (c.file + ".png");
}

/// The label values of a layout; notes whether any pixel is to be ignored.
torch::Tensor exported_labels(const torch::Tensor& labels, const DataOptions& data,
                              ExportLayout layout, std::atomic<bool>& ignores) {
  if (layout == ExportLayout::table) return stored_mask(labels, data);
  const auto ignored = labels == kIgnoreLabel;
  if (layout != ExportLayout::nnunet || !ignored.any().item<bool>()) return labels;
  ignores = true;
  return labels.masked_fill(ignored, data.classes);
}

int64_t classes_of(const DataOptions& data) {
  return data.labels == MaskLabels::classes ? data.classes : 2;
}

std::string dataset_json(const DataOptions& data, size_t masks, bool ignores) {
  ordered_json labels = {{"background", 0}};
  const int64_t classes = classes_of(data);
  for (int64_t k = 1; k < classes; ++k) {
    labels[classes == 2 ? "infection" : "class_" + std::to_string(k)] = k;
  }
  if (ignores) labels["ignore"] = classes;
  const ordered_json document = {{"channel_names", {{"0", "gray"}}},
                                 {"labels", labels},
                                 {"numTraining", masks},
                                 {"file_ending", ".png"},
                                 {"overwrite_image_reader_writer", "NaturalImage2DIO"},
                                 {"description", kNotAMedicalDevice}};
  return document.dump(1) + "\n";
}

std::string cases_csv(const AnnotationStore& store, const std::vector<FinalMask>& masks,
                      ExportLayout layout) {
  std::string text = csv_line({"image", "mask", "case", "patient", "domain"});
  for (const auto& m : masks) {
    const AnnotationCase& c = store.case_of(m.case_id);
    text += csv_line({image_file(c, layout).generic_string(), mask_file(c, layout).generic_string(),
                      c.study, c.patient, c.domain});
  }
  return text;
}

std::string sources_csv(const AnnotationStore& store, const std::vector<FinalMask>& masks,
                        ExportLayout layout) {
  std::string text = csv_line({"case", "image", "mask", "source", "round", "votes", "voters",
                               "annotators", "weights_sha256"});
  for (const auto& m : masks) {
    const AnnotationCase& c = store.case_of(m.case_id);
    text += csv_line({c.name, image_file(c, layout).generic_string(),
                      mask_file(c, layout).generic_string(), m.source, std::to_string(m.round),
                      std::to_string(m.votes), std::to_string(m.voters), joined(m.annotators, " "),
                      m.weights_sha256});
  }
  return text;
}

/// A picture of an earlier export would silently become a part of this one.
void refuse_strangers(const AnnotationStore& store, const std::vector<FinalMask>& masks,
                      const fs::path& folder, ExportLayout layout) {
  std::set<fs::path> ours, folders;
  for (const auto& m : masks) {
    const AnnotationCase& c = store.case_of(m.case_id);
    for (const auto& file : {folder / image_file(c, layout), folder / mask_file(c, layout)}) {
      ours.insert(file);
      folders.insert(file.parent_path());
    }
  }
  for (const auto& place : folders) {
    if (!fs::is_directory(place)) continue;
    for (const auto& entry : fs::directory_iterator(place)) {
      const bool temporary = entry.path().filename().string().rfind(".tmp-", 0) == 0;
      if (!is_picture_name(entry.path()) || temporary || ours.count(entry.path()) > 0) continue;
      fail(ErrorKind::usage,
           entry.path().string() + ": is no part of this export; choose another folder");
    }
  }
}

}  // namespace

ExportLayout export_layout(const std::string& word) {
  if (word == "table") return ExportLayout::table;
  if (word == "nnunet") return ExportLayout::nnunet;
  if (word == "monai-label") return ExportLayout::monai_label;
  fail(ErrorKind::usage,
       "--layout " + in_quotes(word) + did_you_mean(word, {"table", "nnunet", "monai-label"}));
}

void export_masks(const AnnotationStore& store, const std::vector<FinalMask>& masks,
                  const fs::path& folder, ExportLayout layout, int64_t threads,
                  Observer& observer) {
  if (masks.empty()) {
    fail(ErrorKind::data, store.project().string() +
                              ": no case has a chosen or drawn mask yet; read choices with "
                              "`groundglass annotate choose`");
  }
  refuse_strangers(store, masks, folder, layout);
  std::atomic<bool> ignores{false};
  std::mutex speaking;
  int64_t done = 0;
  const auto n = static_cast<int64_t>(masks.size());
  parallel_for_each(n, threads > 0 ? threads : usable_processors(), [&](int64_t i) {
    if (stop_signal() != 0) throw Stopped(stop_signal(), "stopped; the same call starts anew");
    const FinalMask& mask = masks[static_cast<size_t>(i)];
    const AnnotationCase& c = store.case_of(mask.case_id);
    const auto labels = read_case_mask(mask.file, c, store.notes().data);
    write_png(folder / image_file(c, layout), read_gray(c));
    write_png(folder / mask_file(c, layout),
              exported_labels(labels, store.notes().data, layout, ignores));
    const std::lock_guard lock(speaking);
    observer.on(Progress{"cases", ++done, n, ""});
  });
  write_file(folder / "sources.csv", sources_csv(store, masks, layout));
  if (layout == ExportLayout::nnunet) {
    write_file(folder / "dataset.json", dataset_json(store.notes().data, masks.size(), ignores));
  } else {
    write_file(folder / "cases.csv", cases_csv(store, masks, layout));
  }
}

}  // namespace groundglass
