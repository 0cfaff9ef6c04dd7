#include <filesystem>
#include <iostream>

#include "groundglass/cli/runner_flags.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/data/problems.h"
#include "groundglass/evaluate/detection.h"
#include "groundglass/predict/input_choice.h"
#include "groundglass/report/find_infection.h"
#include "groundglass/runs/detector_choice.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

struct DetectArguments {
  std::string input, output, model, lung, detector;
  std::vector<std::string> positive, severity;
  int64_t memory_mib = 0;
  RunnerFlags runner;
};

std::vector<Xray> xrays_of(const DetectArguments& a, Observer& observer) {
  if (ends_with(a.input, ".csv")) {
    if (!a.lung.empty()) fail(ErrorKind::usage, "--lung: a table names its masks in column 'lung'");
    return read_xrays(a.input, a.severity);
  }
  if (!a.severity.empty() || !a.positive.empty()) {
    fail(ErrorKind::usage, a.input + ": --positive and --severity need a table (.csv)");
  }
  std::vector<Xray> xrays;
  const ChosenInputs found = choose_inputs(a.input);
  tell_left_out(found.left_out, observer);
  for (const auto& chosen : found.inputs) {
    if (chosen.input.volume) {
      fail(ErrorKind::data, chosen.input.path.string() +
                                ": is a volume; detect takes chest X-rays, expected pictures");
    }
    xrays.push_back({.path = chosen.input.path,
                     .lung = a.lung,
                     .stem = chosen.input.stem,
                     .patient = chosen.input.stem,
                     .label = "",
                     .zones = {}});
  }
  if (!a.lung.empty() && xrays.size() != 1) {
    fail(ErrorKind::usage, "--lung is the mask of one picture, and " + a.input + " holds " +
                               std::to_string(xrays.size()) + "; use a table with a column 'lung'");
  }
  return xrays;
}

/// ", xray_detector 0.034 (not infected)"; nothing where none looked.
std::string detector_words(const ordered_json& d) {
  if (d.is_null()) return "";
  return ", " + d["name"].get<std::string>() + " " + fixed(d["probability"].get<double>(), 3) +
         " (" + d["decision"].get<std::string>() + ")";
}

/// By which rule images are called infected.
std::string rule_words(const ordered_json& document) {
  const auto pixel = "a pixel reaches " + shortest(document["cutoff"].get<double>()) + ", " +
                     document["cutoff_from"].get<std::string>();
  const auto& d = document["detector"];
  if (d.is_null()) return pixel;
  return d["name"].get<std::string>() + " reaches " + shortest(d["cutoff"].get<double>()) + ", " +
         d["cutoff_from"].get<std::string>() + " (where it is not trusted, " + pixel + ")";
}

void say(const ordered_json& document) {
  int64_t infected = 0;
  for (const auto& image : document["images"]) {
    infected += image["infected"].get<bool>();
    const auto& lung = image["infected_fraction_of_lung"];
    std::cout << image["input"].get<std::string>() << ": "
              << (image["infected"].get<bool>() ? "infected" : "not infected")
              << ", highest probability " << fixed(image["highest_probability"].get<double>(), 3)
              << detector_words(image["detector"]) << ", infected "
              << fixed(100 * (lung.is_null() ? image["infected_fraction"] : lung).get<double>(), 1)
              << (lung.is_null() ? " % of the picture\n" : " % of the lungs\n");
  }
  std::cout << infected << " of " << document["images"].size()
            << " called infected: " << rule_words(document) << "\n";
  if (!document["score"].is_null()) {
    for (const auto& name : detection_score_names()) {
      const auto& value = document["score"][name];
      std::cout << name << " " << (value.is_null() ? "n/a" : fixed(value.get<double>(), 4)) << "\n";
    }
  }
  for (const auto& [column, s] : document["severity"].items()) {
    std::cout << "Spearman with " << column << ": "
              << (s["spearman"].is_null() ? "n/a" : fixed(s["spearman"].get<double>(), 3));
    if (!s["interval95"].is_null()) {
      std::cout << " (95 % " << fixed(s["interval95"][0].get<double>(), 3) << " to "
                << fixed(s["interval95"][1].get<double>(), 3) << ")";
    }
    std::cout << " on " << s["images"] << " images of " << s["patients"] << " patients\n";
  }
  std::cout << "warning: " << kSourceWarning << "\n" << kNotAMedicalDevice << std::endl;
}

