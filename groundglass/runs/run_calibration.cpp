#include "groundglass/runs/run_calibration.h"

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/report/calibration_panels.h"
#include "groundglass/report/run_pictures.h"
#include "groundglass/runs/run_folder.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

/// Slices with masks of a list; stored copies of slices are left out.
std::vector<Entry> slices_with_masks(const std::vector<Entry>& entries, const PreparedSet& set) {
  std::vector<Entry> slices;
  for (const auto& e : entries) {
    if (e.copy == 0 && set.rows()[static_cast<size_t>(e.row)].has_mask) slices.push_back(e);
  }
  return slices;
}

/// The lists of a run's split on which its probabilities are judged.
Split calibration_split(const RunFolder& folder, const PreparedSet& set, const Recipe& recipe) {
  Split split = folder.read_split(set, "which patients are validation");
  split.validation = slices_with_masks(split.validation, set);
  split.test = slices_with_masks(split.test, set);
  if (split.validation.empty()) {
    fail(ErrorKind::data, folder.split().string() +
                              ": holds no validation slices with masks ([split] mode " +
                              in_quotes(word_of(recipe.split.mode)) +
                              "), and the temperature is chosen on them; train with a split that "
                              "has some");
  }
  return split;
}

ordered_json document_of(const TrainedModel& trained, const PreparedSet& set,
                         const CalibrationOptions& options,
                         const std::vector<CalibrationSet>& sets) {
  ordered_json j = {
      {"temperature", options.temperature},
      {"threshold", trained.threshold},
      {"calibrated_threshold", at_temperature(trained.threshold, options.temperature)},
      {"model", trained.name},
      {"weights_sha256", trained.weights_sha256},
      {"data", set.header().source},
      {"split_mode", word_of(trained.recipe.split.mode)},
      {"bins", ReliabilityBins::kBins},
      {"near_pixels", options.near_pixels},
      {"fit", word_of(options.fit)},
      {"regions",
       {{"all", "every pixel"},
        {"near", "pixels within near_pixels of a true or predicted lesion pixel"}}},
      {"validation", nullptr},
      {"test", nullptr}};
  for (const auto& s : sets) {
    if (!s.rows.empty()) j[s.name] = calibration_json(s);
  }
  j["version"] = version();
  j["commit"] = commit();
  j["note"] = kNotAMedicalDevice;
  return j;
}

}  // namespace

RunCalibration calibrated(const TrainedModel& trained, const PreparedSet& set,
                          CalibrationOptions options, const Engine& engine) {
  const Split split = calibration_split(trained.path, set, trained.recipe);
  ScoreOptions scoring = trained.recipe.scoring(engine);
  scoring.threshold = trained.threshold;
  trained.model->to(scoring.engine.device);
  options.temperature = fit_temperature_on(*trained.model, set, split.validation, scoring, options);
  RunCalibration found;
  for (const auto& [name, entries] :
       {std::pair{"validation", &split.validation}, std::pair{"test", &split.test}}) {
    found.sets.push_back(
        {name, calibration_rows(*trained.model, set, *entries, scoring, options), &set.rows()});
  }
  found.options = options;
  found.fitted_slices = split.validation.size();
  found.document = document_of(trained, set, options, found.sets);
  return found;
}

std::string calibration_markdown(const RunCalibration& found) {
  return to_markdown(calibration_text(found.document));
}

void write_calibration(const std::filesystem::path& folder, const RunCalibration& found) {
  const auto& sets = found.sets;
  make_folder(folder);
  write_file(folder / "calibration.csv", calibration_csv(sets));
  write_file(folder / "calibration.md", calibration_markdown(found));
  write_reliability(
      folder / "reliability.png", "foretold probability of infection",
      calibration_panels(sets.back().rows.empty() ? sets.front() : sets.back(), found.options));
  // Last: predict acts on it.
  write_file(RunFolder(folder).calibration(), found.document.dump(1) + "\n");
}

}  // namespace groundglass
