#include "groundglass/models/blocks/spectral_pool.h"

#include <cmath>
#include <sstream>

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// Operators inside keep the type of their arguments.
using NoAutocast = c10::impl::ExcludeDispatchKeyGuard;

void check_sizes(const torch::Tensor& x, int64_t h, int64_t w) {
  if (x.dim() == 4 && h >= 1 && w >= 1 && h <= x.size(2) && w <= x.size(3)) return;
  std::ostringstream text;
  text << "spectral pooling: map is " << x.sizes() << ", expected [N,C,H,W] with H at least " << h
       << " and W at least " << w << ", both at least 1";
  fail(ErrorKind::usage, text.str());
}

torch::ScalarType computed_in(const torch::Tensor& x) {
  return x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

/// One axis of the pooling, from n to m places.
struct Axis {
  torch::Tensor even;  ///< P [m,n]
  torch::Tensor from;  ///< [n,1], and
  torch::Tensor to;    ///< [m,1]: Q = to from^T
};

/// Every number that depends on n or m is a whole one and enters an operator by itself, and odd and
/// even m run through the same operators: so an exported network takes images of any size.
Axis axis_of(int64_t n, int64_t m, SpectralScale scale, const torch::TensorOptions& options) {
  const auto exact = options.dtype(torch::kFloat64);
  const auto places = [&](int64_t size) { return torch::arange(size, exact); };
  const auto size_m = torch::arange(m, m + 1, exact);
  const auto frequency = (places(m) - (size_m / 2).floor()).unsqueeze(0);  // -m/2 .. about m/2
  // [size, m]: angle of each frequency at each place
  const auto angles = [&](int64_t size) {
    return places(size).unsqueeze(1) * frequency / size * (2 * kPi);
  };
  const auto in = angles(n), out = angles(m);
  Axis axis;
  axis.even = torch::matmul(out.cos(), in.cos().t()) + torch::matmul(out.sin(), in.sin().t());
  // The highest frequency of an even m, -m/2, stands alone; an odd m has none such.
  const auto alone = (1 + (size_m * kPi).cos()) / 2;
  axis.to = (places(m) * kPi).cos().unsqueeze(1);
  axis.from = (places(n) * m / n * kPi).sin().unsqueeze(1) * alone;
  if (scale == SpectralScale::preserve_mean) {
    axis.even = axis.even / n;
    axis.from = axis.from / n;
  } else {
    const auto root = (size_m * n).sqrt();
    axis.even = axis.even / root;
    axis.from = axis.from / root;
  }
  const auto type = options.dtype();
  return {axis.even.to(type), axis.from.to(type), axis.to.to(type)};
}

}  // namespace

torch::Tensor spectral_pool2d(const torch::Tensor& x, int64_t h, int64_t w, SpectralScale scale) {
  check_sizes(x, h, w);
  if (h == x.size(2) && w == x.size(3)) return x;
  const NoAutocast as_given(c10::autocast_dispatch_keyset);
  const auto map = x.to(computed_in(x));
  const auto rows = axis_of(x.size(2), h, scale, map.options());
  const auto columns = axis_of(x.size(3), w, scale, map.options());
  const auto narrow = torch::matmul(map, columns.even.t());  // [N,C,H,w]
  // Three axes on the left make it a batched product; with two, LibTorch turns the map around.
  const auto mirrored = torch::matmul(rows.even.unsqueeze(0), narrow);             // [N,C,h,w]
  const auto alone = (torch::matmul(map, columns.from) * rows.from).sum(2, true);  // [N,C,1,1]
  return (mirrored - alone * torch::matmul(rows.to, columns.to.t())).to(x.scalar_type());
}

torch::Tensor spectral_pool2d_fft(const torch::Tensor& x, int64_t h, int64_t w,
                                  SpectralScale scale) {
  check_sizes(x, h, w);
  const NoAutocast as_given(c10::autocast_dispatch_keyset);
  const std::vector<int64_t> plane = {2, 3};
  const auto spectrum =
      at::fft_fftshift(at::fft_fft2(x.to(computed_in(x)), torch::nullopt, plane, "ortho"), plane);
  const auto middle =
      spectrum.narrow(2, x.size(2) / 2 - h / 2, h).narrow(3, x.size(3) / 2 - w / 2, w);
  auto y =
      at::real(at::fft_ifft2(at::fft_ifftshift(middle, plane), torch::nullopt, plane, "ortho"));
  if (scale == SpectralScale::preserve_mean) {
    y = y * std::sqrt(static_cast<double>(h * w) / static_cast<double>(x.size(2) * x.size(3)));
  }
  return y.to(x.scalar_type());
}

}  // namespace groundglass
