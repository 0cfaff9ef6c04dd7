#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/predict/input_choice.h"
#include "groundglass/report/explanation.h"
#include "groundglass/report/operator_figures.h"
#include "groundglass/runs/classifier_run.h"
#include "groundglass/runs/model_choice.h"
#include "groundglass/runs/segmenter_options.h"

namespace groundglass {
namespace {

struct ExplainArguments {
  std::string input, output, model, method = "grad-cam", layer, score = "lesion", mask, classifier,
                                    lung, recipe = "attention_unet_2026";
  int64_t slice = -1, limit = 20, filter = -1, label = 1;
};

CamScore score_of(const std::string& word) {
  if (word == "lesion") return CamScore::lesion;
  if (word == "all") return CamScore::all;
  if (word == "peak") return CamScore::peak;
  fail(ErrorKind::usage, "--score " + in_quotes(word) + ": expected lesion, all or peak");
}

/// The class that --class names. Throws Error(usage) for one that the network does not have.
int64_t class_of(const ExplainArguments& a, const TrainedModel& trained) {
  const int64_t classes = foreground_classes(trained.model->out_channels());
  if (a.label <= classes) return a.label;
  std::vector<std::string> known;
  for (int64_t k = 1; k <= classes; ++k) {
    known.push_back(std::to_string(k) + " (" + class_name(trained.recipe.evaluate.class_names, k) +
                    ")");
  }
  fail(ErrorKind::usage, "--class " + std::to_string(a.label) + ": " + trained.name + " has " +
                             (classes == 1 ? "class 1 only" : listed(known)));
}

/// Throws Error(data) if the figures of two inputs would be one file.
void check_figures_differ(const std::vector<ChosenInput>& inputs, const ExplainArguments& a) {
  std::vector<PredictInput> written;
  for (const auto& chosen : inputs) written.push_back(chosen.input);
  check_outputs_differ(written, "_*.png", file_names_in(a.output));
}

/// The inputs, at most --limit; `mask_column` is that of the network's recipe.
std::vector<ChosenInput> limited_inputs(const ExplainArguments& a, const std::string& mask_column) {
  auto inputs = choose_inputs(a.input, mask_column).inputs;
  if (static_cast<int64_t>(inputs.size()) > a.limit) inputs.resize(static_cast<size_t>(a.limit));
  check_figures_differ(inputs, a);
  return inputs;
}

ExplainJob job_of(const ExplainArguments& a) {
  return {.output = a.output,
          .mask = a.mask,
          .lung = a.lung,
          .method = a.method == "grad-cam" ? ExplainMethod::grad_cam : ExplainMethod::activation,
          .layer = a.layer,
          .label = a.label,
          .slice = a.slice,
          .filter = a.filter};
}

ExplainedClassifier classifier_of(const std::string& run) {
  const std::filesystem::path found = model_path(run);
  TrainedClassifier trained =
      load_trained_classifier(found.empty() ? std::filesystem::path(run) : found);
  return {trained.model, trained.recipe.preprocess};
}

nlohmann::ordered_json explained(const ExplainArguments& a, const Context& context) {
  const auto observer = console_observer(context);
  tell_left_out(choose_inputs(a.input).left_out, *observer);
  auto inputs = limited_inputs(a, "");
  ExplainJob job = job_of(a);
  if (a.method == "pooling") return explain_pooling(inputs, job);
  if (a.method == "contrast") {
    return explain_contrast(read_recipe(a.recipe, context.overrides).preprocess, inputs, job);
  }
  if (a.method != "infection-map" && !a.model.empty() && is_classifier(model_path(a.model))) {
    ExplainedClassifier classifier = classifier_of(a.model);
    return explain_by_classifier(classifier, engine_of(context).device, inputs, job);
  }
  const TrainedModel trained = load_chosen_model(a.model, context.overrides);
  if (a.method == "infection-map") {
    std::optional<ExplainedClassifier> classifier;
    if (!a.classifier.empty()) classifier = classifier_of(a.classifier);
    Segmenter segmenter(segmenter_options(trained, run_settings(context)));
    return explain_by_map(segmenter, classifier ? &*classifier : nullptr, inputs, job);
  }
  inputs = limited_inputs(a, trained.recipe.data.mask);
  Segmenter segmenter(segmenter_options(trained, run_settings(context)));
  job.label = class_of(a, trained);
  job.score = score_of(a.score);
  job.class_names = trained.recipe.evaluate.class_names;
  return explain_by_gradient(segmenter, inputs, job, *observer);
}

void run_explain(const ExplainArguments& a, const Context& context) {
  const std::vector<std::string> methods = {"grad-cam", "activation-max", "infection-map",
                                            "contrast", "pooling"};
  if (std::find(methods.begin(), methods.end(), a.method) == methods.end()) {
    fail(ErrorKind::usage, "--method " + in_quotes(a.method) + ": expected " + listed(methods));
  }
  const auto written = explained(a, context);
  const auto observer = console_observer(context);
  for (const auto& w : written) {
    for (const auto& text : w.value("warnings", nlohmann::ordered_json::array())) {
      observer->on(Warning{text.get<std::string>()});
    }
  }
  if (context.json) return print_json(written);
  for (const auto& w : written) std::cout << w["figure"].get<std::string>() << "\n";
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  auto a = std::make_shared<ExplainArguments>();
  auto* verb =
      add_verb(app, context, "explain", "where a network looked, and what it calls infected",
               [a, &context] { run_explain(*a, context); });
  verb->add_option("input", a->input, "as for predict")->required();
  verb->add_option("-o,--output", a->output, "folder for the figures")->required();
  verb->add_option("--model", a->model, "run folder, weights file or name (the bundled CT model)");
  verb->add_option(
      "--method", a->method,
      "grad-cam, activation-max, infection-map; without a network: contrast or pooling");
  verb->add_option("--recipe", a->recipe, "contrast: whose CLAHE is shown");
  verb->add_option("--filter", a->filter,
                   "activation-max: filter that the pattern is made for (the mean of all)");
  verb->add_option("--layer", a->layer, "layer whose maps are weighed (the last one)");
  verb->add_option("--class", a->label,
                   "grad-cam: number of the class that is explained (1); volumes are shown at the "
                   "slice with most of it")
      ->check(CLI::Range(1, 63));
  verb->add_option("--score", a->score, "what is explained: lesion, all or peak");
  verb->add_option("--mask", a->mask, "ground truth for the second panel");
  verb->add_option(
      "--classifier", a->classifier,
      "infection-map: run folder, weights file or name of a classifier whose Grad-CAM stands "
      "beside the map");
  verb->add_option("--lung", a->lung, "lung mask, to tell how much of the heat lies inside it");
  verb->add_option("--slice", a->slice, "volumes: axial slice (the one with most of the class)");
  verb->add_option("--limit", a->limit, "folders and tables: so many inputs at most");
  add_engine_options(verb, context);
  add_override_option(verb, context);
}

}  // namespace groundglass
