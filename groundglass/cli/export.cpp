#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/version.h"
#include "groundglass/runs/classifier_run.h"
#include "groundglass/runs/model_choice.h"
#include "groundglass/runs/model_export.h"

namespace groundglass {
namespace {

struct ExportArguments {
  std::string model, output, typical_of;
  std::string outputs = "probabilities";
  bool random_weights = false;
};

ExportOutput wanted_output(const std::string& word) {
  if (word == "logits") return ExportOutput::logits;
  return word == "both" ? ExportOutput::both : ExportOutput::probabilities;
}

void check_ending(const ExportArguments& a) {
  const std::string ending = std::filesystem::path(a.output).extension().string();
  if (ending == ".onnx" && build_shape() == "core") {
    fail(ErrorKind::usage, "-o " + a.output +
                               ": the core build writes no ONNX; expected .pt or "
                               ".safetensors");
  }
  if (ending != ".safetensors" && ending != ".pt" && ending != ".onnx") {
    fail(ErrorKind::usage,
         "-o " + a.output + ": expected a name that ends in .pt, .onnx or .safetensors");
  }
  if (!a.typical_of.empty() && a.random_weights) {
    fail(ErrorKind::usage,
         "--typical-of with --random-weights: random weights were trained on nothing; leave one "
         "out");
  }
  if (ending == ".safetensors" && a.random_weights) {
    fail(ErrorKind::usage,
         "--random-weights: no recipe goes with them, and weights without one are "
         "of no use; expected -o FILE.pt or FILE.onnx");
  }
}

/// What was written: a line, or a document.
void tell_export(const ExportArguments& a, const Context& context, const std::string& model,
                 nlohmann::ordered_json more) {
  const auto bytes = std::filesystem::file_size(a.output);
  const bool weights = std::filesystem::path(a.output).extension() == ".safetensors";
  const std::string digest = sha256_of_file(a.output);
  if (context.json) {
    nlohmann::ordered_json document = {{"model", model}, {"output", a.output}, {"bytes", bytes}};
    document.update(more);
    document[weights ? "weights_sha256" : "sha256"] = digest;
    return print_json(document);
  }
  std::cout << a.output << ": " << model << ", " << bytes / 1024 << " KiB, SHA-256 " << digest
            << std::endl;
}

void run_export_classifier(const ExportArguments& a, const Context& context) {
  const TrainedClassifier trained = load_trained_classifier(model_path(a.model));
  export_classifier(trained, a.output, a.typical_of);
  tell_export(a, context, trained.recipe.model, {{"cutoff", trained.cutoff}});
}

void run_export(const ExportArguments& a, const Context& context) {
  check_ending(a);
  if (!a.random_weights && is_classifier(model_path(a.model))) {
    return run_export_classifier(a, context);
  }
  const std::filesystem::path path = a.output;
  const bool weights = path.extension() == ".safetensors";
  ExportedModel source =
      a.random_weights
          ? untrained_export(a.model, context.seed >= 0 ? context.seed : 1)
          : trained_export(load_chosen_model(a.model, context.overrides), a.typical_of);
  export_model(source, path, wanted_output(a.outputs));
  nlohmann::ordered_json more = {{"threshold", source.threshold}};
  if (!weights) more["image"] = source.notes["image"];
  tell_export(a, context, source.name, std::move(more));
}

}  // namespace

void add_export(CLI::App& app, Context& context) {
  auto a = std::make_shared<ExportArguments>();
  auto* verb = add_verb(app, context, "export",
                        "one file to hand on: TorchScript (.pt), ONNX (.onnx, full build), or "
                        "weights in half precision (.safetensors), each with recipe and threshold",
                        [a, &context] { run_export(*a, context); });
  verb->add_option("--model", a->model, "run folder, weights file, or name; default: bundled");
  verb->add_option("-o,--output", a->output, "FILE.pt, FILE.onnx or FILE.safetensors")->required();
  verb->add_option("--outputs", a->outputs, "what .pt and .onnx give for an image")
      ->check(CLI::IsMember({"probabilities", "logits", "both"}))
      ->capture_default_str();
  verb->add_option("--typical-of", a->typical_of,
                   "prepared set that the network was trained on: what its images look like is "
                   "noted, so that `predict` can tell others (trainings note it by themselves)");
  verb->add_flag("--random-weights", a->random_weights,
                 "--model names a network of the catalog, exported untrained (seed 1 unless "
                 "--seed): to check or time a network elsewhere, not to use");
}

}  // namespace groundglass
