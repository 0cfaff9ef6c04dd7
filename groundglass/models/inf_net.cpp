#include "groundglass/models/inf_net.h"

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/he_init.h"

namespace groundglass {
namespace F = torch::nn::functional;
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
namespace {

constexpr int64_t kEdge = 64;  // channels of the edge branch

/// Bilinear, between pixel centres, to the height and width of `like`. [N,C,h,w] -> [N,C,H,W].
torch::Tensor resized(const torch::Tensor& x, const torch::Tensor& like) {
  return torch::upsample_bilinear2d(x, {like.size(2), like.size(3)}, false);
}

/// Bilinear, corners on corners. [N,C,h,w] -> [N,C,2h,2w].
torch::Tensor doubled(const torch::Tensor& x) {
  return torch::upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, true);
}

/// Convolution that keeps the size, and batch norm; no ReLU. [N,in,H,W] -> [N,out,H,W].
class ConvNormImpl final : public torch::nn::Module {
 public:
  struct Kernel {
    int64_t height, width, dilation = 1;
  };
  ConvNormImpl(int64_t in, int64_t out, const Kernel& k) {
    const auto half = [&](int64_t n) { return n / 2 * k.dilation; };
    auto options = Conv2dOptions(in, out, {k.height, k.width}).dilation(k.dilation).bias(false);
    if (k.height == 5 && k.width == 5) {
      border_ = 2;
    } else {
      options.padding({half(k.height), half(k.width)});
    }
    conv = register_module("conv", Conv2d(options));
    bn = register_module("bn", BatchNorm2d(out));
  }
  ConvNormImpl(int64_t in, int64_t out, int64_t kernel)
      : ConvNormImpl(in, out, Kernel{kernel, kernel}) {}

  torch::Tensor forward(const torch::Tensor& x) {
    if (border_ == 0) return bn(conv(x));
    // In bfloat16, oneDNN 2.6 leaves gradients of a padded 5x5 kernel unset where a map has one row
    // and the taps above and below it see padding alone; with the zeros in the map it sets them.
    return bn(conv(F::pad(x, F::PadFuncOptions({border_, border_, border_, border_}))));
  }

 private:
  Conv2d conv{nullptr};
  BatchNorm2d bn{nullptr};
  int64_t border_ = 0;  // zeros put around the map, besides the convolution's own
};
TORCH_MODULE(ConvNorm);

/// Receptive field block: four branches that see ever further, side by side, and a short cut.
/// [N,in,H,W] -> [N,c,H,W].
class ReceptiveFieldImpl final : public torch::nn::Module {
 public:
  ReceptiveFieldImpl(int64_t in, int64_t c) {
    branch0->push_back(ConvNorm(in, c, 1));
    register_module("branch0", branch0);
    branch1 = register_module("branch1", branch(in, c, 3));
    branch2 = register_module("branch2", branch(in, c, 5));
    branch3 = register_module("branch3", branch(in, c, 7));
    conv_cat = register_module("conv_cat", ConvNorm(4 * c, c, 3));
    conv_res = register_module("conv_res", ConvNorm(in, c, 1));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    std::vector<torch::Tensor> seen;
    for (const auto& steps : {branch0, branch1, branch2, branch3}) {
      auto y = x;
      for (const auto& step : *steps) y = step->as<ConvNorm>()->forward(y);
      seen.push_back(y);
    }
    return torch::relu(conv_cat(torch::cat(seen, 1)) + conv_res(x));
  }

 private:
  /// Strips of k pixels across and down, then a 3x3 kernel whose taps lie k apart.
  static torch::nn::ModuleList branch(int64_t in, int64_t c, int64_t k) {
    using Kernel = ConvNormImpl::Kernel;
    return torch::nn::ModuleList(ConvNorm(in, c, 1), ConvNorm(c, c, Kernel{1, k}),
                                 ConvNorm(c, c, Kernel{k, 1}), ConvNorm(c, c, Kernel{3, 3, k}));
  }

  torch::nn::ModuleList branch0, branch1, branch2, branch3;
  ConvNorm conv_cat{nullptr}, conv_res{nullptr};
};
TORCH_MODULE(ReceptiveField);

/// Parallel partial decoder: coarser maps are multiplied into finer ones, then joined to them.
/// [N,c,H,W], [N,c,2H,2W], [N,c,4H,4W] -> logits [N,K,4H,4W].
class PartialDecoderImpl final : public torch::nn::Module {
 public:
  PartialDecoderImpl(int64_t c, int64_t classes) {
    const auto conv = [&](const char* name, int64_t times) {
      return register_module(name, ConvNorm(times * c, times * c, 3));
    };
    conv_upsample1 = conv("conv_upsample1", 1);
    conv_upsample2 = conv("conv_upsample2", 1);
    conv_upsample3 = conv("conv_upsample3", 1);
    conv_upsample4 = conv("conv_upsample4", 1);
    conv_upsample5 = conv("conv_upsample5", 2);
    conv_concat2 = conv("conv_concat2", 2);
    conv_concat3 = conv("conv_concat3", 3);
    conv4 = conv("conv4", 3);
    conv5 = register_module("conv5", Conv2d(Conv2dOptions(3 * c, classes, 1)));
  }
  torch::Tensor forward(const torch::Tensor& coarse, const torch::Tensor& middle,
                        const torch::Tensor& fine) {
    const auto up = doubled(coarse);
    auto at_middle = conv_upsample1(up) * middle;
    auto at_fine = conv_upsample2(doubled(up)) * conv_upsample3(doubled(middle)) * fine;
    at_middle = conv_concat2(torch::cat({at_middle, conv_upsample4(up)}, 1));  // [N,2c,2H,2W]
    at_fine = torch::cat({at_fine, conv_upsample5(doubled(at_middle))}, 1);    // [N,3c,4H,4W]
    return conv5(conv4(conv_concat3(at_fine)));
  }

