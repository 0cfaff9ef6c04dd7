#include "groundglass/bench/plan_memory.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/engine.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr const char* kIdentity = "bench";
constexpr double kMiB = 1 << 20;

/// What a program prints, or nothing if it fails.
std::optional<std::string> output_of(std::vector<std::string> words) {
  std::array<int, 2> pipe{};
  if (pipe2(pipe.data(), O_CLOEXEC) != 0) return std::nullopt;
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int process = fork();
  if (process == 0) {
    dup2(pipe[1], STDOUT_FILENO);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  close(pipe[1]);
  std::string text;
  std::array<char, 4096> part;
  for (ssize_t n = 0; (n = read(pipe[0], part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<size_t>(n));
  }
  close(pipe[0]);
  int status = 1;
  if (process < 0 || waitpid(process, &status, 0) < 0 || status != 0) return std::nullopt;
  return text;
}

}  // namespace

std::optional<PlanMemory> memory_of_plan(const std::string& model, const TracedModel& traced,
                                         const std::array<int64_t, 4>& image,
                                         const PlanOptions& options) {
  std::string folder = (fs::temp_directory_path() / "groundglass-memory-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return std::nullopt;
  const fs::path file = fs::path(folder) / "network.plan";
  PlanMemory memory;
  std::optional<std::string> text;
  try {
    memory.stored = Plan::store(traced, {image[1], image[2], image[3]}, options, file, kIdentity);
    text = output_of({fs::read_symlink("/proc/self/exe").string(), "bench", "--models", model,
                      "--batch", std::to_string(image[0]), "--size",
                      std::to_string(image[2]) + "x" + std::to_string(image[3]), "--precision",
                      precision_name(options.precision), "--threads",
                      std::to_string(at::get_num_threads()), "--memory-of",
                      memory.stored ? file.string() : "built", "--channels",
                      std::to_string(image[1]), "--json"});
  } catch (const Error&) {  // no room for the file
  }
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  const auto found = nlohmann::json::parse(text.value_or(""), nullptr, false);
  if (!found.is_object()) return std::nullopt;
  memory.grown_mib = found.at("memory_mib");
  memory.planned_mib = found.at("planned_mib");
  return memory;
}

PlanMemory measured_plan(const std::string& file, const TracedModel* traced,
                         const torch::Tensor& image, const PlanOptions& options) {
  const std::array<int64_t, 3> size = {image.size(1), image.size(2), image.size(3)};
  const double before = watch_peak_mib();
  const auto plan = traced ? std::make_unique<Plan>(*traced, size, options)
                           : Plan::stored(file, size, options, kIdentity);
  if (!plan) {
    fail(ErrorKind::usage, "--memory-of " + file + ": no plan of this program, size and precision");
  }
  for (int i = 0; i < 2; ++i) static_cast<void>(plan->run(image).sum().item<float>());
  return {watched_peak_mib() - before,
          static_cast<double>(plan->arena_bytes() + plan->weight_bytes()) / kMiB, !traced};
}

}  // namespace groundglass
