#include "groundglass/infer/gpu/cuda_plan.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "groundglass/core/error.h"

#ifdef GROUNDGLASS_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include "groundglass/core/torch_version.h"
#include "groundglass/infer/graph/folded_network.h"
#endif

namespace groundglass {

int64_t images_at_once(int64_t free_bytes, int64_t image_bytes, int64_t at_most) {
  int64_t images = 1;
  while (2 * images <= at_most &&
         2 * images <= free_bytes / 2 / std::max<int64_t>(image_bytes, 1)) {
    images *= 2;
  }
  return images;
}

std::vector<int64_t> parts_of(int64_t images, int64_t largest) {
  std::vector<int64_t> parts;
  for (int64_t part = largest; images > 0; part = std::max<int64_t>(part / 2, 1)) {
    for (; images >= part; images -= part) parts.push_back(part);
  }
  return parts;
}

#ifdef GROUNDGLASS_CUDA

namespace {
namespace cache = c10::cuda::CUDACachingAllocator;

/// One number of images: memory that stays, and what was recorded on it.
struct Recording {
  torch::Tensor in, out;
  std::unique_ptr<at::cuda::CUDAGraph> graph;
};

constexpr size_t kAllPools = 0;  // of the allocator's statistics

/// The traced network, if it takes the size.
const TracedModel& fitting(const TracedModel& traced, const std::array<int64_t, 3>& size) {
  bool fits = (traced.dynamic[0] || traced.image[0] == 1) && size[0] == traced.image[1];
  for (const size_t axis : {1, 2}) {
    const int64_t n = size[axis], fixed = traced.image[axis + 1];
    fits = fits && (traced.dynamic[axis + 1] ? n > 0 && n % traced.size_multiple == 0 : n == fixed);
  }
  if (fits) return traced;
  std::ostringstream text;
  text << "plan: image is [1," << size[0] << "," << size[1] << "," << size[2] << "], expected "
       << image_shape(traced);
  fail(ErrorKind::usage, text.str());
}

}  // namespace

class CudaPlan::Impl {
 public:
  Impl(const TracedModel& traced, const std::array<int64_t, 3>& size, const torch::Device& device,
       const CudaPlanOptions& options)
      : size_(size),
        device_(device.has_index() ? device : torch::Device(torch::kCUDA, 0)),
        options_(options),
        recorded_(options.graphs),
        network_(fitting(traced, size), {device_, options.precision}),
        stream_(c10::cuda::getStreamFromPool(false, device_.index())),
        pool_(at::cuda::graph_pool_handle()) {
    c10::cuda::getDefaultCUDAStream(device_.index()).synchronize();  // weights are there
    const Scope scope(*this);
    warm_up(made_up(1));
    if (!traced.dynamic[0]) return;  // made for one image: it is its own measure
    warm_up(made_up(2));
    image_bytes_ = std::max<int64_t>(taken_by(2) - taken_by(1), 1);
    largest_ = images_at_once(free_bytes(), image_bytes_, options.at_most);
  }

  torch::Tensor run(const torch::Tensor& image) {
    if (image.dim() != 4 || image.size(1) != size_[0] || image.size(2) != size_[1] ||
        image.size(3) != size_[2]) {
      std::ostringstream text;
      text << "plan: image is " << image.sizes() << ", expected [N," << size_[0] << "," << size_[1]
           << "," << size_[2] << "]";
      fail(ErrorKind::usage, text.str());
    }
    const torch::NoGradGuard no_grad;
    const Scope scope(*this);
    std::vector<torch::Tensor> logits;
    int64_t begin = 0;
    for (const int64_t n : parts_of(image.size(0), largest_)) {
      logits.push_back(part(image.narrow(0, begin, n)));
      begin += n;
    }
    return torch::cat(logits);
  }

  int64_t largest() const { return largest_; }
  int64_t image_bytes() const { return image_bytes_; }
  bool recorded() const { return recorded_; }
  std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }

 private:
  /// The device and the stream of the plan; float32 stays exact.
  struct Scope {
    explicit Scope(const Impl& plan) : stream(plan.stream_) {}
    c10::cuda::CUDAStreamGuard stream;
    ExactFloat32 exact;
  };

  torch::Tensor made_up(int64_t n) const {
    return torch::zeros({n, size_[0], size_[1], size_[2]}, torch::TensorOptions(device_));
  }

