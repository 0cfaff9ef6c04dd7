#include "groundglass/models/segnet.h"

#include "groundglass/core/error.h"
#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/conv_same.h"
#include "groundglass/models/blocks/he_init.h"
#include "groundglass/models/blocks/unpool.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
namespace {

/// Several times (3x3 convolution, batch norm, perhaps ReLU). [N,in,H,W] -> [N,last of outs,H,W].
class StageImpl final : public torch::nn::Module {
 public:
  StageImpl(int64_t in, const std::vector<int64_t>& outs, SegNetDecoderActivation activation)
      : activation_(activation) {
    for (const int64_t out : outs) {
      const auto k = std::to_string(conv.size() + 1);
      conv.push_back(register_module("conv" + k, conv_same(in, out, 3)));
      norm.push_back(register_module("norm" + k, BatchNorm2d(out)));
      in = out;
    }
  }
  torch::Tensor forward(torch::Tensor x) {
    for (size_t k = 0; k < conv.size(); ++k) {
      x = norm[k](conv[k](x));
      if (activation_ == SegNetDecoderActivation::relu) x = x.relu_();
    }
    return x;
  }

 private:
  std::vector<Conv2d> conv;
  std::vector<BatchNorm2d> norm;
  SegNetDecoderActivation activation_;
};
TORCH_MODULE(Stage);

/// The last convolution, and batch norm and ReLU if MATLAB is to be followed.
class HeadImpl final : public torch::nn::Module {
 public:
  HeadImpl(int64_t in, int64_t classes, SegNetHead kind) {
    conv = register_module("conv", conv_same(in, classes, 3));
    if (kind == SegNetHead::matlab) norm = register_module("norm", BatchNorm2d(classes));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto y = conv(x);
    return norm.is_empty() ? y : norm(y).relu_();
  }

 private:
  Conv2d conv{nullptr};
  BatchNorm2d norm{nullptr};
};
TORCH_MODULE(Head);

std::vector<int64_t> repeated(int64_t value, int64_t count) {
  return std::vector<int64_t>(static_cast<size_t>(count), value);
}

void check(const SegNetOptions& options) {
  if (options.out_channels == 1 && options.head == SegNetHead::matlab) {
    fail(
        ErrorKind::recipe,
        "head = \"matlab\" ends in a ReLU, after which a sigmoid is never below one half; expected "
        "head = \"plain\", or out_channels of 2 or more");
  }
  const size_t stages = checked_widths(options.widths).size(), n = options.convolutions.size();
  if (n == stages) return;
  fail(ErrorKind::recipe, "widths has " + std::to_string(stages) + " numbers and convolutions " +
                              std::to_string(n) + ", expected one for each stage in both");
}

}  // namespace

SegNetOptions segnet_of_depth(int64_t depth, int64_t width) {
  SegNetOptions options;
  options.widths = repeated(width, depth);
  options.convolutions = repeated(2, depth);
  return options;
}

SegNetOptions with_gates(SegNetOptions options, SegNetFuse fuse) {
  options.attention = SegNetAttention::gates;
  options.fuse = fuse;
  return options;
}

SegNetImpl::SegNetImpl(const SegNetOptions& options) : options_(options) {
  check(options);
  const auto& w = options.widths;
  const auto& n = options.convolutions;
  const bool gated = options.attention == SegNetAttention::gates;
  for (size_t i = 0; i < w.size(); ++i) {
    enc->push_back(Stage(i == 0 ? options.in_channels : w[i - 1], repeated(w[i], n[i]),
                         SegNetDecoderActivation::relu));
  }
  for (size_t i = w.size(); i-- > 0;) {
    if (gated) gate->push_back(MultiplicativeAttentionGate(w[i], w[i], options.gate));
    auto outs = repeated(w[i], n[i] - 1);
    if (i > 0) outs.push_back(w[i - 1]);  // as many channels as the next stage's places have
    const bool wide = gated && options.fuse == SegNetFuse::concat;
    dec->push_back(Stage(wide ? 2 * w[i] : w[i], outs, options.decoder_activation));
  }
  const bool wide = gated && options.fuse == SegNetFuse::concat && n.front() == 1;
  register_module("enc", enc);
  if (gated) register_module("gate", gate);
  register_module("dec", dec);
  head = register_module(
      "head", Head(wide ? 2 * w.front() : w.front(), options.out_channels, options.head).ptr());
  start_he_normal(*this);
}

Features SegNetImpl::encode(torch::Tensor x) {
  Features f;
  for (size_t i = 0; i < enc->size(); ++i) {
    x = watched("enc" + std::to_string(i + 1), enc[i]->as<Stage>()->forward(x));
    f.maps.push_back(x);  // [N,w(i),H/2^i,W/2^i]
    auto [pooled, indices] = max_pool_with_indices(x);
    f.indices.push_back(indices);
    x = pooled;
  }
  f.maps.push_back(x);
  return f;
}

Prediction SegNetImpl::decode(const Features& f) {
  torch::Tensor x = f.maps.back();
  for (size_t i = 0; i < dec->size(); ++i) {
    const size_t stage = dec->size() - 1 - i;
    const auto& skip = f.maps[stage];
    auto up = max_unpool(x, f.indices[stage], skip);  // [N,w(stage),H/2^stage,W/2^stage]
    if (options_.attention == SegNetAttention::gates) {
      const auto kept = gate[i]->as<MultiplicativeAttentionGate>()->forward(skip, x);
      up = options_.fuse == SegNetFuse::concat ? torch::cat({up, kept}, 1) : up + kept;
    }
    x = watched("dec" + std::to_string(stage + 1), dec[i]->as<Stage>()->forward(up));
  }
  return {head->as<Head>()->forward(x), {}};
}

int64_t SegNetImpl::stride() const {
  return int64_t{1} << options_.widths.size();
}

std::vector<std::string> SegNetImpl::layer_names() const {
  std::vector<std::string> names;
  for (size_t i = 1; i <= enc->size(); ++i) names.push_back("enc" + std::to_string(i));
  for (size_t i = dec->size(); i >= 1; --i) names.push_back("dec" + std::to_string(i));
  return names;
}

}  // namespace groundglass
