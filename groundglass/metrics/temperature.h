#pragma once

#include <functional>

#include "groundglass/metrics/calibration.h"

namespace groundglass {

/// Sees some pixels; and a walk that shows it all of them, the same ones each time.
using PixelVisitor = std::function<void(const PixelLogits& pixels)>;
using PixelWalk = std::function<void(const PixelVisitor& visit)>;

/// The temperature T that makes the negative log-likelihood of logits / T least.
///
/// Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, sec. 4.2,
/// https://arxiv.org/abs/1706.04599. One number for all pixels, as TS of Ding, Han, Liu,
/// Niethammer, "Local Temperature Scaling for Probability Calibration", ICCV 2021.
/// Differs: no descent. The likelihood is convex in b = 1/T, so its slope, the mean over the pixels
/// of sum_k p_k z_k - z_right, is looked at in 25 places of log b at once, then in 25 places of the
/// gap in which it changes sign, and a third time; the last gap (0.05 % of T) is crossed by a
/// straight line, which leaves about 1e-7 of T. Three walks, and no logits are kept.
///
/// returns T from 0.05 to 20.
/// throws  Error(data) without pixels, where all pixels are background or none is, where a logit is
///         not a finite number, and where the least lies outside: towards 0 if the most probable
///         class is never wrong, beyond 20 if the logits say nothing of the truth.
double fit_temperature(const PixelWalk& walk);

}  // namespace groundglass
