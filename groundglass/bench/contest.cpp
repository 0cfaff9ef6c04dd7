#include "groundglass/bench/contest.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <sstream>

#include <ATen/Parallel.h>

#include "groundglass/bench/onnx_peer.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/torch_version.h"
#include "groundglass/infer/graph/torchscript_file.h"
#include "groundglass/infer/graph/unroll.h"
#include "groundglass/infer/plan/int8_ranges.h"
#include "groundglass/infer/runner.h"
#include "groundglass/io/safetensors.h"
#include "groundglass/losses/dice_loss.h"
#include "groundglass/recipe/catalog.h"
#include "groundglass/train/optimizer.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace {

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

/// One way to run a network, and what it has taken.
struct Contestant {
  Timing timing;
  std::function<void()> work;
  std::function<double()> rss_mib = peak_rss_mib;
};

/// Refuses to time what says something else than the network does.
void check_logits(const std::string& name, const std::string& engine, const torch::Tensor& found,
                  const torch::Tensor& reference, double allowed) {
  const double error = compare_logits(found, reference, 0.5).relative_error;
  if (error < allowed) return;
  std::ostringstream text;
  text << name << ": the logits of " << engine << " differ from LibTorch's by " << error
       << " of their mean, expected less than " << allowed << "; measure another --engine";
  fail(ErrorKind::internal, text.str());
}

bool is_file(const std::string& name) {
  return std::filesystem::path(name).extension() == ".pt";
}

/// The engines of one network, each checked against LibTorch's float32 before it is timed.
class Contest {
 public:
  Contest(std::string name, const ContestOptions& a, const Engine& engine, Observer& observer)
      : name_(std::move(name)),
        a_(a),
        engine_(engine),
        observer_(observer),
        model_(bench_network(name_, a.height, a.width)) {
    model_->to(engine.device);
    image_ = bench_image(a.batch, model_->in_channels(), a.height, a.width).to(engine.device);
    model_->eval();
    if (!is_file(name_)) return;
    const auto& file = dynamic_cast<const TorchScriptModel&>(*model_);
    if (!file.output().empty()) observer_.on(Note{name_ + " gives " + file.output()});
    const torch::NoGradGuard no_grad;  // LibTorch watches a script before it settles
    for (int i = 0; i < 2; ++i) static_cast<void>(model_->forward(image_));
  }

  std::vector<Timing> run(const std::vector<torch::ScalarType>& precisions) {
    for (const auto precision : precisions) {
      if (a_.train) add_training(precision);
      if (wanted("libtorch")) add_libtorch(precision);
    }
    for (const auto precision : precisions) {
      if (wanted("plan")) add_plan(precision);
    }
    if (wanted("onnxruntime") && engine_.device.is_cpu()) add_onnxruntime();
    for (auto& c : all_) c.work();
    for (int64_t i = 0; i < a_.repeats; ++i) {  // in turns: what else the machine does hits all
      for (auto& c : all_) c.timing.ms.push_back(milliseconds(c.work));
    }
    std::vector<Timing> timings;
    for (auto& c : all_) {
      c.timing.rss_mib = c.rss_mib();
      timings.push_back(std::move(c.timing));
    }
    return timings;
  }

 private:
  bool wanted(const std::string& engine) const {
    return !a_.train && (a_.engine == engine || a_.engine == "all");
  }

  const TracedModel& traced() {
    if (!traced_) {
      traced_ = trace_model(*model_, ExportOutput::logits, image_.size(2), image_.size(3));
    }
    return *traced_;
  }

  const torch::Tensor& reference() {
    const torch::NoGradGuard no_grad;
    const ExactFloat32 exact;
    if (!reference_.defined()) reference_ = model_->forward(image_).logits.cpu();
    return reference_;
  }

  void add(const std::string& engine, torch::ScalarType precision, std::function<void()> work) {
    all_.push_back({{name_, engine, precision_name(precision), {}}, std::move(work)});
  }

  void add_training(torch::ScalarType precision) {
    add("libtorch", precision, Step(model_, {engine_.device, precision}, image_));
  }

