#pragma once

#include <ATen/autocast_mode.h>
#include <torch/types.h>
#include <torch/version.h>

namespace groundglass {

/// Everything that differs between LibTorch 1.13 and 2.x stands in this header.
///
/// While an Autocast lives, convolutions and matrix products of this thread on `device` run in
/// `dtype`; losses, norms and parameters stay in float32. dtype = float32 changes nothing.
class Autocast {
 public:
  Autocast(const torch::Device& device, torch::ScalarType dtype)
      : kind_(device.type()), active_(dtype != torch::kFloat32) {
    if (!active_) return;
    enable(kind_, true, dtype);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (!active_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    enable(kind_, false, torch::kBFloat16);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  static void enable(torch::DeviceType kind, bool on, torch::ScalarType dtype) {
    at::autocast::set_autocast_dtype(kind, dtype);
    at::autocast::set_autocast_enabled(kind, on);
  }
#else
  static void enable(torch::DeviceType kind, bool on, torch::ScalarType dtype) {
    if (kind == torch::kCUDA) {
      at::autocast::set_autocast_gpu_dtype(dtype);
      at::autocast::set_enabled(on);
    } else {
      at::autocast::set_autocast_cpu_dtype(dtype);
      at::autocast::set_cpu_enabled(on);
    }
  }
#endif

  torch::DeviceType kind_;
  bool active_;
};

/// The type that convolutions run in on the CPU right now: bfloat16 under an Autocast, else `own`.
inline torch::ScalarType cpu_compute_type(torch::ScalarType own) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  const bool on = at::autocast::is_autocast_enabled(at::kCPU);
  return on ? at::autocast::get_autocast_dtype(at::kCPU) : own;
#else
  return at::autocast::is_cpu_enabled() ? at::autocast::get_autocast_cpu_dtype() : own;
#endif
}

}  // namespace groundglass
