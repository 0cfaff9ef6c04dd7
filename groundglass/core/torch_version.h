#pragma once

#include <ATen/Context.h>
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
    was_on_ = enabled(kind_);
    former_dtype_ = current_dtype(kind_);
    enable(kind_, true, dtype);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (!active_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    enable(kind_, was_on_, former_dtype_);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  static bool enabled(torch::DeviceType kind) {
    return at::autocast::is_autocast_enabled(kind);
  }
  static torch::ScalarType current_dtype(torch::DeviceType kind) {
    return at::autocast::get_autocast_dtype(kind);
  }
  static void enable(torch::DeviceType kind, bool on, torch::ScalarType dtype) {
    at::autocast::set_autocast_dtype(kind, dtype);
    at::autocast::set_autocast_enabled(kind, on);
  }
#else
  static bool enabled(torch::DeviceType kind) {
    return kind == torch::kCUDA ? at::autocast::is_enabled() : at::autocast::is_cpu_enabled();
  }
  static torch::ScalarType current_dtype(torch::DeviceType kind) {
    return kind == torch::kCUDA ? at::autocast::get_autocast_gpu_dtype()
                                : at::autocast::get_autocast_cpu_dtype();
  }
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
  bool active_, was_on_ = false;
  torch::ScalarType former_dtype_ = torch::kFloat32;

  friend torch::ScalarType cpu_compute_type(torch::ScalarType own);
};

/// While an ExactFloat32 lives, CUDA multiplies float32 numbers as they are; otherwise convolutions
/// keep 10 bits of each factor (TF32). The processor always does.
class ExactFloat32 {
 public:
  ExactFloat32()
      : convolutions_(at::globalContext().allowTF32CuDNN()),
        products_(at::globalContext().allowTF32CuBLAS()) {
    set(false, false);
  }
  ~ExactFloat32() { set(convolutions_, products_); }
  ExactFloat32(const ExactFloat32&) = delete;
  ExactFloat32& operator=(const ExactFloat32&) = delete;

 private:
  static void set(bool convolutions, bool products) {
    at::globalContext().setAllowTF32CuDNN(convolutions);
    at::globalContext().setAllowTF32CuBLAS(products);
  }

  bool convolutions_, products_;
};

/// The type that convolutions of `own` run in on the CPU right now: bfloat16 for float32 under an
/// Autocast, else `own`.
inline torch::ScalarType cpu_compute_type(torch::ScalarType own) {
  const bool cast = own == torch::kFloat32 && Autocast::enabled(torch::kCPU);
  return cast ? Autocast::current_dtype(torch::kCPU) : own;
}

}  // namespace groundglass
