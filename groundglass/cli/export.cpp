#include <iostream>

#include "groundglass/cli/model_choice.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace {

struct ExportArguments {
  std::string model, output;
};

void run_export(const ExportArguments& a, const Context& context) {
  const std::filesystem::path path = a.output;
  if (path.extension() != ".safetensors") {
    fail(ErrorKind::usage, "-o " + a.output + ": expected a name that ends in .safetensors");
  }
  const TrainedModel trained = load_chosen_model(a.model, context);
  write_safetensors(path, {halved(named_weights(*trained.model)),
                           weights_notes(trained.recipe, trained.threshold)});
  const auto bytes = std::filesystem::file_size(path);
  const std::string digest = sha256_of_file(path);
  if (context.json) {
    return print_json({{"model", trained.recipe.model.name},
                       {"output", a.output},
                       {"bytes", bytes},
                       {"threshold", trained.threshold},
                       {"weights_sha256", digest}});
  }
  std::cout << a.output << ": " << trained.recipe.model.name << ", " << bytes / 1024
            << " KiB, SHA-256 " << digest << std::endl;
}

}  // namespace

void add_export(CLI::App& app, Context& context) {
  auto a = std::make_shared<ExportArguments>();
  auto* verb = add_verb(app, context, "export",
                        "weights in half precision with recipe and threshold, one file to hand on",
                        [a, &context] { run_export(*a, context); });
  verb->add_option("--model", a->model, "run folder, weights file, or name; default: bundled");
  verb->add_option("-o,--output", a->output, "FILE.safetensors")->required();
}

}  // namespace groundglass
