#include "groundglass/infer/runner.h"

#include <algorithm>
#include <sstream>

#include <ATen/Parallel.h>

#include "groundglass/core/engine.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/core/torch_version.h"
#include "groundglass/infer/plan/verdict.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr double kSure = 0.05;
constexpr double kDiceOfBytes = 0.99;  ///< at least, of an int8 plan

/// Pixels [N,H,W] whose label would stand although every probability moved by kSure.
torch::Tensor sure(const torch::Tensor& foreground, double threshold) {
  if (foreground.size(1) == 1) return (foreground.squeeze(1) - threshold).abs() > kSure;
  const auto all = torch::cat({1 - foreground.sum(1, true), foreground}, 1);
  const auto best = std::get<0>(all.topk(2, 1));
  return best.select(1, 0) - best.select(1, 1) > 2 * kSure;
}

std::string described(const Parity& parity, double allowed) {
  std::ostringstream text;
  text << "logits differ by " << parity.relative_error << " of their mean (allowed " << allowed
       << "), " << parity.flipped << " sure pixels change, Dice " << parity.dice;
  return text.str();
}

constexpr size_t kPlansOnDisk = 8;

/// Stores the plan and forgets the oldest of many. Returns what kept it from that, e.g. a full or
/// read-only disk; "" if nothing did.
std::string keep_on_disk(const TracedModel& traced, const std::array<int64_t, 3>& size,
                         const PlanOptions& options, const fs::path& file,
                         const std::string& identity) {
  try {
    fs::create_directories(file.parent_path());
    if (!Plan::store(traced, size, options, file, identity)) return "";
    std::vector<std::pair<fs::file_time_type, fs::path>> all;
    for (const auto& entry : fs::directory_iterator(file.parent_path())) {
      if (entry.path().extension() == ".plan") all.emplace_back(entry.last_write_time(), entry);
    }
    std::sort(all.rbegin(), all.rend());
    for (size_t i = kPlansOnDisk; i < all.size(); ++i) fs::remove(all[i].second);
  } catch (const Error& e) {
    return e.what();
  } catch (const fs::filesystem_error& e) {
    return e.path1().string() + ": " + e.code().message();
  }
  return "";
}

}  // namespace

Parity compare_logits(const torch::Tensor& found, const torch::Tensor& reference,
                      double threshold) {
  const torch::NoGradGuard no_grad;
  Parity parity;
  parity.relative_error =
      ((found - reference).abs().mean() / reference.abs().mean()).item<double>();
  const auto p = probabilities(found), q = probabilities(reference);
  const auto ours = labels(p, threshold), theirs = labels(q, threshold);
  parity.flipped = ((ours != theirs) & sure(q, threshold)).sum().item<int64_t>();
  const auto a = ours > 0, b = theirs > 0;
  const auto both = (a & b).sum().item<double>();
  const auto either = a.sum().item<double>() + b.sum().item<double>();
  parity.dice = either > 0 ? 2 * both / either : 1;
  return parity;
}

namespace {

double allowed_error(bool decides, torch::ScalarType precision) {
  if (precision == torch::kQInt8) return decides ? 0.5 : 0.1;
  const bool half = precision == torch::kBFloat16;
  return decides ? (half ? 0.5 : 1e-2) : half ? 2e-2 : 1e-5;
}

bool compares(const std::string& name) {
  return name == "aten::gt" || name == "aten::ge" || name == "aten::lt" || name == "aten::le";
}

}  // namespace

double allowed_error(const Plan& plan, torch::ScalarType precision) {
  const auto steps = plan.steps();
  const bool decides = std::any_of(steps.begin(), steps.end(), [](const PlanStep& s) {
    return s.kind == "unpool" || s.kind == "comparison" || compares(s.about);
  });
  return allowed_error(decides, precision);
}

double allowed_error(const TracedModel& traced, torch::ScalarType precision) {
  const auto nodes = traced.graph->nodes();
  const bool decides = std::any_of(nodes.begin(), nodes.end(), [](const torch::jit::Node* node) {
    return node->kind() == torch::jit::aten::max_unpool2d || compares(node->kind().toQualString());
  });
  return allowed_error(decides, precision);
}

/// What runs images of one size; no plan: LibTorch.
struct Runner::Choice {
  std::shared_ptr<const Plan> plan;
  torch::ScalarType precision = torch::kFloat32;
  std::shared_ptr<CudaPlan> gpu = {};

  bool planned() const { return plan || gpu; }
};