  void warm_up(const torch::Tensor& image) {
    for (int i = 0; i < 3; ++i) network_.run(image);
    stream_.synchronize();
  }

  /// Most memory that n images take at one time besides the weights.
  int64_t taken_by(int64_t n) {
    cache::resetPeakStats(device_.index());
    const int64_t before =
        cache::getDeviceStats(device_.index()).allocated_bytes[kAllPools].current;
    network_.run(made_up(n));
    stream_.synchronize();
    return cache::getDeviceStats(device_.index()).allocated_bytes[kAllPools].peak - before;
  }

  /// What the device has, and what the allocator holds of it without using it.
  int64_t free_bytes() const {
    size_t free = 0, total = 0;
    C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    const auto stats = cache::getDeviceStats(device_.index());
    return static_cast<int64_t>(free) + stats.reserved_bytes[kAllPools].current -
           stats.allocated_bytes[kAllPools].current;
  }

  torch::Tensor part(const torch::Tensor& image) {
    if (!recorded_) return network_.run(image.to(device_)).to(torch::kCPU);
    auto found = recordings_.find(image.size(0));
    if (found == recordings_.end()) {
      Recording recording{made_up(image.size(0)), {}, nullptr};
      if (!record(recording)) return part(image);
      found = recordings_.emplace(image.size(0), std::move(recording)).first;
    }
    Recording& r = found->second;
    r.in.copy_(image);
    r.graph->replay();
    return r.out.to(torch::kCPU);  // waits for the stream
  }

  /// False, and a warning, if the network does what cannot be recorded.
  bool record(Recording& r) {
    warm_up(r.in);
    r.graph = std::make_unique<at::cuda::CUDAGraph>();
    try {
      r.graph->capture_begin(pool_);
      try {
        r.out = network_.run(r.in);
      } catch (...) {
        end_quietly(*r.graph);
        throw;
      }
      r.graph->capture_end();
      return true;
    } catch (const std::exception& e) {
      r.graph.reset();
      recordings_.clear();
      cudaGetLastError();  // taken note of: later calls are not to fail with it
      recorded_ = false;
      warnings_.push_back("no CUDA graph is recorded: " + first_line(e.what()));
      return false;
    }
  }

  static void end_quietly(at::cuda::CUDAGraph& graph) {
    try {
      graph.capture_end();
    } catch (const std::exception&) {  // the first mistake is the one to tell
    }
  }

  static std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

  std::array<int64_t, 3> size_;
  torch::Device device_;
  CudaPlanOptions options_;
  bool recorded_;
  FoldedNetwork network_;
  c10::cuda::CUDAStream stream_;
  decltype(at::cuda::graph_pool_handle()) pool_;
  int64_t image_bytes_ = 1, largest_ = 1;
  std::map<int64_t, Recording> recordings_;  // by number of images
  std::vector<std::string> warnings_;
};

#else

class CudaPlan::Impl {
 public:
  Impl(const TracedModel&, const std::array<int64_t, 3>&, const torch::Device& device,
       const CudaPlanOptions&) {
    fail(ErrorKind::usage, "plan: this program was built without CUDA, so there is none for " +
                               device.str() + "; use --engine libtorch");
  }
  torch::Tensor run(const torch::Tensor& image) { return image; }
  int64_t largest() const { return 1; }
  int64_t image_bytes() const { return 0; }
  bool recorded() const { return false; }
  std::vector<std::string> take_warnings() { return {}; }
};

#endif

CudaPlan::CudaPlan(const TracedModel& traced, const std::array<int64_t, 3>& size,
                   const torch::Device& device, const CudaPlanOptions& options)
    : impl_(std::make_unique<Impl>(traced, size, device, options)) {}
CudaPlan::~CudaPlan() = default;
CudaPlan::CudaPlan(CudaPlan&&) noexcept = default;

torch::Tensor CudaPlan::run(const torch::Tensor& image) {
  return impl_->run(image);
}
int64_t CudaPlan::largest_batch() const {
  return impl_->largest();
}
int64_t CudaPlan::image_bytes() const {
  return impl_->image_bytes();
}
bool CudaPlan::recorded() const {
  return impl_->recorded();
}
std::vector<std::string> CudaPlan::take_warnings() {
  return impl_->take_warnings();
}

bool CudaPlan::available() {
#ifdef GROUNDGLASS_CUDA
  return true;
#else
  return false;
#endif
}

}  // namespace groundglass
