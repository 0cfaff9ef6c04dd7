#include <iostream>
#include <numeric>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/infer/graph/torchscript.h"
#include "groundglass/infer/onnx/onnx.h"
#include "groundglass/recipe/recipe_writer.h"
#include "groundglass/runs/model_choice.h"
#include "groundglass/runs/stored_temperature.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace {

struct ExportArguments {
  std::string model, output, typical_of;
  std::string outputs = "probabilities";
  bool random_weights = false;
};

/// A network to export; without a recipe if its weights are random.
struct Source {
  std::string name;
  ModelPtr model;
  int64_t height = 0, width = 0;  ///< of the image it is made for
  double threshold = 0.5;
  ExportNotes notes;
};

std::string class_names(int64_t logits) {
  if (logits == 1) return "infection";
  std::vector<std::string> names;
  for (int64_t k = 1; k < logits; ++k) {
    names.push_back(logits == 2 ? "infection" : "class " + std::to_string(k));
  }
  return joined(names, ",");
}

Source random_source(const ExportArguments& a, const Context& context) {
  at::manual_seed(context.seed >= 0 ? static_cast<uint64_t>(context.seed) : 1);
  const CatalogModel& entry = catalog_model(a.model);
  Source source{entry.name, make_default_model(entry.name), entry.input[1], entry.input[2], 0.5,
                {}};
  source.model->eval();
  source.notes = {{"model", entry.name},  {"weights", "random"}, {"threshold", "0.5"},
                  {"version", version()}, {"commit", commit()},  {"note", kNotAMedicalDevice}};
  return source;
}

/// Of all rows of a set that was prepared for the network.
Typicality typicality_of(const std::string& path, const Recipe& recipe) {
  const PreparedSet set(path);
  check_set_fits(recipe, set);
  std::vector<int64_t> rows(static_cast<size_t>(set.size()));
  std::iota(rows.begin(), rows.end(), 0);
  return Typicality::of(set, rows);
}

Source trained_source(const ExportArguments& a, const Context& context) {
  const TrainedModel trained = load_chosen_model(a.model, context.overrides);
  const auto& size = trained.recipe.preprocess.size;
  Source source{trained.recipe.model.name,
                trained.model,
                size[0],
                size[1],
                trained.threshold,
                weights_notes(trained.recipe, trained.threshold, trained.notes)};
  source.notes["preprocess"] = "[preprocess]\n" + written_fields(trained.recipe.preprocess);
  source.notes["weights_sha256"] = trained.weights_sha256;
  if (!a.typical_of.empty()) {
    source.notes["typicality"] = typicality_of(a.typical_of, trained.recipe).json();
  }
  source.notes.erase("temperature");
  if (trained.image_cutoff) source.notes["image_cutoff"] = shortest(*trained.image_cutoff);
  const double temperature = stored_temperature(trained);
  if (temperature != 1) source.notes["temperature"] = shortest(temperature);
  return source;
}

Source chosen_source(const ExportArguments& a, const Context& context) {
  return a.random_weights ? random_source(a, context) : trained_source(a, context);
}

ExportOutput wanted_output(const std::string& word) {
  if (word == "logits") return ExportOutput::logits;
  return word == "both" ? ExportOutput::both : ExportOutput::probabilities;
}

void write_weights(const std::filesystem::path& path, const Source& source) {
  auto notes = source.notes;
  notes.erase("preprocess");  // part of the recipe, which is a note as well
  notes.erase("weights_sha256");
  write_safetensors(path, {halved(named_weights(*source.model)), notes});
}

void write_graph(const std::filesystem::path& path, Source& source, const ExportArguments& a) {
  const auto traced =
      trace_model(*source.model, wanted_output(a.outputs), source.height, source.width);
  auto& notes = source.notes;
  notes["format"] = "groundglass-export-1";
  notes["image"] = image_shape(traced) + ", float32, as [preprocess] leaves it";
  notes["outputs"] = joined(traced.outputs, ",");
  notes["classes"] = class_names(source.model->out_channels());
  notes["input_channels"] = std::to_string(source.model->in_channels());
  notes["logit_channels"] = std::to_string(source.model->out_channels());
  notes["size_multiple"] = std::to_string(source.model->stride());
  if (path.extension() == ".onnx") return export_onnx(traced, path, notes);
  export_torchscript(traced, path, notes);
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

void run_export(const ExportArguments& a, const Context& context) {
  check_ending(a);
  Source source = chosen_source(a, context);
  const std::filesystem::path path = a.output;
  const bool weights = path.extension() == ".safetensors";
  if (weights) {
    write_weights(path, source);
  } else {
    write_graph(path, source, a);
  }
  const auto bytes = std::filesystem::file_size(path);
  const std::string digest = sha256_of_file(path);
  if (context.json) {
    nlohmann::ordered_json document = {{"model", source.name},
                                       {"output", a.output},
                                       {"bytes", bytes},
                                       {"threshold", source.threshold},
                                       {weights ? "weights_sha256" : "sha256", digest}};
    if (!weights) document["image"] = source.notes["image"];
    return print_json(document);
  }
  std::cout << a.output << ": " << source.name << ", " << bytes / 1024 << " KiB, SHA-256 " << digest
            << std::endl;
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
