#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/version.h"
#include "groundglass/runs/model_descriptions.h"

namespace groundglass {
namespace {

void show_models(const Context& context) {
  const auto list = networks_json();
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

void show_bundled_models(const Context& context) {
  const auto list = bundled_models_json();
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
