#include <iostream>

#include "groundglass/cli/runner_flags.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/data/dataset.h"
#include "groundglass/data/problems.h"
#include "groundglass/evaluate/detection.h"
#include "groundglass/evaluate/severity.h"
#include "groundglass/explain/heat_share.h"
#include "groundglass/io/picture.h"
#include "groundglass/metrics/proportion_interval.h"
#include "groundglass/predict/input_choice.h"
#include "groundglass/predict/pace.h"
#include "groundglass/predict/segmenter.h"
#include "groundglass/predict/volume_case.h"
#include "groundglass/report/infection_map.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

struct DetectArguments {
  std::string input, output, model, lung;
  std::vector<std::string> positive, severity;
  int64_t memory_mib = 0;
  RunnerFlags runner;
};

/// An X-ray, and what a table says of it.
struct Xray {
  fs::path path, lung;
  std::string stem, patient, label;
  std::map<std::string, std::string> scores;  ///< readers' zones, by column
};

/// What the network says of it.
struct Finding {
  bool infected = false;
  double highest = 0, infected_fraction = 0;
  std::optional<double> lung_fraction, heat_in_lung;
  fs::path map;
  std::vector<std::string> warnings;
};

std::vector<Xray> xrays_of_table(const DetectArguments& a) {
  const CsvTable table = read_csv(a.input);
  const bool lungs = table.column("lung") >= 0;
  const Dataset dataset = read_dataset(a.input, {lungs ? "lung" : ""});
  for (const auto& column : a.severity) {
    if (table.column(column) < 0) {
      fail(ErrorKind::data,
           a.input + ": has no column " + in_quotes(column) + did_you_mean(column, table.header));
    }
  }
  std::vector<Xray> xrays;
  for (size_t i = 0; i < dataset.rows.size(); ++i) {
    const auto& row = dataset.rows[i];
    Xray xray{row.image, lungs ? row.mask : fs::path(), row.id, row.patient, row.label, {}};
    for (const auto& column : a.severity) {
      const auto& cells = table.rows[i].cells;
      const auto& text = cells[static_cast<size_t>(table.column(column))];
      if (text.empty()) continue;
      brixia_sum(text, a.input + ":" + std::to_string(table.rows[i].line));
      xray.scores[column] = text;
    }
    xrays.push_back(std::move(xray));
  }
  return xrays;
}

std::vector<Xray> xrays_of(const DetectArguments& a) {
  if (ends_with(a.input, ".csv")) {
    if (!a.lung.empty()) fail(ErrorKind::usage, "--lung: a table names its masks in column 'lung'");
    return xrays_of_table(a);
  }
  if (!a.severity.empty() || !a.positive.empty()) {
    fail(ErrorKind::usage, a.input + ": --positive and --severity need a table (.csv)");
  }
  std::vector<Xray> xrays;
  for (const auto& chosen : choose_inputs(a.input)) {
    if (chosen.input.volume) {
      fail(ErrorKind::data, chosen.input.path.string() +
                                ": is a volume; detect takes chest X-rays, expected pictures");
    }
    xrays.push_back({chosen.input.path, a.lung, chosen.input.stem, chosen.input.stem, "", {}});
  }
  if (!a.lung.empty() && xrays.size() != 1) {
    fail(ErrorKind::usage, "--lung is the mask of one picture, and " + a.input + " holds " +
                               std::to_string(xrays.size()) + "; use a table with a column 'lung'");
  }
  return xrays;
}

Finding find_infection(Segmenter& segmenter, Pace& pace, const Xray& xray,
                       const DetectArguments& a) {
  const Image image = read_picture(xray.path);
  auto need = need_of_pictures(image.pixels.size(1), image.pixels.size(2), segmenter,
                               {false, !a.output.empty()});
  need.outputs = {};  // without the map there is no answer to look at
  pace.next(xray.path, need);
  const auto result = segmenter.segment({image})[0];
  const auto probability = result.probability.sum(0).clamp(0, 1);  // [H,W], all classes as one
  const auto infected = result.labels != 0;
  Finding found;
  found.infected = infected.any().item<bool>();
  found.highest = probability.max().item<double>();
  found.infected_fraction = infected.to(torch::kFloat64).mean().item<double>();
  found.warnings = image.warnings;
  if (!xray.lung.empty()) {
    const auto lung = read_mask_picture(xray.lung);
    if (lung.sizes() != infected.sizes()) {
      fail(ErrorKind::data, xray.lung.string() + ": is " + shape_text(lung) + " and the X-ray is " +
                                shape_text(infected) + ", expected one size");
    }
    found.heat_in_lung = heat_share(probability, lung).inside;
    const auto area = (lung > 0).sum().item<int64_t>();
    if (area > 0) {
      found.lung_fraction = static_cast<double>((infected & (lung > 0)).sum().item<int64_t>()) /
                            static_cast<double>(area);
    }
  }
  if (!a.output.empty()) {
    found.map = fs::path(a.output) / (inside_folder(xray.stem).string() + "_map.png");
    write_png(found.map, infection_map(shown(image, segmenter.options().preprocess), probability));
  }
  return found;
}

