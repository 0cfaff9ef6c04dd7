#include "groundglass/command/info_text.h"

#include <cstdlib>
#include <iostream>

#include <nlohmann/json.hpp>

#include "groundglass/core/bf16_pays.h"
#include "groundglass/core/json_text.h"
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

/// Which kernels OpenBLAS uses, and who decided it.
struct BlasKernels {
  nlohmann::ordered_json name = nullptr;  ///< null: OpenBLAS' own choice
  const char* set_by = "OpenBLAS";
};

BlasKernels blas_kernels_here() {
  const char* name = std::getenv("OPENBLAS_CORETYPE");
  if (name == nullptr) return {};
  return {name,
          std::getenv("GROUNDGLASS_BLAS_KERNELS") != nullptr ? "groundglass" : "OPENBLAS_CORETYPE"};
}

}  // namespace

void print_info_json(const InfoText& info) {
  const Spinning spin = spinning();
  const BlasKernels blas = blas_kernels_here();
  const nlohmann::ordered_json document = {{"version", version()},
                                           {"commit", commit()},
                                           {"build", build_shape()},
                                           {"libtorch", info.libtorch},
                                           {"devices", info.devices},
                                           {"team_backends", info.team_backends},
                                           {"openmp_spin_count", spin.rounds},
                                           {"openmp_spin_count_set_by", spin.set_by},
                                           {"openblas_kernels", blas.name},
                                           {"openblas_kernels_set_by", blas.set_by},
                                           {"processor", cpu_name()},
                                           {"processors", usable_processors()},
                                           {"cpu_features", cpu_features()},
                                           {"bf16_in_hardware", cpu_has_bf16()},
                                           {"bf16_pays", cpu_bf16_pays()},
                                           {"verbs", info.verbs},
                                           {"note", kNotAMedicalDevice}};
  std::cout << json_text(document, 1) << std::endl;
}

void print_info(const InfoText& info) {
  const Spinning spin = spinning();
  const BlasKernels blas = blas_kernels_here();
  std::cout << "groundglass " << version() << ", commit " << commit() << ", " << build_shape()
            << " build, LibTorch " << info.libtorch << "\n"
            << "processor  " << cpu_name() << ", " << usable_processors() << " usable ("
            << joined(cpu_features(), " ")
            << "); --precision auto: " << (cpu_bf16_pays() ? "bf16" : "fp32") << "\n"
            << "OpenMP     threads spin "
            << (spin.rounds.is_null() ? "as libgomp likes"
                                      : spin.rounds.get<std::string>() + " rounds at a barrier")
            << ", set by " << spin.set_by << "\n"
            << "OpenBLAS   uses "
            << (blas.name.is_null() ? "the kernels it likes"
                                    : "kernels of " + blas.name.get<std::string>())
            << ", set by " << blas.set_by << "\n"
            << "devices    " << joined(info.devices, " ") << "\n"
            << "processes  train together by "
            << (info.team_backends.empty() ? "nothing: LibTorch has no Gloo here"
                                           : joined(info.team_backends, " and "))
            << "\n"
            << "verbs      " << joined(info.verbs, " ") << "\n"
            << kNotAMedicalDevice << std::endl;
}

}  // namespace groundglass
