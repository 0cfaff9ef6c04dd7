#include "groundglass/models/encoders/inception_v3.h"

#include "groundglass/models/blocks/batch_norm_no_scale.h"
#include "groundglass/models/blocks/keras_init.h"
#include "groundglass/models/blocks/tf_same.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;

namespace inception {
enum class Pool { none, average, maximum };
}

namespace {
using inception::Pool;

struct Layer {
  std::string name;
  int64_t out, rows, cols;
  int64_t stride = 1;
};

/// One path through a block: perhaps a pooling, then convolutions one after the other, then perhaps
/// two side by side.
struct Branch {
  Pool pool = Pool::none;
  std::vector<Layer> chain = {};
  std::vector<Layer> fork = {};
};

/// Fig. 5: mixed0 to mixed2.
std::vector<Branch> block_a(int64_t pooled) {
  return {{.chain = {{"branch1x1", 64, 1, 1}}},
          {.chain = {{"branch5x5_1", 48, 1, 1}, {"branch5x5_2", 64, 5, 5}}},
          {.chain = {{"branch3x3dbl_1", 64, 1, 1},
                     {"branch3x3dbl_2", 96, 3, 3},
                     {"branch3x3dbl_3", 96, 3, 3}}},
          {.pool = Pool::average, .chain = {{"branch_pool", pooled, 1, 1}}}};
}

/// Fig. 10: mixed3, halves the sides.
std::vector<Branch> block_b() {
  return {{.chain = {{"branch3x3", 384, 3, 3, 2}}},
          {.chain = {{"branch3x3dbl_1", 64, 1, 1},
                     {"branch3x3dbl_2", 96, 3, 3},
                     {"branch3x3dbl_3", 96, 3, 3, 2}}},
          {.pool = Pool::maximum}};
}

/// Fig. 6: mixed4 to mixed7.
std::vector<Branch> block_c(int64_t width) {
  return {{.chain = {{"branch1x1", 192, 1, 1}}},
          {.chain = {{"branch7x7_1", width, 1, 1},
                     {"branch7x7_2", width, 1, 7},
                     {"branch7x7_3", 192, 7, 1}}},
          {.chain = {{"branch7x7dbl_1", width, 1, 1},
                     {"branch7x7dbl_2", width, 7, 1},
                     {"branch7x7dbl_3", width, 1, 7},
                     {"branch7x7dbl_4", width, 7, 1},
                     {"branch7x7dbl_5", 192, 1, 7}}},
          {.pool = Pool::average, .chain = {{"branch_pool", 192, 1, 1}}}};
}

/// mixed8, halves the sides.
std::vector<Branch> block_d() {
  return {{.chain = {{"branch3x3_1", 192, 1, 1}, {"branch3x3_2", 320, 3, 3, 2}}},
          {.chain = {{"branch7x7x3_1", 192, 1, 1},
                     {"branch7x7x3_2", 192, 1, 7},
                     {"branch7x7x3_3", 192, 7, 1},
                     {"branch7x7x3_4", 192, 3, 3, 2}}},
          {.pool = Pool::maximum}};
}

/// Fig. 7: mixed9 and mixed10.
std::vector<Branch> block_e() {
  return {{.chain = {{"branch1x1", 320, 1, 1}}},
          {.chain = {{"branch3x3_1", 384, 1, 1}},
           .fork = {{"branch3x3_2a", 384, 1, 3}, {"branch3x3_2b", 384, 3, 1}}},
          {.chain = {{"branch3x3dbl_1", 448, 1, 1}, {"branch3x3dbl_2", 384, 3, 3}},
           .fork = {{"branch3x3dbl_3a", 384, 1, 3}, {"branch3x3dbl_3b", 384, 3, 1}}},
          {.pool = Pool::average, .chain = {{"branch_pool", 192, 1, 1}}}};
}

torch::Tensor pooled(const torch::Tensor& x, Pool pool) {
  switch (pool) {
    case Pool::none:
      return x;
    case Pool::average:
      return torch::avg_pool2d(x, 3, 1, 1, /*ceil_mode=*/false, /*count_include_pad=*/false);
    case Pool::maximum:
      break;
  }
  // On even sides, windows that reach over the right and lower edge are TensorFlow's "same".
  return torch::max_pool2d(x, 3, 2, 0, 1, /*ceil_mode=*/true);
}

}  // namespace