  void add_libtorch(torch::ScalarType precision) {
    if (is_file(name_) && !runs_in(precision)) return;
    add("libtorch", precision, [this, precision] {
      const torch::NoGradGuard no_grad;
      const Autocast autocast(engine_.device, precision);
      static_cast<void>(model_->forward(image_).logits.sum().item<float>());
    });
  }

  void add_plan(torch::ScalarType precision) {
    if (!engine_.device.is_cpu()) return add_cuda_plan(precision);
    if (!can_be_listed()) return;
    const std::array<int64_t, 3> size = {image_.size(1), image_.size(2), image_.size(3)};
    PlanOptions options{.precision = precision};
    if (precision == torch::kQInt8) {  // of this image: no data set goes with random weights
      widen_ranges(options.ranges, Plan(traced(), size, {.winograd = false}), image_);
    }
    auto plan = std::make_shared<const Plan>(traced(), size, options);
    check_logits(name_, std::string("the plan in ") + precision_name(precision), plan->run(image_),
                 reference(), allowed_error(*plan, precision));
    add("plan", precision,
        [plan, image = image_] { static_cast<void>(plan->run(image).sum().item<float>()); });
    if (a_.explain) all_.back().timing.steps = plan->timed_steps(image_);
    if (precision == torch::kQInt8) return;  // its ranges go with the weights of this process
    const std::array<int64_t, 4> sizes = {image_.size(0), image_.size(1), image_.size(2),
                                          image_.size(3)};
    auto& timing = all_.back().timing;
    timing.planned = memory_of_plan(name_, traced(), sizes, {.precision = precision});
    if (timing.planned) timing.memory_mib = timing.planned->grown_mib;
  }

  /// Whether LibTorch runs a script in that precision at all; where it does not, says why.
  bool runs_in(torch::ScalarType precision) {
    const torch::NoGradGuard no_grad;
    const Autocast autocast(engine_.device, precision);
    try {
      for (int i = 0; i < 2; ++i) static_cast<void>(model_->forward(image_));
      return true;
    } catch (const c10::Error& e) {
      const std::string why =
          name_ + ": not in " + precision_name(precision) + ": " + torch_complaint(e);
      if (a_.engine != "all") fail(ErrorKind::usage, why);
      observer_.on(Note{why});
      return false;
    }
  }

  /// The answer comes to the processor each time, as in a prediction.
  void add_cuda_plan(torch::ScalarType precision) {
    if (!can_be_listed()) return;
    auto plan = std::make_shared<CudaPlan>(
        traced(), std::array<int64_t, 3>{image_.size(1), image_.size(2), image_.size(3)},
        engine_.device, CudaPlanOptions{.precision = precision});
    check_logits(name_, std::string("the CUDA plan in ") + precision_name(precision),
                 plan->run(image_), reference(), allowed_error(traced(), precision));
    for (const auto& text : plan->take_warnings()) observer_.on(Note{name_ + ": " + text});
    add("plan", precision, [plan, image = image_] { static_cast<void>(plan->run(image)); });
  }

  /// Whether a TorchScript file is a list of operators for this size; tells once why it is not.
  bool can_be_listed() {
    if (!is_file(name_)) return true;
    try {
      traced();
      return true;
    } catch (const Error& e) {
      const std::string why = name_ + " runs in LibTorch alone, without a plan: " + e.what();
      if (a_.engine != "all") fail(ErrorKind::usage, why);
      if (!std::exchange(told_, true)) observer_.on(Note{why});
      return false;
    }
  }

  /// Nothing, and a line that says why, for TorchScript files with what ONNX does not know.
  std::shared_ptr<OnnxPeer> onnx_peer(const std::filesystem::path& folder) {
    if (!is_file(name_)) return std::make_shared<OnnxPeer>(traced(), image_, folder);
    const auto& file = dynamic_cast<const TorchScriptModel&>(*model_);
    try {
      const auto listed =
          file.unrolled({image_.size(0), image_.size(1), image_.size(2), image_.size(3)});
      return std::make_shared<OnnxPeer>(listed, image_, folder);
    } catch (const Error& e) {
      if (a_.engine != "all") throw;
      observer_.on(Note{"without ONNX Runtime: " + name_ + ": " + e.what()});
      return nullptr;
    }
  }

