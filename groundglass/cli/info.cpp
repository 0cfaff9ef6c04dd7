#include <torch/cuda.h>
#include <torch/version.h>

#include "groundglass/cli/verbs.h"
#include "groundglass/command/info_text.h"
#include "groundglass/command/verb_text.h"
#include "groundglass/distributed/team.h"

namespace groundglass {
namespace {

/// The first stage answers in its place where the LibTorch has no CUDA.
void show_info(const CLI::App& app, const Context& context) {
  InfoText info = {TORCH_VERSION, {"cpu"}, team_backends(), shown_verbs(app)};
  const auto cuda = static_cast<int64_t>(torch::cuda::device_count());
  for (int64_t i = 0; i < cuda; ++i) info.devices.push_back("cuda:" + std::to_string(i));
  context.json ? print_info_json(info) : print_info(info);
}

}  // namespace

void add_info(CLI::App& app, Context& context) {
  add_verb(app, context, "info", "build, LibTorch, devices, processor, verbs",
           [&] { show_info(app, context); });
}

}  // namespace groundglass
