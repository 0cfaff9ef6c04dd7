#include "groundglass/predict/journal.h"

#include "groundglass/core/files.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/infer/plan/int8_ranges.h"
#include "groundglass/predict/xray_detector.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

/// Size and time of a file, or of all files in a folder: what a changed input changes.
std::string stamp_of(const fs::path& path) {
  std::error_code ignored;
  const auto stamp = [&](const fs::path& file) {
    return std::to_string(fs::file_size(file, ignored)) + "/" +
           std::to_string(fs::last_write_time(file, ignored).time_since_epoch().count());
  };
  if (!fs::is_directory(path, ignored)) return stamp(path);
  std::vector<std::string> all;
  for (const auto& file : files_of_folder(path).files) {
    all.push_back(file.filename().string() + stamp(file));
  }
  return sha256(joined(all, "|"));
}

std::string head_of(const PredictJob& job, const Segmenter& segmenter) {
  const auto& detector = segmenter.options().detector;
  return json_text({{"model", job.weights_sha256},
                    {"threshold", segmenter.options().threshold},
                    {"temperature", segmenter.options().temperature},
                    {"precision", static_cast<int>(segmenter.options().engine.precision)},
                    {"int8", ranges_json(segmenter.options().ranges).dump()},
                    {"with", static_cast<int>(segmenter.options().with)},
                    {"lungs", segmenter.options().lungs.name},
                    {"lung_weights", segmenter.options().lungs.weights_sha256},
                    {"xray_lungs", segmenter.options().xray_lungs.name},
                    {"xray_lung_weights", segmenter.options().xray_lungs.weights_sha256},
                    {"near_lungs", segmenter.options().near_lungs.weights_sha256},
                    {"detector", detector ? detector->options().weights_sha256 : ""},
                    {"detector_cutoff", detector ? detector->options().cutoff : 0},
                    {"probabilities", job.save_probabilities},
                    {"overlay", job.overlay},
                    {"lungs_saved", job.save_lungs},
                    {"lobes", segmenter.options().lungs.lobes.name},
                    {"lobes_saved", job.save_lobes},
                    {"class_numbers", job.class_numbers},
                    {"class_names", job.class_names},
                    {"split_hu", job.split_hu},
                    {"dicom", job.dicom.words()},
                    {"captures", static_cast<int>(job.dicom.capture_as)},
                    {"version", commit()}});
}

}  // namespace

PredictJournal::PredictJournal(const PredictJob& job, const Segmenter& segmenter)
    : path_(job.output / file_of_part(job.part, ".unfinished", ".jsonl")), folder_(job.output) {
  const std::string head = head_of(job, segmenter);
  std::ifstream in(path_);
  std::string line;
  const bool same = std::getline(in, line) && line == head;
  while (same && std::getline(in, line)) {
    const auto entry = ordered_json::parse(line, nullptr, false);
    if (entry.is_object()) lines_[entry.value("stem", "")] = line;  // a half line is no object
  }
  in.close();
  make_folder(folder_);
  out_.open(path_, same ? std::ios::app : std::ios::trunc);
  if (!same) out_ << head << std::endl;
}

std::optional<CaseSummary> PredictJournal::finished(const PredictInput& input) const {
  const auto found = lines_.find(escaped_utf8(input.stem));
  if (found == lines_.end()) return std::nullopt;
  const auto entry = ordered_json::parse(found->second);
  if (entry.at("stamp") != stamp_of(input.path)) return std::nullopt;
  CaseSummary summary = case_summary_of(entry.at("case"));
  summary.input = input.path.string();  // as they are, not as JSON could say them
  summary.output = mask_name(input);
  if (!fs::exists(folder_ / summary.output)) return std::nullopt;
  for (const auto& object : summary.objects) {
    if (!fs::exists(folder_ / object.file)) return std::nullopt;
  }
  return summary;
}

void PredictJournal::add(const PredictInput& input, const CaseSummary& summary) {
  out_ << json_text(
              {{"stem", input.stem}, {"stamp", stamp_of(input.path)}, {"case", case_json(summary)}})
       << std::endl;
}

void PredictJournal::remove() {
  out_.close();
  std::error_code ignored;
  fs::remove(path_, ignored);
}

}  // namespace groundglass
