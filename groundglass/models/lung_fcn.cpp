#include "groundglass/models/lung_fcn.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
namespace {

/// A kernel for (left, forwards) as one for (down, left), which runs over upright slices.
torch::Tensor turned_kernel(const torch::Tensor& kernel) {
  return kernel.transpose(2, 3).flip({2});
}

/// Same size, then ReLU. [N,in,H,W] -> [N,out,H,W].
torch::Tensor turned_convolution(const Conv2d& conv, const torch::Tensor& x) {
  return torch::conv2d(x, turned_kernel(conv->weight), conv->bias, 1, 1).relu();
}

/// [N,C,H,W] -> [N,C,2H,2W]: columns 2k are column k and 2k + 1 the mean of k and k + 1; rows 2k +
/// 1 are row k and 2k the mean of k and k - 1, since upright rows run against those of the
/// training.
torch::Tensor doubled_as_trained(const torch::Tensor& x) {
  const auto twice = torch::upsample_nearest2d(x, torch::nullopt, std::vector<double>{2, 2});
  // Means of neighbours; at the edges of what is there.
  const auto means = torch::avg_pool2d(twice, 2, 1, 1, /*ceil_mode=*/false,
                                       /*count_include_pad=*/false);  // [N,C,2H+1,2W+1]
  return means.slice(2, 0, -1).slice(3, 1);
}

}  // namespace

LungFcnImpl::LungFcnImpl(const LungFcnOptions& options) : options_(options) {
  const auto& w = checked_widths(options.widths);
  const auto add = [&](int64_t in, int64_t out, int64_t kernel) {
    convolutions_.push_back(
        register_module("conv" + std::to_string(convolutions_.size() + 1),
                        Conv2d(Conv2dOptions(in, out, kernel).padding(kernel / 2))));
  };
  for (size_t i = 0; i < w.size(); ++i) add(i == 0 ? options.slices : w[i - 1], w[i], 3);
  add(w.back(), w.back(), 3);
  for (size_t i = w.size() - 1; i > 0; --i) add(w[i], w[i - 1], 3);
  add(w.front(), options.out_channels, 1);
}

Features LungFcnImpl::encode(torch::Tensor x) {
  const size_t scales = options_.widths.size();
  x = x - options_.mean;
  for (size_t i = 0; i < scales; ++i) {
    const auto& conv = convolutions_[i];
    const auto kernel = i == 0 ? conv->weight.sum(1, true) : conv->weight;
    x = torch::conv2d(x, turned_kernel(kernel), conv->bias, 1, 1).relu();
    x = torch::max_pool2d(watched("enc" + std::to_string(i + 1), x), 2);
  }
  return {{watched("mid", turned_convolution(convolutions_[scales], x))}, {}, {}};
}

Prediction LungFcnImpl::decode(const Features& f) {
  const size_t scales = options_.widths.size();
  torch::Tensor x = doubled_as_trained(f.maps[0]);
  for (size_t i = 1; i < scales; ++i) {
    x = watched("dec" + std::to_string(scales - i + 1),
                turned_convolution(convolutions_[scales + i], x));
    x = doubled_as_trained(x);
  }
  return {convolutions_.back()->forward(watched("dec1", x)), {}};
}

std::vector<std::string> LungFcnImpl::layer_names() const {
  std::vector<std::string> names;
  for (size_t i = 1; i <= options_.widths.size(); ++i) names.push_back("enc" + std::to_string(i));
  names.push_back("mid");
  for (size_t i = options_.widths.size(); i >= 1; --i) names.push_back("dec" + std::to_string(i));
  return names;
}

}  // namespace groundglass
