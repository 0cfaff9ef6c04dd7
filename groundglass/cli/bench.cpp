#include <cmath>
#include <iostream>
#include <optional>

#include <ATen/Parallel.h>

#include "groundglass/bench/contest.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

struct BenchArguments {
  std::string models = "attention_unet", size = "256x256", dump;
  std::string memory_of;  ///< a stored plan, or "built": this process only measures its memory
  int64_t channels = 1;
  ContestOptions contest;
};

/// The options of the contest, with the size that --size names.
ContestOptions contest_of(const BenchArguments& a) {
  ContestOptions options = a.contest;
  const auto parts = split_text(a.size, 'x');
  std::vector<int64_t> pixels;
  for (const auto& part : parts) {
    const auto value = number_in(part);
    if (value && *value == std::floor(*value) && *value > 0 && *value <= 1e6) {
      pixels.push_back(static_cast<int64_t>(*value));
    }
  }
  if (parts.size() == 2 && pixels.size() == 2) {
    options.height = pixels[0];
    options.width = pixels[1];
    return options;
  }
  fail(ErrorKind::usage, "--size " + in_quotes(a.size) + ": expected HxW, e.g. 256x256");
}

/// The precision asked for; --engine all compares both where the processor has them.
std::vector<torch::ScalarType> precisions_of(const BenchArguments& a, const Engine& engine,
                                             const Context& context) {
  const bool both = a.contest.engine == "all" && context.precision == "auto" &&
                    engine.precision == torch::kBFloat16;
  if (both) return {torch::kFloat32, torch::kBFloat16};
  if (context.precision == "int8") return {torch::kQInt8};
  return {engine.precision};
}

/// A line for the network, and one for each step of its plan.
void print_row(const nlohmann::ordered_json& row, const Timing& t, const std::string& size) {
  std::cout << t.model << " " << t.precision << (t.engine == "libtorch" ? "" : " " + t.engine)
            << (row["mode"] == "inference" ? "" : " training step") << ": "
            << fixed(row["ms"].get<double>(), 1) << " ms (" << fixed(row["ms_min"].get<double>(), 1)
            << " to " << fixed(row["ms_max"].get<double>(), 1) << ") for " << row["batch"] << " x "
            << size << ", " << fixed(row["images_per_s"].get<double>(), 2) << " images/s, "
            << fixed(row["rss_mib"].get<double>(), 0) << " MiB"
            << (t.memory_mib ? " (" + fixed(*t.memory_mib, 0) + " of them the engine's)" : "")
            << ", " << row["threads"] << " threads"
            << (t.precision == "int8" ? ", ranges of the measured image" : "") << std::endl;
  for (const PlanStep& s : t.steps) {
    std::cout << "  " << fixed(s.milliseconds, 3) << " ms  " << s.kind << ", " << s.engine << ": "
              << s.about << ", " << at::IntArrayRef(s.sizes) << "\n";
  }
}

void check_engine(const ContestOptions& a) {
  if (a.train && a.engine != "libtorch") {
    fail(ErrorKind::usage, "--engine " + a.engine + " --train: plans do not train; leave one out");
  }
  if (a.explain && a.engine != "plan" && a.engine != "all") {
    fail(ErrorKind::usage, "--explain lists the steps of a plan: add --engine plan");
  }
}

/// Plans alone know int8; the rest of the program then runs as it would by itself.
Engine engine_for(const BenchArguments& a, Context context) {
  if (context.precision == "int8" && a.contest.engine == "plan") context.precision = "auto";
  return engine_of(context);
}

/// The memory of a plan, for the process that asked.
void run_memory(const BenchArguments& a, const Context& context) {
  const ContestOptions size = contest_of(a);
  const auto image = bench_image(size.batch, a.channels, size.height, size.width);
  const PlanOptions options{.precision = engine_of(context).precision};
  std::optional<TracedModel> traced;
  if (a.memory_of == "built") {
    at::manual_seed(1);
    traced = trace_model(*bench_network(a.models, size.height, size.width), ExportOutput::logits,
                         size.height, size.width);
  }
  const auto memory = measured_plan(a.memory_of, traced ? &*traced : nullptr, image, options);
  print_json({{"memory_mib", memory.grown_mib}, {"planned_mib", memory.planned_mib}});
}

void run_bench(const BenchArguments& a, const Context& context) {
  if (!a.dump.empty()) {
    return write_bench_network(a.dump, split_text(a.models, ',').front(), contest_of(a));
  }
  if (!a.memory_of.empty()) return run_memory(a, context);
  check_engine(a.contest);
  const Engine engine = engine_for(a, context);
  const ContestOptions options = contest_of(a);
  Context loud = context;
  loud.quiet = false;  // what could not be measured is said in any case
  const auto observer = console_observer(loud);
  auto rows = nlohmann::ordered_json::array();
  for (const auto& name : split_text(a.models, ',')) {
    for (const Timing& t :
         timed_engines(name, options, engine, precisions_of(a, engine, context), *observer)) {
      rows.push_back(timing_json(t, options));
      if (!context.json) print_row(rows.back(), t, a.size);
    }
  }
  if (context.json) print_json(rows);
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  auto a = std::make_shared<BenchArguments>();
  auto* verb = add_verb(app, context, "bench", "milliseconds, images/s and memory of networks",
                        [a, &context] { run_bench(*a, context); });
  verb->add_option("--models", a->models,
                   "names of the catalog, or TorchScript files (FILE.pt), with commas");
  verb->add_option("--batch", a->contest.batch, "images at once")->check(CLI::Range(1, 4096));
  verb->add_option("--size", a->size, "HxW");
  verb->add_option("--repeats", a->contest.repeats, "measured batches after one that is not")
      ->check(CLI::Range(1, 10000));
  verb->add_option("--engine", a->contest.engine, "what runs the networks; all: in turns")
      ->check(CLI::IsMember({"libtorch", "plan", "onnxruntime", "all"}));
  verb->add_flag("--explain", a->contest.explain,
                 "the steps of the plan, and what runs in LibTorch");
  verb->add_flag("--train", a->contest.train,
                 "whole training steps: forward, loss, backward, Adam");
  verb->add_option("--dump", a->dump,
                   "only write weights, input and logits to this safetensors file");
  verb->add_option("--memory-of", a->memory_of)->group("");  // for a process of our own
  verb->add_option("--channels", a->channels)->group("");
  add_engine_options(verb, context);
}

}  // namespace groundglass
