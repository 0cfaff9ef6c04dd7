#include "groundglass/runs/trained_model.h"

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/runs/noted_numbers.h"
#include "groundglass/runs/run_folder.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

std::map<std::string, torch::Tensor> widened(std::map<std::string, torch::Tensor> tensors) {
  for (auto& [name, tensor] : tensors) {
    if (tensor.scalar_type() == torch::kFloat16) tensor = tensor.to(torch::kFloat32);
  }
  return tensors;
}

[[noreturn]] void refuse_without_weights(const RunFolder& run) {
  std::vector<std::string> folds;
  for (const auto& fold : run.folds_with_weights()) folds.push_back(fold.string());
  fail(ErrorKind::checkpoint,
       run.string() + ": holds no weights.safetensors" +
           (folds.empty() ? "; is it a run folder whose first epoch has ended?"
                          : "; choose one of " + listed(folds)));
}

}  // namespace

std::optional<double> number_noted(const WeightsNotes& notes, const std::string& key, double most,
                                   const fs::path& file) {
  const auto found = notes.find(key);
  const bool may_be_empty = key != "threshold";
  if (found == notes.end() || (found->second.empty() && may_be_empty)) return std::nullopt;
  const auto number = number_in(found->second);
  if (number && *number >= 0 && *number <= most) return number;
  fail(ErrorKind::checkpoint, file.string() + ": its note " + in_quotes(key) + " is " +
                                  in_quotes(found->second) + ", expected a number from 0 to " +
                                  shortest(most) + "; export or train the network again");
}

void take_numbers(TrainedModel& trained, const WeightsNotes& notes, const fs::path& file) {
  constexpr double kHottest = 1e6;
  trained.threshold = number_noted(notes, "threshold", 1, file).value_or(trained.threshold);
  trained.temperature = number_noted(notes, "temperature", kHottest, file).value_or(1);
  trained.image_cutoff = number_noted(notes, "image_cutoff", 1, file);
}

TrainedModel load_trained_model(const fs::path& run_or_file) {
  const fs::path file = weights_file(run_or_file);
  if (fs::is_directory(run_or_file) && !fs::exists(file)) refuse_without_weights(run_or_file);
  TensorArchive archive = read_safetensors(file);
  const auto note = [&](const char* key) -> const std::string& {
    const auto found = archive.metadata.find(key);
    if (found == archive.metadata.end()) {
      fail(ErrorKind::checkpoint, file.string() + ": carries no " + in_quotes(key) +
                                      "; weights from elsewhere must be imported first");
    }
    return found->second;
  };
  TrainedModel trained;
  const auto format = archive.metadata.find("format");
  if (format != archive.metadata.end() && format->second == kClassifierFormat) {
    fail(ErrorKind::checkpoint, file.string() +
                                    ": is a classifier of whole images, expected a network that "
                                    "outlines; predict and detect take it as --detector, explain "
                                    "as --classifier");
  }
  trained.name = run_or_file.string();
  trained.recipe = parse_recipe(note("recipe"), file.string() + " (recipe)");
  note("threshold");
  take_numbers(trained, archive.metadata, file);
  trained.path = run_or_file;
  if (archive.metadata.count("typicality") > 0) {
    trained.typicality = Typicality::from_json(note("typicality"), file.string());
  }
  trained.model = trained.recipe.model.make();
  load_weights(*trained.model, widened(archive.tensors), file.string());
  trained.model->eval();
  for (auto& p : trained.model->parameters()) p.set_requires_grad(false);
  trained.weights_sha256 = sha256_of_file(file);
  trained.notes = std::move(archive.metadata);
  return trained;
}

WeightsNotes weights_notes(const Recipe& recipe, double threshold, WeightsNotes kept) {
  const WeightsNotes own = {{"format", "groundglass-weights-1"},
                            {"model", recipe.model.name},
                            {"recipe", recipe.resolved()},
                            {"threshold", shortest(threshold)},
                            {"version", version()},
                            {"commit", commit()},
                            {"note", kNotAMedicalDevice}};
  for (const auto& [key, text] : own) kept[key] = text;
  kept.erase("image_cutoff");
  return kept;
}

void change_weights_notes(const fs::path& file, const WeightsNotes& changes) {
  TensorArchive archive = read_safetensors(file);
  for (const auto& [key, text] : changes) archive.metadata[key] = text;
  write_safetensors(file, archive);
}

}  // namespace groundglass