void run_detect(const DetectArguments& a, const Context& context) {
  if (a.model.empty()) {
    fail(ErrorKind::usage,
         "--model: name a chest X-ray network: xray_infection, a run folder or a weights file");
  }
  const auto observer = console_observer(context);
  const auto xrays = xrays_of(a, *observer);
  if (!a.positive.empty()) check_xray_labels(xrays, a.positive);  // before anything is computed
  const TrainedModel trained = load_runnable_model(a.model, context.overrides);
  SegmenterOptions how = segmenter_options(trained, a.runner, context);
  how.detector = xray_detector(a.detector, trained, {{"x", "x"}}, settings_of_runner(context));
  const auto detector = how.detector;
  Segmenter segmenter(std::move(how));
  warn_of(trained, *observer);
  warn_of(detector.get(), *observer);
  const double cutoff = trained.image_cutoff.value_or(trained.threshold);
  const auto found = find_infections(
      segmenter, xrays, {.cutoff = cutoff, .output = a.output, .memory_limit = a.memory_mib << 20},
      *observer);
  ordered_json document = {
      {"model", trained.name},
      {"weights_sha256", trained.weights_sha256},
      {"threshold", trained.threshold},
      {"cutoff", cutoff},
      {"cutoff_from", trained.image_cutoff ? "validation images of the detection study"
                                           : "the threshold of pixels"},
      {"detector", nullptr},
      {"warning", kSourceWarning},
      {"images", ordered_json::array()},
      {"failed", ordered_json::array()},
      {"score", nullptr},
      {"severity", ordered_json::object()},
      {"note", kNotAMedicalDevice}};
  if (detector) document["detector"] = detector_json(*detector);
  for (size_t i = 0; i < found.xrays.size(); ++i) {
    document["images"].push_back(xray_json(found.xrays[i], found.findings[i]));
  }
  Problems problems;
  for (const auto& f : found.failed) {
    document["failed"].push_back({{"input", f.input}, {"problem", f.problem}});
    problems.add(f.problem);
  }
  if (found.failed.empty()) {  // a score of the others would pass for one of all
    if (!a.positive.empty()) {
      document["score"] = xray_score_json(found.xrays, found.findings, a.positive);
    }
    for (const auto& column : a.severity) {
      document["severity"][column] = xray_severity_json(found.xrays, found.findings, column);
    }
  }
  if (!a.output.empty()) {
    write_file(fs::path(a.output) / "detect.json", json_text(document, 1) + "\n");
  }
  context.json ? print_json(document) : say(document);
  problems.refuse(a.input + ": " + std::to_string(found.xrays.size()) + " of " +
                  std::to_string(xrays.size()) + " X-rays were looked at; of the others");
}

}  // namespace

void add_detect(CLI::App& app, Context& context) {
  auto a = std::make_shared<DetectArguments>();
  auto* verb = add_verb(app, context, "detect", "chest X-rays: infected or not, with the map",
                        [a, &context] { run_detect(*a, context); });
  verb->add_option("input", a->input, "picture, folder of pictures, or table (.csv)")->required();
  verb->add_option("-o,--output", a->output, "folder for infection maps and detect.json");
  verb->add_option("--model", a->model,
                   "run folder, weights file, or FILE.pt of export, of an X-ray network");
  verb->add_option("--detector", a->detector,
                   "who decides which X-rays are infected, and whose marks are kept: a "
                   "classifier's run folder, weights file or name, or none (xray_detector for the "
                   "bundled xray_infection, else none)");
  verb->add_option("--lung", a->lung, "lung mask of a single picture (tables: column 'lung')");
  verb->add_option("--positive", a->positive, "tables: label of infected images; scores follow")
      ->allow_extra_args(false);
  verb->add_option(
          "--severity", a->severity,
          "tables: column with a reader's six Brixia zones; Spearman's correlation follows")
      ->allow_extra_args(false);
  verb->add_option("--memory", a->memory_mib,
                   "MiB that the program may hold (0: what the machine has left)")
      ->check(CLI::Range(0, 1 << 24));
  add_engine_options(verb, context);
  add_runner_options(verb, a->runner);
  add_override_option(verb, context);
}

}  // namespace groundglass