Runner::Runner(ModelPtr model, const RunnerOptions& options)
    : model_(std::move(model)), options_(options) {
  const Engine& engine = options_.engine;
  const bool on_cpu = engine.device.is_cpu();
  if (options_.with == RunWith::plan && !on_cpu && !CudaPlan::available()) {
    fail(ErrorKind::usage, "plans run on the CPU, not on " + engine.device.str() +
                               ", in a program built without CUDA; use --engine libtorch");
  }
  if (options_.with == RunWith::plan && on_cpu && !Plan::available(engine.precision)) {
    fail(ErrorKind::usage, std::string("no plan can be made in ") +
                               precision_name(engine.precision) +
                               " by this program on this processor; use --engine libtorch");
  }
  if (!options_.ranges.empty() && (options_.with == RunWith::libtorch || !engine.device.is_cpu())) {
    fail(ErrorKind::usage, "int8 runs in plans on the CPU, not in LibTorch on " +
                               engine.device.str() + "; use bf16 or fp32");
  }
  // What was judged at one threshold was not judged at another.
  options_.identity += " at " + std::to_string(options_.threshold);
  model_->eval();
  model_->to(engine.device);
}
Runner::~Runner() = default;
Runner::Runner(Runner&&) noexcept = default;

torch::Tensor Runner::in_libtorch(const torch::Tensor& image, torch::ScalarType precision) {
  const torch::NoGradGuard no_grad;
  const Autocast autocast(options_.engine.device, precision);
  return model_->forward(image.to(options_.engine.device))
      .logits.to(torch::kFloat32)
      .to(torch::kCPU);
}

fs::path Runner::file_of(const std::array<int64_t, 3>& size, torch::ScalarType precision) const {
  if (options_.plans.empty()) return {};
  std::ostringstream name;
  name << size[0] << "x" << size[1] << "x" << size[2] << "_" << precision_name(precision) << "_"
       << sha256(options_.identity + cpu_name()).substr(0, 12) << ".plan";
  return options_.plans / name.str();
}

/// The network's graph, or nothing and a warning that names the plan wanted.
std::unique_ptr<TracedModel> Runner::traced(const std::array<int64_t, 3>& size,
                                            torch::ScalarType precision) {
  try {
    return std::make_unique<TracedModel>(
        trace_model(*model_, ExportOutput::logits, size[1], size[2]));
  } catch (const Error& e) {
    if (options_.with == RunWith::plan) throw;
    warnings_.push_back(std::string("the ") + precision_name(precision) +
                        " plan is not used: " + e.what());
  }
  return nullptr;
}

/// A plan that says what `reference` says of the image, or nothing and a warning.
std::shared_ptr<const Plan> Runner::judged(const TracedModel& traced, const torch::Tensor& image,
                                           torch::ScalarType precision,
                                           const torch::Tensor& reference) {
  const std::array<int64_t, 3> size = {image.size(1), image.size(2), image.size(3)};
  const PlanOptions plan_options{.precision = precision, .ranges = options_.ranges};
  const std::string begin = std::string("the ") + precision_name(precision) + " plan is not used: ";
  try {
    auto plan = std::make_shared<const Plan>(traced, size, plan_options);
    if (options_.with == RunWith::plan) return plan;
    const Parity parity = compare_logits(plan->run(image), reference, options_.threshold);
    const double allowed = allowed_error(*plan, precision);
    const bool alike =
        parity.flipped == 0 || (precision == torch::kQInt8 && parity.dice >= kDiceOfBytes);
    if (alike && parity.relative_error < allowed) {
      const fs::path file = file_of(size, precision);
      if (file.empty()) return plan;
      const auto lost = keep_on_disk(traced, size, plan_options, file, options_.identity);
      if (!lost.empty()) {
        warnings_.push_back("the plan is not kept, so that each call makes it anew: " + lost +
                            "; name another folder (--plans), or none");
      }
      return plan;
    }
    warnings_.push_back(begin + described(parity, allowed));
    if (const fs::path file = file_of(size, precision); !file.empty()) {
      remember_refusal(file, plan_key(size, plan_options, options_.identity), warnings_.back());
    }
  } catch (const Error& e) {
    if (options_.with == RunWith::plan) throw;
    warnings_.push_back(begin + e.what());
  }
  return nullptr;
}

/// The same on a CUDA device. What LibTorch cannot do there is a reason, too, to run the network.
std::shared_ptr<CudaPlan> Runner::judged_on_gpu(const TracedModel& traced,
                                                const torch::Tensor& image,
                                                torch::ScalarType precision,
                                                const torch::Tensor& reference) {
  const std::array<int64_t, 3> size = {image.size(1), image.size(2), image.size(3)};
  const std::string begin = std::string("the ") + precision_name(precision) + " plan is not used: ";
  try {
    auto plan = std::make_shared<CudaPlan>(traced, size, options_.engine.device,
                                           CudaPlanOptions{.precision = precision});
    if (options_.with == RunWith::plan) return plan;
    const Parity parity = compare_logits(plan->run(image), reference, options_.threshold);
    const double allowed = allowed_error(traced, precision);
    if (parity.flipped == 0 && parity.relative_error < allowed) return plan;
    warnings_.push_back(begin + described(parity, allowed));
  } catch (const Error& e) {
    if (options_.with == RunWith::plan) throw;
    warnings_.push_back(begin + e.what());
  } catch (const c10::Error& e) {
    if (options_.with == RunWith::plan) throw;
    warnings_.push_back(begin + e.what_without_backtrace());
  }
  return nullptr;
}