  void add_onnxruntime() {
    const auto folder = OnnxPeer::node_modules();
    if (!folder.empty()) {
      if (!can_be_listed()) return;
      auto peer = onnx_peer(folder);
      if (!peer) return;
      check_logits(name_, "ONNX Runtime", peer->logits(), reference(), 1e-2);
      add("onnxruntime", torch::kFloat32, [peer] { peer->run(); });
      all_.back().rss_mib = [peer] { return peer->peak_rss_mib(); };
      all_.back().timing.memory_mib = peer->memory_mib();
      return;
    }
    const std::string why =
        "onnxruntime-node is not there (npm install onnxruntime-node --ignore-scripts; name its "
        "node_modules in GROUNDGLASS_NODE_MODULES)";
    if (a_.engine == "onnxruntime") fail(ErrorKind::usage, "--engine onnxruntime: " + why);
    observer_.on(Note{"without ONNX Runtime: " + why});
  }

  std::string name_;
  const ContestOptions& a_;
  Engine engine_;
  Observer& observer_;
  ModelPtr model_;
  torch::Tensor image_, reference_;
  std::optional<TracedModel> traced_;
  std::vector<Contestant> all_;
  bool told_ = false;
};

}  // namespace

torch::Tensor bench_image(int64_t batch, int64_t channels, int64_t height, int64_t width) {
  const auto wave =
      torch::sin(torch::arange(batch * channels * height * width, torch::kFloat32) * 0.05);
  return (wave * 0.5 + 0.5).view({batch, channels, height, width});
}

ModelPtr bench_network(const std::string& name, int64_t height, int64_t width) {
  if (!is_file(name)) return make_default_model(name);
  return TorchScriptModel::any(read_torchscript(name), name, height, width);
}

std::vector<Timing> timed_engines(const std::string& name, const ContestOptions& options,
                                  const Engine& engine,
                                  const std::vector<torch::ScalarType>& precisions,
                                  Observer& observer) {
  at::manual_seed(1);
  return Contest(name, options, engine, observer).run(precisions);
}

nlohmann::ordered_json timing_json(const Timing& t, const ContestOptions& a) {
  auto sorted = t.ms;
  std::sort(sorted.begin(), sorted.end());
  const double median = sorted[sorted.size() / 2];
  nlohmann::ordered_json row = {{"model", t.model},
                                {"engine", t.engine},
                                {"mode", a.train ? "training step" : "inference"},
                                {"precision", t.precision},
                                {"batch", a.batch},
                                {"size", {a.height, a.width}},
                                {"threads", at::get_num_threads()},
                                {"ms", median},
                                {"ms_min", sorted.front()},
                                {"ms_max", sorted.back()},
                                {"images_per_s", 1000 * static_cast<double>(a.batch) / median},
                                {"rss_mib", t.rss_mib}};
  if (t.memory_mib) row["memory_mib"] = *t.memory_mib;
  if (t.planned) row["planned_mib"] = t.planned->planned_mib;
  if (t.planned && !t.planned->stored) row["memory_of"] = "a plan built, not loaded";
  if (t.precision == "int8") row["ranges"] = "of the measured image";
  for (const PlanStep& s : t.steps) {
    row["steps"].push_back({{"kind", s.kind},
                            {"about", s.about},
                            {"engine", s.engine},
                            {"size", s.sizes},
                            {"ms", s.milliseconds}});
  }
  return row;
}

void write_bench_network(const std::string& path, const std::string& name,
                         const ContestOptions& options) {
  at::manual_seed(1);
  const ModelPtr model = make_default_model(name);
  model->eval();
  const torch::NoGradGuard no_grad;
  TensorArchive archive{named_weights(*model), {}};
  const auto image =
      bench_image(options.batch, model->in_channels(), options.height, options.width);
  archive.tensors["bench/image"] = image;
  archive.tensors["bench/logits"] = model->forward(image).logits;
  write_safetensors(path, archive);
}

}  // namespace groundglass
