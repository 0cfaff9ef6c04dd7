#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/evaluate/calibration_table.h"
#include "groundglass/report/calibration_panels.h"
#include "groundglass/report/run_pictures.h"
#include "groundglass/runs/stored_temperature.h"
#include "groundglass/runs/training_run.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

struct CalibrateArguments {
  std::string run, data, output, fit = "near";
  int64_t near_pixels = 3;
};

/// Slices with masks of a list; stored copies of slices are left out.
std::vector<Entry> slices_of(const std::vector<Entry>& entries, const PreparedSet& set) {
  std::vector<Entry> slices;
  for (const auto& e : entries) {
    if (e.copy == 0 && set.rows()[static_cast<size_t>(e.row)].has_mask) slices.push_back(e);
  }
  return slices;
}

Split split_of(const fs::path& run, const PreparedSet& set, const Recipe& recipe) {
  const RunFolder folder = run;
  Split split = folder.read_split(set, "which patients are validation");
  split.validation = slices_of(split.validation, set);
  split.test = slices_of(split.test, set);
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
      {"fit", options.fit == FitRegion::all ? "all" : "near"},
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

void run_calibrate(const CalibrateArguments& a, const Context& context) {
  const auto console = console_observer(context);
  const TrainedModel trained = load_trained_model(a.run);
  const fs::path run = a.run, output = a.output.empty() ? run : fs::path(a.output);
  const RunSettings settings = run_settings(context);
  const auto near = RunFolder(run).nearby_prepared_set();
  const PreparedSet set(prepared_path(a.data, near ? near->parent_path() : output, trained.recipe,
                                      settings, *console));
  check_set_fits(trained.recipe, set);
  const Split split = split_of(run, set, trained.recipe);
  ScoreOptions scoring = trained.recipe.scoring(settings.engine);
  scoring.threshold = trained.threshold;
  trained.model->to(scoring.engine.device);
  CalibrationOptions options;
  options.near_pixels = a.near_pixels;
  check_word("calibrate", "--fit", a.fit, {"near", "all"});
  options.fit = a.fit == "all" ? FitRegion::all : FitRegion::near;
  options.temperature = fit_temperature_on(*trained.model, set, split.validation, scoring, options);
  std::vector<CalibrationSet> sets;
  for (const auto& [name, entries] :
       {std::pair{"validation", &split.validation}, std::pair{"test", &split.test}}) {
    sets.push_back(
        {name, calibration_rows(*trained.model, set, *entries, scoring, options), &set.rows()});
  }
  const ordered_json document = document_of(trained, set, options, sets);
  const std::string table = to_markdown(calibration_text(document));
  make_folder(output);
  write_file(output / "calibration.csv", calibration_csv(sets));
  write_file(output / "calibration.md", table);
  write_reliability(
      output / "reliability.png", "foretold probability of infection",
      calibration_panels(sets.back().rows.empty() ? sets.front() : sets.back(), options));
  write_file(RunFolder(output).calibration(), document.dump(1) + "\n");  // last: predict acts on it
  if (context.json) return print_json(document);
  std::cout << table << "\n"
            << output.string() << ": temperature " << fixed(options.temperature, 4) << " from "
            << split.validation.size() << " validation slices"
            << (a.output.empty() ? "; predict uses it from now on" : "") << std::endl;
}

}  // namespace

void add_calibrate(CLI::App& app, Context& context) {
  auto a = std::make_shared<CalibrateArguments>();
  auto* verb = add_verb(app, context, "calibrate",
                        "fit the temperature of a run's probabilities on validation patients",
                        [a, &context] { run_calibrate(*a, context); });
  verb->add_option("run", a->run, "run folder of the trained network")->required();
  verb->add_option("--data", a->data, "data set, or prepared set, it was trained on")->required();
  verb->add_option("-o,--output", a->output, "folder for the results (RUN, where predict looks)");
  verb->add_option("--near", a->near_pixels, "what counts as near a lesion, in pixels (3)")
      ->check(CLI::Range(0, 64));
  verb->add_option("--fit", a->fit, "pixels that choose the temperature: near (a lesion) or all");
  add_engine_options(verb, context);
}

}  // namespace groundglass
