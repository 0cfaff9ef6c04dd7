#pragma once

#include "groundglass/models/nn.h"

namespace groundglass {

/// What happens to the brightness when frequencies are dropped.
enum class SpectralScale {
  unitary,       ///< both transforms keep the energy; the mean grows by sqrt(HW / (hw))
  preserve_mean  ///< the result is multiplied by sqrt(hw / (HW))
};

/// Spectral pooling: the discrete Fourier transform over height and width, the middle h x w of the
/// centred spectrum, the transform back, its real part. Down to 1x1 this is the mean; at the same
/// size it is the image.
///
/// Rippel, Snoek, Adams, "Spectral Representations for Convolutional Neural Networks", NeurIPS
/// 2015, https://arxiv.org/abs/1506.03767; Punn, Agarwal, https://arxiv.org/abs/2012.07079, eq. 2.
/// Differs: at even sizes the paper spreads the highest frequency over its two mirror images; here
/// the real part does so, except for the corner where both axes have their highest frequency.
///
/// Per axis the two transforms make one matrix P + iQ, P and Q real, and the real part is
/// P x P'^T - Q x Q'^T. Q holds the highest frequency alone, the only one without a mirror image,
/// and is an outer product. No complex number and no Fourier operator is needed, so this form can
/// be exported; forward and backward from 4x20x256x256 to half the size took 74 ms on one core, the
/// fast Fourier transforms 216 ms.
///
/// x       [N,C,H,W] float; computed in float32, or in float64 if x is, whatever the Autocast.
/// h, w    1..H and 1..W, even or odd.
/// returns [N,C,h,w] in the type of x.
/// throws  Error(usage) unless 1 <= h <= H and 1 <= w <= W.
torch::Tensor spectral_pool2d(const torch::Tensor& x, int64_t h, int64_t w,
                              SpectralScale scale = SpectralScale::preserve_mean);

/// The same by fast Fourier transforms, step by step as the definition says.
torch::Tensor spectral_pool2d_fft(const torch::Tensor& x, int64_t h, int64_t w,
                                  SpectralScale scale = SpectralScale::preserve_mean);

}  // namespace groundglass
