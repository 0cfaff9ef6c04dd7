#pragma once

#include <functional>
#include <string>
#include <vector>

#include "groundglass/models/nn.h"

namespace groundglass {

/// What an encoder hands to its decoder, finest map first.
struct Features {
  std::vector<torch::Tensor> maps;     ///< map i is [N, C_i, H / s_i, W / s_i]
  std::vector<torch::Tensor> indices;  ///< places of pooled maxima, for networks that unpool
  std::vector<torch::Tensor> coarse;   ///< what nested decoders widen, if not the maps themselves
};

/// What a network says about a batch.
struct Prediction {
  torch::Tensor logits;             ///< [N,K,H,W]; K = 1 sigmoid, K >= 2 softmax with background 0
  std::vector<torch::Tensor> side;  ///< further logits of deeply supervised networks
};

/// Sees the output of a named layer and returns what the network goes on with (usually the same).
using LayerWatcher = std::function<torch::Tensor(const std::string& layer, torch::Tensor output)>;

/// What every segmentation network promises: an image [N,C,H,W] whose height and width are
/// multiples of `stride()` gives logits of the same height and width.
class SegmentationModel : public torch::nn::Module {
 public:
  /// encode, then decode. A network of three channels shows a gray image to each of them. Throws
  /// Error(usage) naming the size found and a size that would work.
  Prediction forward(const torch::Tensor& image);

  virtual Features encode(torch::Tensor image) = 0;
  virtual Prediction decode(const Features& features) = 0;

  virtual int64_t stride() const = 0;
  virtual int64_t in_channels() const = 0;
  virtual int64_t out_channels() const = 0;

  /// How many of the side outputs, counted from the first, answer what the logits answer, so that
  /// the same masks can train them. They may be there while training alone.
  virtual int64_t supervised_sides() const { return 0; }

  /// Layers that can be watched, in the order in which they run.
  virtual std::vector<std::string> layer_names() const = 0;

  /// Shows each named layer's output to `watcher` from now on; an empty one ends it. C++ modules
  /// have no hooks, and explanation needs the maps between the blocks.
  void watch_layers(LayerWatcher watcher) { watcher_ = std::move(watcher); }

 protected:
  /// A network passes each named layer's output through here.
  torch::Tensor watched(const std::string& layer, torch::Tensor output) const {
    return watcher_ ? watcher_(layer, std::move(output)) : output;
  }

 private:
  LayerWatcher watcher_;
};

/// The widths of a network's scales as they are. Throws Error(recipe) if there are none.
const std::vector<int64_t>& checked_widths(const std::vector<int64_t>& widths);

using ModelPtr = std::shared_ptr<SegmentationModel>;

/// Keras' way of counting: batch norm's moving statistics are non-trainable parameters.
struct ParameterCount {
  int64_t trainable = 0;
  int64_t non_trainable = 0;  ///< frozen weights and moving statistics
  int64_t total() const { return trainable + non_trainable; }
};

ParameterCount count_parameters(const torch::nn::Module& module);

/// Multiply-accumulates of all convolutions for one image [1,C,H,W], in units of 1e9. The network
/// is traced, so this works for any of them; normalisation and pointwise steps do not count. Large
/// images are worked out from two small ones: the maps of a network are as large as the image
/// demands, in proportion to its area, or of a fixed size.
double count_gmacs(SegmentationModel& model, int64_t height, int64_t width);

}  // namespace groundglass
