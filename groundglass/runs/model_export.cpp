#include "groundglass/runs/model_export.h"

#include <numeric>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/infer/onnx/onnx.h"
#include "groundglass/recipe/catalog.h"
#include "groundglass/recipe/recipe_writer.h"
#include "groundglass/runs/fold_job.h"
#include "groundglass/runs/stored_temperature.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace {

/// What an untrained or exported network calls its outputs, with commas between.
std::string exported_classes(int64_t logits) {
  if (logits == 1) return "infection";
  std::vector<std::string> names;
  for (int64_t k = 1; k < logits; ++k) {
    names.push_back(logits == 2 ? "infection" : "class " + std::to_string(k));
  }
  return joined(names, ",");
}

/// Of all rows of a set that was prepared for the network, by its recipe or a classifier's.
template <class AnyRecipe>
Typicality typicality_of(const std::string& path, const AnyRecipe& recipe) {
  const PreparedSet set(path);
  check_set_fits(recipe, set);
  std::vector<int64_t> rows(static_cast<size_t>(set.size()));
  std::iota(rows.begin(), rows.end(), 0);
  return Typicality::of(set, rows);
}

void export_weights(const std::filesystem::path& file, const ExportedModel& source) {
  auto notes = source.notes;
  notes.erase("preprocess");  // part of the recipe, which is a note as well
  notes.erase("weights_sha256");
  write_safetensors(file, {halved(named_weights(*source.model)), notes});
}

}  // namespace

void export_classifier(const TrainedClassifier& trained, const std::filesystem::path& file,
                       const std::string& typical_of) {
  if (file.extension() != ".safetensors") {
    fail(ErrorKind::usage, "-o " + file.string() + ": " + trained.name +
                               " is a classifier, expected a name that ends in .safetensors");
  }
  auto notes = trained.notes;
  ClassifierRecipe recipe = trained.recipe;
  recipe.start.weights = std::filesystem::path(recipe.start.weights).filename().string();
  notes["recipe"] = recipe.resolved();  // where weights lay that it began with is no matter of it
  if (!typical_of.empty()) notes["typicality"] = typicality_of(typical_of, trained.recipe).json();
  write_safetensors(file, {halved(named_weights(*trained.model)), notes});
}

ExportedModel untrained_export(const std::string& network, int64_t seed) {
  at::manual_seed(static_cast<uint64_t>(seed));
  const CatalogModel& entry = catalog_model(network);
  ExportedModel source{
      entry.name, make_default_model(entry.name), entry.input[1], entry.input[2], 0.5, {}};
  source.model->eval();
  source.notes = {{"model", entry.name},  {"weights", "random"}, {"threshold", "0.5"},
                  {"version", version()}, {"commit", commit()},  {"note", kNotAMedicalDevice}};
  return source;
}

ExportedModel trained_export(const TrainedModel& trained, const std::string& typical_of) {
  const auto& size = trained.recipe.preprocess.size;
  ExportedModel source{trained.recipe.model.name,
                       trained.model,
                       size[0],
                       size[1],
                       trained.threshold,
                       weights_notes(trained.recipe, trained.threshold, trained.notes)};
  source.notes["preprocess"] = "[preprocess]\n" + written_fields(trained.recipe.preprocess);
  source.notes["weights_sha256"] = trained.weights_sha256;
  if (!typical_of.empty()) {
    source.notes["typicality"] = typicality_of(typical_of, trained.recipe).json();
  }
  source.notes.erase("temperature");
  if (trained.image_cutoff) source.notes["image_cutoff"] = shortest(*trained.image_cutoff);
  const double temperature = stored_temperature(trained);
  if (temperature != 1) source.notes["temperature"] = shortest(temperature);
  return source;
}

void export_model(ExportedModel& source, const std::filesystem::path& file, ExportOutput outputs) {
  if (file.extension() == ".safetensors") return export_weights(file, source);
  const auto traced = trace_model(*source.model, outputs, source.height, source.width);
  auto& notes = source.notes;
  notes["format"] = "groundglass-export-1";
  notes["image"] = image_shape(traced) + ", float32, as [preprocess] leaves it";
  notes["outputs"] = joined(traced.outputs, ",");
  notes["classes"] = exported_classes(source.model->out_channels());
  notes["input_channels"] = std::to_string(source.model->in_channels());
  notes["logit_channels"] = std::to_string(source.model->out_channels());
  notes["size_multiple"] = std::to_string(source.model->stride());
  if (file.extension() == ".onnx") return export_onnx(traced, file, notes);
  export_torchscript(traced, file, notes);
}

}  // namespace groundglass
