#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/text.h"
#include "groundglass/runs/run_calibration.h"
#include "groundglass/runs/training_run.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct CalibrateArguments {
  std::string run, data, output, fit = "near";
  int64_t near_pixels = 3;
};

void run_calibrate(const CalibrateArguments& a, const Context& context) {
  const auto console = console_observer(context);
  const TrainedModel trained = load_trained_model(a.run);
  const fs::path run = a.run, output = a.output.empty() ? run : fs::path(a.output);
  const RunSettings settings = run_settings(context);
  const auto near = RunFolder(run).nearby_prepared_set();
  const PreparedSet set(prepared_path(a.data, near ? near->parent_path() : output, trained.recipe,
                                      settings, *console));
  check_set_fits(trained.recipe, set);
  CalibrationOptions options;
  options.near_pixels = a.near_pixels;
  options.fit = value_of<FitRegion>("calibrate", "--fit", a.fit);
  const RunCalibration found = calibrated(trained, set, options, settings.engine);
  write_calibration(output, found);
  if (context.json) return print_json(found.document);
  std::cout << calibration_markdown(found) << "\n"
            << output.string() << ": temperature " << fixed(found.options.temperature, 4)
            << " from " << found.fitted_slices << " validation slices"
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
