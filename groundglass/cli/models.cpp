#include <filesystem>
#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/models/encoder_classifier.h"
#include "groundglass/models/encoders/encoder.h"
#include "groundglass/models/multiply_accumulates.h"
#include "groundglass/recipe/catalog.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace {

nlohmann::ordered_json as_json(const ParameterCount& count) {
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
                                {"parameters", as_json(count_parameters(*model))},
                                {"parameters_frozen", nullptr},
                                {"gmacs", count_gmacs(*model, entry.input[1], entry.input[2])}};
  const auto parts = model->named_children();
  if (const auto* encoder = parts.find("encoder")) {
    freeze_convolutions(**encoder);
    row["parameters_frozen"] = as_json(count_parameters(*model));
  }
  return row;
}

nlohmann::ordered_json described(const ClassifierPreset& entry) {
  EncoderClassifier model(entry.options);
  const auto& input = entry.input;
  nlohmann::ordered_json row = {
      {"name", entry.name},       {"family", "classifier"},
      {"encoder", entry.encoder}, {"paper", entry.paper},
      {"input", input},           {"parameters", as_json(count_parameters(*model))}};
  freeze_convolutions(*model->named_children()["encoder"]);
  row["parameters_frozen"] = as_json(count_parameters(*model));
  row["gmacs"] =
      count_gmacs(*model, [&](const torch::Tensor& image) { return model->forward(image); },
                  model->in_channels(), model->stride(), {input[1], input[2]});
  return row;
}

void show_models(const Context& context) {
  const auto& networks = model_catalog();
  const auto& classifiers = classifier_presets();
  std::vector<nlohmann::ordered_json> list(networks.size() + classifiers.size());
  parallel_for_each(static_cast<int64_t>(list.size()), usable_processors(), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    list[at] = at < networks.size() ? described(networks[at])
                                    : described(classifiers[at - networks.size()]);
  });
  if (context.json) return print_json(list);
  std::cout << "name                         paper  input           trainable  non-trainable       "
               "total   frozen: trainable   GMACs\n";
  for (const auto& m : list) {
    const auto& p = m["parameters"];
    const auto& frozen = m["parameters_frozen"];
    char line[200];
    std::snprintf(line, sizeof line, "%-28s %-6s %-13s %11lld %14lld %11lld %19s %7.2f\n",
                  m["name"].get<std::string>().c_str(), m["paper"].get<std::string>().c_str(),
                  m["input"].dump().c_str(), p["trainable"].get<long long>(),
                  p["non_trainable"].get<long long>(), p["total"].get<long long>(),
                  frozen.is_null() ? "" : frozen["trainable"].dump().c_str(),
                  m["gmacs"].get<double>());
    std::cout << line;
  }
}

/// What a bundled file is, from the notes that lie beside its weights.
nlohmann::ordered_json described(const std::string& name, const std::filesystem::path& file) {
  const TrainedModel trained = load_trained_model(file);
  const Recipe& recipe = trained.recipe;
  const auto card = std::filesystem::path(file).replace_extension(".md");
  const bool has_card = std::filesystem::exists(card);
  return {{"name", name},
          {"title", recipe.paper.title},
          {"class_names", recipe.evaluate.class_names},
          {"input",
           {trained.model->in_channels(), recipe.preprocess.size[0], recipe.preprocess.size[1]}},
          {"parameters", as_json(count_parameters(*trained.model))},
          {"threshold", trained.threshold},
          {"temperature", trained.temperature},
          {"views", recipe.evaluate.views},
          {"caution", recipe.evaluate.caution},
          {"bytes", std::filesystem::file_size(file)},
          {"sha256", trained.weights_sha256},
          {"file", file.string()},
          {"card", has_card ? nlohmann::ordered_json(card.string()) : nullptr}};
}

void show_bundled_models(const Context& context) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& [name, file] : bundled_models()) list.push_back(described(name, file));
  if (context.json) return print_json(list);
  for (const auto& m : list) {
    std::cout << m["name"].get<std::string>() << ": " << m["title"].get<std::string>() << "\n  "
              << m["parameters"]["total"].get<int64_t>() << " parameters, input "
              << m["input"].dump() << "\n";
    const auto caution = m["caution"].get<std::string>();
    if (!caution.empty()) std::cout << "  caution: " << caution << "\n";
    if (m["card"].is_string()) std::cout << "  card: " << m["card"].get<std::string>() << "\n";
  }
  std::cout << kNotAMedicalDevice << "\n";
}

}  // namespace

void add_models(CLI::App& app, Context& context) {
  auto bundled = std::make_shared<bool>(false);
  add_verb(app, context, "models", "the catalog: names, papers, parameters, multiply-accumulates",
           [bundled, &context] { *bundled ? show_bundled_models(context) : show_models(context); })
      ->add_flag("--bundled", *bundled,
                 "the trained models that come with the program: what they mark, cautions, cards");
}

}  // namespace groundglass
