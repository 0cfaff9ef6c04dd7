#pragma once

#include <functional>

#include "groundglass/core/engine.h"
#include "groundglass/core/events.h"

namespace groundglass {

/// Largest relative error of a 3x3 kernel's gradient, bfloat16 beside float32, over maps of height
/// x width and of their halves down to 16; 32 channels of fixed random numbers. Rounding alone
/// gives about 0.003. NaN if a gradient is no number.
///
/// oneDNN 2.6 with AMX returns other numbers altogether for many sizes above 224, e.g. 288, 384 and
/// 512 squared, without a word: losses still fall, or become NaN. Forward and the maps' gradients
/// are right there.
double bf16_kernel_gradient_error(int64_t height, int64_t width);

/// The engine a training on maps of height x width may use: `engine`, or with float32, and a
/// warning, if it is bfloat16 on the processor and `error` of that size is above 0.02 or no number.
Engine trusted_precision(
    const Engine& engine, int64_t height, int64_t width, Observer& observer = silent_observer(),
    const std::function<double(int64_t, int64_t)>& error = bf16_kernel_gradient_error);

}  // namespace groundglass
