#include "groundglass/infer/plan/plan.h"

#include <algorithm>
#include <set>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "groundglass/core/bf16_pays.h"
#include "groundglass/core/error.h"

#if GROUNDGLASS_DNNL
#include <chrono>
#include <cstdlib>
#include <sstream>

#include <sys/mman.h>

#include "groundglass/core/files.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/infer/plan/amx_kernels.h"
#include "groundglass/infer/plan/int8.h"
#include "groundglass/infer/plan/program.h"
#include "groundglass/infer/plan/steps.h"
#include "groundglass/infer/plan/store.h"
#include "groundglass/infer/plan/verdict.h"
#endif

namespace groundglass {

#if GROUNDGLASS_DNNL
namespace {
using namespace planning;

bool has(dnnl::cpu_isa isa) {
  const auto ours = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  return (ours & static_cast<unsigned>(isa)) == static_cast<unsigned>(isa);
}

std::string text_of(const InputRanges& ranges) {
  std::ostringstream text;
  text << std::hexfloat;
  for (const auto& [name, range] : ranges) text << name << " " << range.low << " " << range.high;
  return text.str();
}

}  // namespace

std::string plan_key(const std::array<int64_t, 3>& size, const PlanOptions& options,
                     const std::string& identity) {
  const std::filesystem::path program = "/proc/self/exe";
  std::error_code ignored;
  const auto stamp = std::filesystem::last_write_time(program, ignored).time_since_epoch().count();
  const auto* library = dnnl::version();
  std::ostringstream text;
  text << identity << " " << size[0] << "x" << size[1] << "x" << size[2] << " "
       << c10::toString(options.precision) << (options.winograd ? " winograd" : "") << " "
       << version() << " " << commit() << " " << std::filesystem::file_size(program, ignored) << "/"
       << stamp << " " << cpu_name() << " " << joined(cpu_features(), ",") << " oneDNN "
       << library->major << "." << library->minor << "." << library->patch;
  if (options.precision == torch::kQInt8) text << " ranges " << sha256(text_of(options.ranges));
  return text.str();
}

/// An arena and the steps bound to it.
struct Caller {
  Caller(const Program& p) {
    constexpr size_t kPage = 2 << 20;
    const size_t bytes = (std::max<size_t>(p.arena_bytes, 1) + kPage - 1) / kPage * kPage;
    context.arena = static_cast<char*>(std::aligned_alloc(kPage, bytes));
    if (!context.arena) {
      fail(ErrorKind::device,
           "plan: no memory for " + std::to_string(bytes >> 20) + " MiB of maps");
    }
    madvise(context.arena, bytes, MADV_HUGEPAGE);  // a wish; nothing depends on it
    context.buffers = &p.buffers;
    context.stream = dnnl::stream(p.engine);
    context.slots.resize(p.network.values.size());
    for (const Step& s : p.steps) work.push_back(s.bind(context));
  }
  ~Caller() { std::free(context.arena); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  Context context;
  std::vector<Work> work;
};

/// Channels between the memory of a plan and a tensor [C,H,W].
class Door {
 public:
  Door(const Program& p, int id) : kernels_(p.kernels), at_(located(p, id)) {
    positions_ = positions(p.value(id), p.kernels->lanes);
  }
  void in(Context& c, float* data) const {
    const Surface map = at_.in(c), plain = tensor(data);
    for (size_t i = 0; i < positions_.size(); i += run(i)) {
      kernels_->copy(plain, static_cast<int64_t>(i), map, positions_[i],
                     static_cast<int64_t>(run(i)));
    }
  }
  void out(Context& c, float* data) const {
    const Surface map = at_.in(c), plain = tensor(data);
    for (size_t i = 0; i < positions_.size(); i += run(i)) {
      kernels_->copy(map, positions_[i], plain, static_cast<int64_t>(i),
                     static_cast<int64_t>(run(i)));
    }
  }

 private:
  Surface tensor(float* data) const {
    return {data, true, static_cast<int64_t>(positions_.size()), at_.surface.height,
            at_.surface.width};
  }
  size_t run(size_t begin) const {
    size_t n = 1;
    while (begin + n < positions_.size() &&
           positions_[begin + n] == positions_[begin] + static_cast<int64_t>(n)) {
      ++n;
    }
    return n;
  }

  const Kernels* kernels_;
  Located at_;
  std::vector<int64_t> positions_;
};

class Plan::Impl {
 public:
  Impl(const TracedModel& traced, const std::array<int64_t, 3>& size, const PlanOptions& options)
      : Impl(fused(traced, size, options), size, options) {}

