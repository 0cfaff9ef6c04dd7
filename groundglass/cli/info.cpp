#include <cstdlib>
#include <iostream>

#include <torch/cuda.h>
#include <torch/version.h>

#include "groundglass/cli/verb_text.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"

namespace groundglass {
namespace {

/// How long threads of OpenMP spin at a barrier before they sleep, and who decided it.
struct Spinning {
  nlohmann::ordered_json rounds = nullptr;  ///< null: libgomp's own number
  const char* set_by = "libgomp";
};

Spinning spinning() {
  const char* count = std::getenv("GOMP_SPINCOUNT");
  if (count == nullptr) {
    if (std::getenv("OMP_WAIT_POLICY") != nullptr) return {nullptr, "OMP_WAIT_POLICY"};
    return {};
  }
  return {count,
          std::getenv("GROUNDGLASS_SPINCOUNT") != nullptr ? "groundglass" : "GOMP_SPINCOUNT"};
}

void show_info(const CLI::App& app, const Context& context) {
  const std::vector<std::string> verbs = shown_verbs(app);
  std::vector<std::string> devices = {"cpu"};
  const Spinning spin = spinning();
  const auto cuda = static_cast<int64_t>(torch::cuda::device_count());
  for (int64_t i = 0; i < cuda; ++i) devices.push_back("cuda:" + std::to_string(i));
  if (context.json) {
    print_json({{"version", version()},
                {"commit", commit()},
                {"build", build_shape()},
                {"libtorch", TORCH_VERSION},
                {"devices", devices},
                {"openmp_spin_count", spin.rounds},
                {"openmp_spin_count_set_by", spin.set_by},
                {"processor", cpu_name()},
                {"processors", usable_processors()},
                {"cpu_features", cpu_features()},
                {"bf16_in_hardware", cpu_has_bf16()},
                {"verbs", verbs},
                {"note", kNotAMedicalDevice}});
    return;
  }
  std::cout << "groundglass " << version() << ", commit " << commit() << ", " << build_shape()
            << " build, LibTorch " << TORCH_VERSION << "\n"
            << "processor  " << cpu_name() << ", " << usable_processors() << " usable ("
            << joined(cpu_features(), " ") << ")\n"
            << "OpenMP     threads spin "
            << (spin.rounds.is_null() ? "as libgomp likes"
                                      : spin.rounds.get<std::string>() + " rounds at a barrier")
            << ", set by " << spin.set_by << "\n"
            << "devices    " << joined(devices, " ") << "\n"
            << "verbs      " << joined(verbs, " ") << "\n"
            << kNotAMedicalDevice << std::endl;
}

}  // namespace

void add_info(CLI::App& app, Context& context) {
  add_verb(app, context, "info", "build, LibTorch, devices, processor, verbs",
           [&] { show_info(app, context); });
}

}  // namespace groundglass
