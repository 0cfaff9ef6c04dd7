#pragma once

#include "groundglass/core/field.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

struct LungFcnOptions {
  int64_t slices = 5;
  double mean = 0.39;
  int64_t out_channels = 2;  ///< background, lung
  std::vector<int64_t> widths = {16, 32, 64, 128};

  template <class V>
  void fields(V& v) {
    v.field({"slices", "neighbouring slices that the first convolution was trained for", 1, 64},
            slices);
    v.field({"mean", "taken from the image, in [0,1]", 0, 1}, mean);
    v.field({"out_channels", "1 for a sigmoid, K for a softmax with background", 1, 64},
            out_channels);
    v.field({"widths", "channels of each scale, finest first", 1, 8192}, widths);
  }
};

/// The network that finds the lungs in CT of the BTBDB image analysis portal, in the layout and
/// with the key names of its weights as safetensors: convolutions with ReLU, max pooling four
/// times, doubling four times, no skips. 342,226 parameters.
///
/// https://github.com/gakarak/BTBDB_ImageAnalysisSubPortal, fcnn_ct_lung_segm_2.5d_tf
/// (Keras 1.2.1). Differs: one slice instead of `slices` neighbouring ones. It is shown to all of
/// them, which is the first convolution with its kernels summed. The weights were trained on slices
/// whose rows run to the patient's left and whose columns run forwards; kernels and doubling are
/// turned while the network runs, so that it takes upright slices and keeps its weights as they are
/// in the file. Doubling is TensorFlow's of that time: every second pixel as it was, the others the
/// mean of their neighbours. The training mean is not known; 0.39 was found on three CTs (0.36 to
/// 0.42 works). Keys: conv1 .. conv9, weight and bias.
///
/// encode: [N,1,H,W], HU clamped to [-1400, 400] as [0,1] -> map [N, widths.back(), H/16, W/16].
/// decode: that map -> logits [N,K,H,W].
/// layers: enc1 .. encN, mid, then decN .. dec1.
class LungFcnImpl final : public SegmentationModel {
 public:
  explicit LungFcnImpl(const LungFcnOptions& options = {});
  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override { return int64_t{1} << options_.widths.size(); }
  int64_t in_channels() const override { return 1; }
  int64_t out_channels() const override { return options_.out_channels; }
  std::vector<std::string> layer_names() const override;

 private:
  LungFcnOptions options_;
  std::vector<torch::nn::Conv2d> convolutions_;  // conv1 ..; all but the last are 3x3
};
TORCH_MODULE(LungFcn);

}  // namespace groundglass