Runner::Choice Runner::choose(const torch::Tensor& image) {
  const auto wanted = options_.engine.precision;
  const bool on_cpu = options_.engine.device.is_cpu();
  if (options_.with == RunWith::libtorch || (!on_cpu && !CudaPlan::available())) {
    return {nullptr, wanted};
  }
  std::vector<torch::ScalarType> precisions = {wanted};
  if (wanted != torch::kFloat32) precisions.push_back(torch::kFloat32);
  const std::array<int64_t, 3> size = {image.size(1), image.size(2), image.size(3)};
  if (!options_.ranges.empty()) precisions.insert(precisions.begin(), torch::kQInt8);
  std::erase_if(precisions, [&](torch::ScalarType precision) {
    return on_cpu && precision != torch::kQInt8 && !Plan::available(precision);
  });
  if (precisions.empty()) return {nullptr, wanted};
  while (on_cpu && !options_.plans.empty() && !precisions.empty()) {
    const PlanOptions plan_options{.precision = precisions.front(), .ranges = options_.ranges};
    const fs::path file = file_of(size, precisions.front());
    if (auto plan = Plan::stored(file, size, plan_options, options_.identity)) {
      return {std::move(plan), precisions.front()};
    }
    if (options_.with == RunWith::plan) break;  // made whatever was said of it
    const auto refusal = remembered_refusal(file, plan_key(size, plan_options, options_.identity));
    if (!refusal) break;
    warnings_.push_back(*refusal);
    precisions.erase(precisions.begin());
  }
  if (precisions.empty()) return {nullptr, wanted};
  const auto best = precisions.front();
  const auto first = image.narrow(0, 0, 1);
  const ExactFloat32 exact;
  const auto reference = in_libtorch(first, torch::kFloat32);
  const auto graph = traced(size, best);
  Choice choice{nullptr, wanted};
  for (const auto precision : precisions) {
    if (!graph || choice.planned()) break;
    if (on_cpu) choice.plan = judged(*graph, first, precision, reference);
    if (!on_cpu) choice.gpu = judged_on_gpu(*graph, first, precision, reference);
    if (choice.planned()) choice.precision = precision;
  }
  return choice;
}

torch::Tensor Runner::logits(const torch::Tensor& image) {
  if (image.dim() != 4) {
    fail(ErrorKind::usage,
         "image has " + std::to_string(image.dim()) + " axes, expected [N,C,H,W]");
  }
  const std::array<int64_t, 4> key = {image.size(1), image.size(2), image.size(3),
                                      at::get_num_threads()};
  auto found = std::find_if(choices_.begin(), choices_.end(),
                            [&](const auto& entry) { return entry.first == key; });
  if (found == choices_.end()) {
    choices_.insert(choices_.begin(), {key, choose(image)});
    if (choices_.size() > options_.keep) choices_.pop_back();
  } else {
    std::rotate(choices_.begin(), found, found + 1);
  }
  const Choice& choice = choices_.front().second;
  (choice.planned() ? planned_ : in_torch_) = true;
  half_ = half_ || choice.precision == torch::kBFloat16;
  bytes_ = bytes_ || choice.precision == torch::kQInt8;
  if (choice.plan) return choice.plan->run(image);
  if (!choice.gpu) return in_libtorch(image, choice.precision);
  auto logits = choice.gpu->run(image);
  for (auto& text : choice.gpu->take_warnings()) warnings_.push_back(std::move(text));
  return logits;
}

std::string Runner::engine() const {
  if (planned_ && in_torch_) return "plan and libtorch";
  if (!planned_ && !in_torch_) return "none";
  return planned_ ? "plan" : "libtorch";
}

std::string Runner::precision() const {
  return bytes_ ? "int8" : half_ ? "bf16" : "fp32";
}

int64_t Runner::arena_bytes() const {
  int64_t bytes = 0;
  for (const auto& [key, choice] : choices_) bytes += choice.plan ? choice.plan->arena_bytes() : 0;
  return bytes;
}

std::vector<std::string> Runner::take_warnings() {
  return std::exchange(warnings_, {});
}

}  // namespace groundglass