 private:
  ConvNorm conv_upsample1{nullptr}, conv_upsample2{nullptr}, conv_upsample3{nullptr},
      conv_upsample4{nullptr}, conv_upsample5{nullptr}, conv_concat2{nullptr},
      conv_concat3{nullptr}, conv4{nullptr};
  Conv2d conv5{nullptr};
};
TORCH_MODULE(PartialDecoder);

}  // namespace

InfNetImpl::Chain InfNetImpl::chain(const std::string& name, const std::vector<Step>& steps) {
  Chain all;
  for (const auto& step : steps) {
    const auto number = std::to_string(all.size() + 1);
    all.push_back(register_module(name + number, ConvNorm(step.in, step.out, step.kernel).ptr()));
  }
  return all;
}

InfNetImpl::InfNetImpl(const InfNetOptions& options) : options_(options) {
  resnet = register_module("resnet", make_encoder(options.encoder, options.in_channels));
  const auto all = resnet->channels();
  if (all.size() < 4) {
    fail(ErrorKind::recipe,
         "the encoder has " + std::to_string(all.size()) + " maps, expected four or more");
  }
  const std::vector<int64_t> w(all.end() - 4, all.end());
  const int64_t c = options.channels, k = options.out_channels;
  rfb2 = register_module("rfb2_1", ReceptiveField(w[1], c).ptr());
  rfb3 = register_module("rfb3_1", ReceptiveField(w[2], c).ptr());
  rfb4 = register_module("rfb4_1", ReceptiveField(w[3], c).ptr());
  partial_decoder = register_module("ParDec", PartialDecoder(c, k).ptr());
  edge_ =
      chain("edge_conv", {{w[0], kEdge, 1}, {kEdge, kEdge, 3}, {kEdge, kEdge, 3}, {kEdge, 1, 3}});
  ra4_ = chain("ra4_conv",
               {{w[3], 256, 1}, {256 + kEdge, 256, 5}, {256, 256, 5}, {256, 256, 5}, {256, k, 1}});
  ra3_ = chain("ra3_conv", {{w[2], 64, 1}, {64 + kEdge, 64, 3}, {64, 64, 3}, {64, k, 3}});
  ra2_ = chain("ra2_conv", {{w[1], 64, 1}, {64 + kEdge, 64, 3}, {64, 64, 3}, {64, k, 3}});
  for (auto& child : named_children()) {
    if (child.key() != "resnet") start_he_normal(*child.value());
  }
}

Features InfNetImpl::encode(torch::Tensor image) {
  auto f = resnet->forward(scaled_input(image, options_.encoder.input_scale));
  f.maps.erase(f.maps.begin(), f.maps.end() - 4);
  for (size_t i = 0; i < 4; ++i) {
    f.maps[i] = watched("enc" + std::to_string(i + 2), f.maps[i]);
  }
  return f;
}

torch::Tensor InfNetImpl::corrected(const Chain& branch, const torch::Tensor& map,
                                    const torch::Tensor& coarse, const torch::Tensor& edge) {
  const auto before = resized(coarse, map);
  const auto outside = 1 - probabilities(before).sum(1, true);  // [N,1,h,w]
  auto x = branch.front()->as<ConvNorm>()->forward(outside * map);
  x = torch::cat({x, resized(edge, map)}, 1);
  for (size_t i = 1; i + 1 < branch.size(); ++i) {
    x = torch::relu(branch[i]->as<ConvNorm>()->forward(x));
  }
  return branch.back()->as<ConvNorm>()->forward(x) + before;
}

Prediction InfNetImpl::decode(const Features& f) {
  const auto& low = f.maps[0];
  const auto field2 = watched("rfb2", rfb2->as<ReceptiveField>()->forward(f.maps[1]));
  const auto field3 = watched("rfb3", rfb3->as<ReceptiveField>()->forward(f.maps[2]));
  const auto field4 = watched("rfb4", rfb4->as<ReceptiveField>()->forward(f.maps[3]));

  torch::Tensor edge = low;
  for (size_t i = 0; i < 3; ++i) edge = edge_[i]->as<ConvNorm>()->forward(edge);
  edge = watched("edge", edge);  // [N,64,H/4,W/4]
  const auto contour = edge_[3]->as<ConvNorm>()->forward(edge);

  const auto global =
      watched("global", partial_decoder->as<PartialDecoder>()->forward(field4, field3, field2));
  const auto at32 = watched("ra4", corrected(ra4_, f.maps[3], global, edge));
  const auto at16 = watched("ra3", corrected(ra3_, f.maps[2], at32, edge));
  const auto at8 = watched("ra2", corrected(ra2_, f.maps[1], at16, edge));

  const int64_t finest = *(resnet->strides().end() - 4);
  const std::array<int64_t, 2> size = {finest * low.size(2), finest * low.size(3)};
  const auto at_full_size = [&](const torch::Tensor& x) {
    return torch::upsample_bilinear2d(x, size, false);
  };
  return {at_full_size(at8),
          {at_full_size(global), at_full_size(at32), at_full_size(at16), at_full_size(contour)}};
}

std::vector<std::string> InfNetImpl::layer_names() const {
  return {"enc2", "enc3", "enc4",   "enc5", "rfb2", "rfb3",
          "rfb4", "edge", "global", "ra4",  "ra3",  "ra2"};
}

}  // namespace groundglass