  Impl(Network network, const std::array<int64_t, 3>& size, const PlanOptions& options)
      : size_(size) {
    const torch::NoGradGuard no_grad;
    p_.options = options;
    const bool half_pays = available(torch::kBFloat16) && cpu_bf16_pays();
    p_.bfloat16 =
        options.precision == torch::kBFloat16 || (options.precision == torch::kQInt8 && half_pays);
    p_.kernels = wide() ? &kernels_avx512(p_.half()) : &kernels_avx2();
    p_.amx = tiles();
    p_.engine = dnnl::engine(dnnl::engine::kind::cpu, 0);
    p_.network = std::move(network);
    lay_out(p_.network, p_.kernels->lanes, p_.half());
    build(p_);
    give_back_freed_memory();  // what packing took, before the maps take theirs
    image_ = std::make_unique<Door>(p_, p_.network.image);
    output_ = std::make_unique<Door>(p_, p_.network.outputs.at(0));
  }

  /// `before` each step, by its number.
  using Before = std::function<void(size_t, Context&)>;

  torch::Tensor run(const torch::Tensor& image, std::vector<double>* ms,
                    const Before& before = {}) {
    const torch::NoGradGuard no_grad;
    if (image.dim() != 4 || image.size(1) != size_[0] || image.size(2) != size_[1] ||
        image.size(3) != size_[2]) {
      std::ostringstream text;
      text << "plan: image is " << image.sizes() << ", expected [N," << size_[0] << "," << size_[1]
           << "," << size_[2] << "]";
      fail(ErrorKind::usage, text.str());
    }
    const auto x = image.to(torch::kCPU, torch::kFloat32).contiguous();
    auto sizes = p_.value(p_.network.outputs[0]).sizes;
    sizes[0] = x.size(0);
    auto y = torch::empty(sizes);
    const int64_t threads = at::get_num_threads(), images = x.size(0);
    const int64_t apart = ms || before || threads == 1 ? 0 : images - images % threads;
    parallel_for_each(apart, threads, [&](int64_t n) {
      const torch::NoGradGuard no_grad_here;
      run_one(x[n], y[n], nullptr, {});
    });
    for (int64_t n = apart; n < images; ++n) run_one(x[n], y[n], ms, before);
    return y;
  }

  void watch(const torch::Tensor& image, const Watcher& watcher) {
    const auto names = int8_names(p_.network);
    run(image.narrow(0, 0, 1), nullptr, [&](size_t step, Context& context) {
      const size_t op = p_.steps[step].op;
      if (names[op].empty()) return;
      const int id = p_.network.ops[op].in[0];
      const auto map = torch::empty(p_.value(id).sizes);
      Door(p_, id).out(context, map.data_ptr<float>());
      watcher(names[op], map);
    });
  }

  const Program& program() const { return p_; }

  /// The network as a plan begins with it.
  static Network fused(const TracedModel& traced, const std::array<int64_t, 3>& size,
                       const PlanOptions& options) {
    check(options);
    const torch::NoGradGuard no_grad;
    Network network = read_network(traced, size);
    const bool winograd = options.winograd && wide() && !tiles();
    fuse(network, winograd && options.precision == torch::kFloat32);
    if (options.precision == torch::kQInt8) mark_int8(network, options.ranges);
    return network;
  }

 private:
  /// One image [C,H,W] to its output, on the threads that the calling one may use.
  void run_one(const torch::Tensor& image, const torch::Tensor& output, std::vector<double>* ms,
               const Before& before) {
    auto caller = take();
    image_->in(caller->context, image.data_ptr<float>());
    for (size_t i = 0; i < caller->work.size(); ++i) {
      if (before) before(i, caller->context);
      const auto begin = std::chrono::steady_clock::now();
      caller->work[i]();
      if (!ms) continue;
      caller->context.stream.wait();
      (*ms)[i] +=
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
              .count();
    }
    caller->context.stream.wait();
    output_->out(caller->context, output.data_ptr<float>());
    give_back(std::move(caller));
  }

  static bool wide() { return has(dnnl::cpu_isa::avx512_core); }
  static bool tiles() { return has(dnnl::cpu_isa::avx512_core_amx) && allow_amx(); }

  static void check(const PlanOptions& options) {
    const auto precision = options.precision;
    if (precision != torch::kFloat32 && precision != torch::kBFloat16 &&
        precision != torch::kQInt8) {
      fail(ErrorKind::usage, "plan: precision is " + std::string(c10::toString(precision)) +
                                 ", expected Float, BFloat16 or QInt8");
    }
    if (available(precision)) return;
    fail(ErrorKind::usage,
         precision == torch::kBFloat16
             ? "plan: this processor has no bfloat16 arithmetic (AVX512_BF16); use fp32"
         : precision == torch::kQInt8
             ? "plan: this processor has no 8-bit arithmetic (AVX512_VNNI); use bf16 or fp32"
             : "plan: this processor has no AVX2; run the network in LibTorch");
  }