/// Convolution with padding "same", batch norm without scale, ReLU.
class InceptionV3Impl::Conv final : public torch::nn::Module {
 public:
  Conv(int64_t in, const Layer& layer) : kernel_(layer.rows), stride_(layer.stride) {
    Conv2dOptions options(in, layer.out, {layer.rows, layer.cols});
    if (stride_ == 1) options.padding({layer.rows / 2, layer.cols / 2});
    conv = register_module("conv", Conv2d(options.stride(stride_).bias(false)));
    bn = register_module("bn", BatchNormNoScale(layer.out, 1e-3, 0.01));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return bn(conv(stride_ == 1 ? x : pad_tf_same(x, kernel_, stride_))).relu_();
  }

 private:
  Conv2d conv{nullptr};
  BatchNormNoScale bn{nullptr};
  int64_t kernel_, stride_;
};

/// Branches side by side. [N,in,H,W] -> [N,out,H,W], or half the sides.
class InceptionV3Impl::Mixed final : public torch::nn::Module {
 public:
  Mixed(int64_t in, const std::vector<Branch>& branches) {
    const auto add = [this](int64_t channels, const Layer& layer) {
      return register_module(layer.name, std::make_shared<Conv>(channels, layer));
    };
    for (const auto& branch : branches) {
      Path path{.pool = branch.pool};
      int64_t c = in;
      for (const auto& layer : branch.chain) {
        path.chain.push_back(add(c, layer));
        c = layer.out;
      }
      for (const auto& layer : branch.fork) path.fork.push_back(add(c, layer));
      out_channels_ += path.fork.empty() ? c : branch.fork[0].out + branch.fork[1].out;
      paths_.push_back(std::move(path));
    }
  }
  torch::Tensor forward(const torch::Tensor& x) {
    std::vector<torch::Tensor> parts;
    for (const auto& path : paths_) {
      auto y = pooled(x, path.pool);
      for (const auto& conv : path.chain) y = conv->forward(y);
      for (const auto& conv : path.fork) parts.push_back(conv->forward(y));
      if (path.fork.empty()) parts.push_back(y);
    }
    return torch::cat(parts, 1);
  }
  int64_t out_channels() const { return out_channels_; }

 private:
  struct Path {
    Pool pool;
    std::vector<std::shared_ptr<Conv>> chain = {}, fork = {};
  };
  std::vector<Path> paths_;
  int64_t out_channels_ = 0;
};

InceptionV3Impl::InceptionV3Impl(const InceptionV3Options& options) : options_(options) {
  const std::vector<Layer> stem = {{"Conv2d_1a_3x3", 32, 3, 3, 2},
                                   {"Conv2d_2a_3x3", 32, 3, 3},
                                   {"Conv2d_2b_3x3", 64, 3, 3},
                                   {"Conv2d_3b_1x1", 80, 1, 1},
                                   {"Conv2d_4a_3x3", 192, 3, 3}};
  int64_t c = options.in_channels;
  for (const auto& layer : stem) {
    stem_.push_back(register_module(layer.name, std::make_shared<Conv>(c, layer)));
    c = layer.out;
  }
  const auto stage = [&](const std::string& name, const std::vector<std::vector<Branch>>& blocks) {
    auto& all = mixed_.emplace_back();
    char letter = name == "Mixed_5" ? 'b' : 'a';  // as torchvision counts
    for (const auto& block : blocks) {
      all.push_back(register_module(name + letter++, std::make_shared<Mixed>(c, block)));
      c = all.back()->out_channels();
    }
  };
  stage("Mixed_5", {block_a(32), block_a(64), block_a(64)});
  stage("Mixed_6", {block_b(), block_c(128), block_c(160), block_c(160), block_c(192)});
  stage("Mixed_7", {block_d(), block_e(), block_e()});
  start_glorot_uniform(*this);
}

InceptionV3Impl::~InceptionV3Impl() = default;

Features InceptionV3Impl::forward(torch::Tensor x) {
  Features f;
  for (size_t i = 0; i < 3; ++i) x = stem_[i]->forward(x);
  f.maps.push_back(x);  // [N,64,H/2,W/2]
  x = pooled(x, Pool::maximum);
  for (size_t i = 3; i < 5; ++i) x = stem_[i]->forward(x);
  f.maps.push_back(x);  // [N,192,H/4,W/4]
  x = pooled(x, Pool::maximum);
  for (const auto& stage : mixed_) {
    for (const auto& block : stage) x = block->forward(x);
    f.maps.push_back(x);  // [N,288,H/8,W/8], [N,768,H/16,W/16], [N,2048,H/32,W/32]
  }
  return f;
}

}  // namespace groundglass
