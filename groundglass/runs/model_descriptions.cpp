#include "groundglass/runs/model_descriptions.h"

#include <filesystem>
#include <vector>

#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/models/encoder_classifier.h"
#include "groundglass/models/encoders/encoder.h"
#include "groundglass/models/multiply_accumulates.h"
#include "groundglass/recipe/catalog.h"
#include "groundglass/runs/classifier_run.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace {

nlohmann::ordered_json parameters_json(const ParameterCount& count) {
  return {{"trainable", count.trainable},
          {"non_trainable", count.non_trainable},
          {"total", count.total()}};
}

nlohmann::ordered_json described(const CatalogModel& entry) {
  const ModelPtr model = make_default_model(entry.name);
  nlohmann::ordered_json row = {{"name", entry.name},
                                {"family", entry.family},
                                {"encoder", entry.encoder},
                                {"paper", entry.paper},
                                {"input", entry.input},
                                {"parameters", parameters_json(count_parameters(*model))},
                                {"parameters_frozen", nullptr},
                                {"gmacs", count_gmacs(*model, entry.input[1], entry.input[2])}};
  const auto parts = model->named_children();
  if (const auto* encoder = parts.find("encoder")) {
    freeze_convolutions(**encoder);
    row["parameters_frozen"] = parameters_json(count_parameters(*model));
  }
  return row;
}

nlohmann::ordered_json described(const ClassifierPreset& entry) {
  EncoderClassifier model(entry.options);
  const auto& input = entry.input;
  nlohmann::ordered_json row = {
      {"name", entry.name},       {"family", "classifier"},
      {"encoder", entry.encoder}, {"paper", entry.paper},
      {"input", input},           {"parameters", parameters_json(count_parameters(*model))}};
  freeze_convolutions(*model->named_children()["encoder"]);
  row["parameters_frozen"] = parameters_json(count_parameters(*model));
  row["gmacs"] =
      count_gmacs(*model, [&](const torch::Tensor& image) { return model->forward(image); },
                  model->in_channels(), model->stride(), {input[1], input[2]});
  return row;
}

/// The card beside a bundled file, if there is one.
nlohmann::ordered_json card_of(const std::filesystem::path& file) {
  const auto card = std::filesystem::path(file).replace_extension(".md");
  return std::filesystem::exists(card) ? nlohmann::ordered_json(card.string()) : nullptr;
}

/// The same keys as of a network that outlines, with null for what a classifier has not.
nlohmann::ordered_json described_classifier(const std::string& name,
                                            const std::filesystem::path& file) {
  const TrainedClassifier trained = load_trained_classifier(file);
  const ClassifierRecipe& recipe = trained.recipe;
  return {{"name", name},
          {"kind", "decides about whole images"},
          {"title", recipe.paper.title},
          {"class_names", recipe.labels.positive},
          {"input",
           {trained.model->in_channels(), recipe.preprocess.size[0], recipe.preprocess.size[1]}},
          {"parameters", parameters_json(count_parameters(*trained.model))},
          {"threshold", nullptr},
          {"cutoff", trained.cutoff},
          {"temperature", nullptr},
          {"views", 1},
          {"caution", recipe.evaluate.caution},
          {"bytes", std::filesystem::file_size(file)},
          {"sha256", trained.weights_sha256},
          {"file", file.string()},
          {"card", card_of(file)}};
}

/// What a bundled file is, from the notes that lie beside its weights.
nlohmann::ordered_json described(const std::string& name, const std::filesystem::path& file) {
  if (is_classifier(file)) return described_classifier(name, file);
  const TrainedModel trained = load_trained_model(file);
  const Recipe& recipe = trained.recipe;
  return {
      {"name", name},
      {"kind", "outlines"},
      {"title", recipe.paper.title},
      {"class_names", recipe.evaluate.class_names},
      {"input",
       {trained.model->in_channels(), recipe.preprocess.size[0], recipe.preprocess.size[1]}},
      {"parameters", parameters_json(count_parameters(*trained.model))},
      {"threshold", trained.threshold},
      {"cutoff", trained.image_cutoff ? nlohmann::ordered_json(*trained.image_cutoff) : nullptr},
      {"temperature", trained.temperature},
      {"views", recipe.evaluate.views},
      {"caution", recipe.evaluate.caution},
      {"bytes", std::filesystem::file_size(file)},
      {"sha256", trained.weights_sha256},
      {"file", file.string()},
      {"card", card_of(file)}};
}

}  // namespace

nlohmann::ordered_json networks_json() {
  const auto& networks = model_catalog();
  const auto& classifiers = classifier_presets();
  std::vector<nlohmann::ordered_json> list(networks.size() + classifiers.size());
  parallel_for_each(static_cast<int64_t>(list.size()), usable_processors(), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    list[at] = at < networks.size() ? described(networks[at])
                                    : described(classifiers[at - networks.size()]);
  });
  return list;
}

nlohmann::ordered_json bundled_models_json() {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& [name, file] : bundled_models()) list.push_back(described(name, file));
  return list;
}

}  // namespace groundglass