ordered_json number(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json image_json(const Xray& xray, const Finding& found) {
  ordered_json image = {{"input", xray.path.string()},
                        {"infected", found.infected},
                        {"highest_probability", found.highest},
                        {"infected_fraction", found.infected_fraction},
                        {"infected_fraction_of_lung", number(found.lung_fraction)},
                        {"heat_in_lung", number(found.heat_in_lung)},
                        {"label", xray.label},
                        {"map", nullptr},
                        {"warnings", found.warnings}};
  if (!found.map.empty()) image["map"] = found.map.string();
  return image;
}

/// Scores against the labels, with the paper's half-widths' correct counterparts.
ordered_json score_json(const std::vector<Xray>& xrays, const std::vector<Finding>& found,
                        const DetectArguments& a) {
  std::vector<std::string> labels;
  for (const auto& xray : xrays) labels.push_back(xray.label);
  check_labels(labels, a.positive);
  std::vector<ImageScore> called, highest;
  for (size_t i = 0; i < xrays.size(); ++i) {
    const bool positive =
        std::find(a.positive.begin(), a.positive.end(), labels[i]) != a.positive.end();
    called.push_back({found[i].infected ? 1.0 : 0.0, positive});
    highest.push_back({found[i].highest, positive});
  }
  const Counts c = count_images(called, 0.5);
  const auto scores = seven_scores(c, auc(highest));
  const auto shares = share_intervals(c);
  ordered_json out = {{"tn", c.tn}, {"fp", c.fp}, {"fn", c.fn}, {"tp", c.tp}};
  for (size_t i = 0; i < scores.size(); ++i) out[detection_score_names()[i]] = number(scores[i]);
  const auto range = [](const std::optional<Interval>& r) {
    return r ? ordered_json::array({r->low, r->high}) : ordered_json(nullptr);
  };
  out["wilson95"] = {{"sensitivity", range(shares.sensitivity)},
                     {"specificity", range(shares.specificity)},
                     {"precision", range(shares.precision)},
                     {"accuracy", range(shares.accuracy)}};
  return out;
}

/// How the infected share of the lungs (of the picture where there is no mask) goes with a reader.
ordered_json severity_json(const std::vector<Xray>& xrays, const std::vector<Finding>& found,
                           const std::string& column) {
  std::vector<SeverityPair> pairs;
  for (size_t i = 0; i < xrays.size(); ++i) {
    const auto score = xrays[i].scores.find(column);
    if (score == xrays[i].scores.end()) continue;
    pairs.push_back({xrays[i].patient, found[i].lung_fraction.value_or(found[i].infected_fraction),
                     static_cast<double>(brixia_sum(score->second, column))});
  }
  const auto agreement = severity_agreement(pairs);
  ordered_json out = {{"spearman", number(agreement.spearman)},
                      {"interval95", nullptr},
                      {"images", agreement.images},
                      {"patients", agreement.patients}};
  if (agreement.interval) {
    out["interval95"] = {agreement.interval->low, agreement.interval->high};
  }
  return out;
}

void say(const ordered_json& document) {
  int64_t infected = 0;
  for (const auto& image : document["images"]) {
    infected += image["infected"].get<bool>();
    const auto& lung = image["infected_fraction_of_lung"];
    std::cout << image["input"].get<std::string>() << ": "
              << (image["infected"].get<bool>() ? "infected" : "not infected")
              << ", highest probability " << fixed(image["highest_probability"].get<double>(), 3)
              << ", infected "
              << fixed(100 * (lung.is_null() ? image["infected_fraction"] : lung).get<double>(), 1)
              << (lung.is_null() ? " % of the picture\n" : " % of the lungs\n");
  }
  std::cout << infected << " of " << document["images"].size() << " called infected\n";
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
  const auto xrays = xrays_of(a);
  if (!a.positive.empty()) {
    std::vector<std::string> labels;
    for (const auto& xray : xrays) labels.push_back(xray.label);
    check_labels(labels, a.positive);  // before anything is computed
  }
  const TrainedModel trained = load_runnable_model(a.model, context.overrides);
  Segmenter segmenter(segmenter_options(trained, a.runner, context));
  const auto observer = console_observer(context);
  warn_of(trained, *observer);
  Pace pace(segmenter, {1, a.memory_mib << 20}, *observer);
  std::vector<Finding> found;
  ordered_json document = {{"model", trained.name},
                           {"weights_sha256", trained.weights_sha256},
                           {"threshold", trained.threshold},
                           {"warning", kSourceWarning},
                           {"images", ordered_json::array()},
                           {"score", nullptr},
                           {"severity", ordered_json::object()},
                           {"note", kNotAMedicalDevice}};
  Problems problems;
  for (const auto& xray : xrays) {
    try {
      found.push_back(find_infection(segmenter, pace, xray, a));
      for (const auto& text : found.back().warnings) observer->on(Warning{text});
      document["images"].push_back(image_json(xray, found.back()));
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::data) throw;
      problems.add(e.what());
    }
    observer->on(Progress{"X-rays", static_cast<int64_t>(found.size()),
                          static_cast<int64_t>(xrays.size()), ""});
  }
  problems.refuse(a.input);
  if (!a.positive.empty()) document["score"] = score_json(xrays, found, a);
  for (const auto& column : a.severity) {
    document["severity"][column] = severity_json(xrays, found, column);
  }
  if (!a.output.empty()) {
    write_file(fs::path(a.output) / "detect.json", document.dump(1) + "\n");
  }
  if (context.json) return print_json(document);
  say(document);
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