  std::unique_ptr<Caller> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto caller = std::move(idle_.back());
        idle_.pop_back();
        return caller;
      }
    }
    return std::make_unique<Caller>(p_);
  }
  void give_back(std::unique_ptr<Caller> caller) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(caller));
  }

  std::array<int64_t, 3> size_;
  Program p_;
  std::unique_ptr<Door> image_, output_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Caller>> idle_;
};

bool Plan::store(const TracedModel& traced, const std::array<int64_t, 3>& size,
                 const PlanOptions& options, const std::filesystem::path& path,
                 const std::string& identity) {
  const Network network = Impl::fused(traced, size, options);
  if (!storable(network)) return false;
  planning::store(network, path, plan_key(size, options, identity));
  return true;
}

std::unique_ptr<Plan> Plan::stored(const std::filesystem::path& path,
                                   const std::array<int64_t, 3>& size, const PlanOptions& options,
                                   const std::string& identity) {
  if (!available(options.precision)) return nullptr;
  auto network = planning::stored(path, plan_key(size, options, identity));
  if (!network) return nullptr;
  return std::unique_ptr<Plan>(
      new Plan(std::make_unique<Impl>(std::move(*network), size, options)));
}

bool Plan::available(torch::ScalarType precision) {
  if (precision == torch::kBFloat16) return has(dnnl::cpu_isa::avx512_core_bf16);
  if (precision == torch::kQInt8) return has(dnnl::cpu_isa::avx512_core_vnni);
  return precision == torch::kFloat32 && has(dnnl::cpu_isa::avx2);
}

torch::Tensor Plan::run(const torch::Tensor& image) const {
  return impl_->run(image, nullptr);
}

void Plan::watch(const torch::Tensor& image, const Watcher& watcher) const {
  impl_->watch(image, watcher);
}

std::vector<PlanStep> Plan::steps() const {
  std::vector<PlanStep> all;
  for (const auto& s : impl_->program().steps) all.push_back(s.about);
  return all;
}

std::vector<PlanStep> Plan::timed_steps(const torch::Tensor& image) const {
  auto all = steps();
  std::vector<double> ms(all.size(), 0);
  impl_->run(image, &ms);
  for (size_t i = 0; i < all.size(); ++i) all[i].milliseconds = ms[i];
  return all;
}

std::vector<std::string> Plan::fallbacks() const {
  std::set<std::string> names;
  for (const auto& s : impl_->program().steps) {
    if (s.about.engine == "LibTorch") names.insert(s.about.about);
  }
  return {names.begin(), names.end()};
}

int64_t Plan::arena_bytes() const {
  return static_cast<int64_t>(impl_->program().arena_bytes);
}
int64_t Plan::weight_bytes() const {
  return static_cast<int64_t>(impl_->program().weight_bytes);
}

#else

class Plan::Impl {
 public:
  Impl(const TracedModel&, const std::array<int64_t, 3>&, const PlanOptions&) {
    fail(ErrorKind::usage,
         "plan: this program was built without oneDNN (libdnnl-dev); run the "
         "network in LibTorch");
  }
};

bool Plan::available(torch::ScalarType) {
  return false;
}
bool Plan::store(const TracedModel&, const std::array<int64_t, 3>&, const PlanOptions&,
                 const std::filesystem::path&, const std::string&) {
  return false;
}
std::unique_ptr<Plan> Plan::stored(const std::filesystem::path&, const std::array<int64_t, 3>&,
                                   const PlanOptions&, const std::string&) {
  return nullptr;
}
torch::Tensor Plan::run(const torch::Tensor& image) const {
  return image;
}
void Plan::watch(const torch::Tensor&, const Watcher&) const {}
std::vector<PlanStep> Plan::steps() const {
  return {};
}
std::vector<PlanStep> Plan::timed_steps(const torch::Tensor&) const {
  return {};
}
std::vector<std::string> Plan::fallbacks() const {
  return {};
}
int64_t Plan::arena_bytes() const {
  return 0;
}
int64_t Plan::weight_bytes() const {
  return 0;
}

#endif

Plan::Plan(const TracedModel& traced, const std::array<int64_t, 3>& size,
           const PlanOptions& options)
    : Plan(std::make_unique<Impl>(traced, size, options)) {}
Plan::Plan(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Plan::~Plan() = default;
Plan::Plan(Plan&&) noexcept = default;

}  // namespace groundglass
