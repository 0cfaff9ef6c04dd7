#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/text.h"
#include "groundglass/recipe/catalog.h"

namespace groundglass {
namespace {

void show_models(const Context& context) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& entry : model_catalog()) {
    const ModelPtr model = make_default_model(entry.name);
    const ParameterCount count = count_parameters(*model);
    list.push_back({{"name", entry.name},
                    {"family", entry.family},
                    {"encoder", entry.encoder},
                    {"paper", entry.paper},
                    {"input", entry.input},
                    {"parameters",
                     {{"trainable", count.trainable},
                      {"non_trainable", count.non_trainable},
                      {"total", count.total()}}},
                    {"parameters_frozen", nullptr},
                    {"gmacs", count_gmacs(*model, entry.input[1], entry.input[2])}});
  }
  if (context.json) return print_json(list);
  std::cout
      << "name             paper  input          trainable  non-trainable       total   GMACs\n";
  for (const auto& m : list) {
    const auto& p = m["parameters"];
    char line[160];
    std::snprintf(line, sizeof line, "%-16s %-6s %-13s %10lld %14lld %11lld %7.2f\n",
                  m["name"].get<std::string>().c_str(), m["paper"].get<std::string>().c_str(),
                  m["input"].dump().c_str(), p["trainable"].get<long long>(),
                  p["non_trainable"].get<long long>(), p["total"].get<long long>(),
                  m["gmacs"].get<double>());
    std::cout << line;
  }
}

}  // namespace

void add_models(CLI::App& app, Context& context) {
  add_verb(app, context, "models", "the catalog: names, papers, parameters, multiply-accumulates",
           [&] { show_models(context); });
}

}  // namespace groundglass
