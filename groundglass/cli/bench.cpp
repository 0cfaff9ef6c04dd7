#include <algorithm>
#include <chrono>
#include <iostream>

#include <ATen/Parallel.h>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/torch_version.h"
#include "groundglass/io/safetensors.h"
#include "groundglass/losses/dice_loss.h"
#include "groundglass/recipe/catalog.h"
#include "groundglass/train/optimizer.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace {

struct BenchArguments {
  std::string models = "attention_unet", size = "256x256", dump;
  int64_t batch = 1, repeats = 7;
  bool train = false;
};

/// One measured row; milliseconds are of one batch.
struct Timing {
  std::string model, precision;
  std::vector<double> ms;
  double rss_mib = 0;
};

std::pair<int64_t, int64_t> parsed_size(const std::string& text) {
  const auto parts = split_text(text, 'x');
  try {
    if (parts.size() == 2) return {std::stoll(parts[0]), std::stoll(parts[1])};
  } catch (const std::exception&) {
  }
  fail(ErrorKind::usage, "--size " + in_quotes(text) + ": expected HxW, e.g. 256x256");
}

/// Something like a chest: smooth, in [0,1], the same everywhere.
torch::Tensor test_image(int64_t batch, int64_t channels, int64_t height, int64_t width) {
  const auto wave =
      torch::sin(torch::arange(batch * channels * height * width, torch::kFloat32) * 0.05);
  return (wave * 0.5 + 0.5).view({batch, channels, height, width});
}

double milliseconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

/// One training step: forward, Dice loss, backward, Adam.
class Step {
 public:
  Step(ModelPtr model, const Engine& engine, torch::Tensor image)
      : model_(std::move(model)),
        engine_(engine),
        image_(std::move(image)),
        target_((image_.select(1, 0) > 0.9).to(torch::kUInt8)),
        optimizer_(make_optimizer(model_->parameters(), TrainOptions{})) {
    model_->train();
  }
  void operator()() {
    for (auto& p : model_->parameters()) p.mutable_grad().reset();
    torch::Tensor logits;
    {
      const Autocast autocast(engine_.device, engine_.precision);
      logits = model_->forward(image_).logits;
    }
    const auto loss = dice_loss(logits.to(torch::kFloat32), target_);
    loss.backward();
    optimizer_->step(1e-4);
    static_cast<void>(loss.item<float>());  // waits for the device
  }

 private:
  ModelPtr model_;
  Engine engine_;
  torch::Tensor image_, target_;
  std::shared_ptr<Optimizer> optimizer_;
};

Timing measure(const std::string& name, const BenchArguments& a, const Engine& engine) {
  at::manual_seed(1);
  const ModelPtr model = make_default_model(name);
  model->to(engine.device);
  const auto [height, width] = parsed_size(a.size);
  const auto image = test_image(a.batch, model->in_channels(), height, width).to(engine.device);
  model->eval();
  std::function<void()> work;
  if (a.train) {
    work = Step(model, engine, image);
  } else {
    work = [&] {
      const torch::NoGradGuard no_grad;
      const Autocast autocast(engine.device, engine.precision);
      static_cast<void>(model->forward(image).logits.sum().item<float>());
    };
  }
  Timing timing{name, engine.precision == torch::kBFloat16 ? "bf16" : "fp32", {}, 0};
  work();
  for (int64_t i = 0; i < a.repeats; ++i) timing.ms.push_back(milliseconds(work));
  timing.rss_mib = peak_rss_mib();
  return timing;
}

/// Weights, input and logits of a network, for a peer to compare with before it is timed.
void dump(const BenchArguments& a) {
  at::manual_seed(1);
  const ModelPtr model = make_default_model(split_text(a.models, ',').front());
  const auto [height, width] = parsed_size(a.size);
  model->eval();
  const torch::NoGradGuard no_grad;
  TensorArchive archive{named_weights(*model), {}};
  const auto image = test_image(a.batch, model->in_channels(), height, width);
  archive.tensors["bench/image"] = image;
  archive.tensors["bench/logits"] = model->forward(image).logits;
  write_safetensors(a.dump, archive);
}

void run_bench(const BenchArguments& a, const Context& context) {
  if (!a.dump.empty()) return dump(a);
  const Engine engine = engine_of(context);
  const auto [height, width] = parsed_size(a.size);
  auto rows = nlohmann::ordered_json::array();
  for (const auto& name : split_text(a.models, ',')) {
    Timing t = measure(name, a, engine);
    auto sorted = t.ms;
    std::sort(sorted.begin(), sorted.end());
    const double median = sorted[sorted.size() / 2];
    rows.push_back({{"model", name},
                    {"engine", "libtorch"},
                    {"mode", a.train ? "training step" : "inference"},
                    {"precision", t.precision},
                    {"batch", a.batch},
                    {"size", {height, width}},
                    {"threads", at::get_num_threads()},
                    {"ms", median},
                    {"ms_min", sorted.front()},
                    {"ms_max", sorted.back()},
                    {"images_per_s", 1000 * static_cast<double>(a.batch) / median},
                    {"rss_mib", t.rss_mib}});
    if (context.json) continue;
    std::cout << name << " " << t.precision << (a.train ? " training step" : "") << ": "
              << fixed(median, 1) << " ms (" << fixed(sorted.front(), 1) << " to "
              << fixed(sorted.back(), 1) << ") for " << a.batch << " x " << a.size << ", "
              << fixed(1000 * static_cast<double>(a.batch) / median, 2) << " images/s, "
              << fixed(t.rss_mib, 0) << " MiB, " << at::get_num_threads() << " threads"
              << std::endl;
  }
  if (context.json) print_json(rows);
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  auto a = std::make_shared<BenchArguments>();
  auto* verb = add_verb(app, context, "bench", "milliseconds, images/s and memory of networks",
                        [a, &context] { run_bench(*a, context); });
  verb->add_option("--models", a->models, "names of the catalog, with commas");
  verb->add_option("--batch", a->batch, "images at once")->check(CLI::Range(1, 4096));
  verb->add_option("--size", a->size, "HxW");
  verb->add_option("--repeats", a->repeats, "measured batches after one that is not")
      ->check(CLI::Range(1, 10000));
  verb->add_flag("--train", a->train, "whole training steps: forward, loss, backward, Adam");
  verb->add_option("--dump", a->dump,
                   "only write weights, input and logits to this safetensors file");
  add_engine_options(verb, context);
}

}  // namespace groundglass
