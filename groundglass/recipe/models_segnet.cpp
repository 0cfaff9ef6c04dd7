#include "groundglass/models/attention_encoder_unet.h"
#include "groundglass/models/inf_net.h"
#include "groundglass/models/segnet.h"
#include "groundglass/recipe/model_presets.h"

namespace groundglass {

void add_segnet_models(std::vector<CatalogModel>& all) {
  const std::vector<int64_t> gray = {1, 256, 256};
  const SegNetOptions vgg16, depth5 = segnet_of_depth(5);
  const auto add = [&](const char* name, const char* encoder, const SegNetOptions& options) {
    const bool gated = options.attention == SegNetAttention::gates;
    all.push_back(
        {name, gated ? "A-SegNet" : "SegNet", encoder, "002", gray, preset<SegNet>(options)});
  };
  add("segnet", "vgg16 with batch norm", vgg16);
  add("segnet_depth4", "plain", segnet_of_depth(4));
  add("segnet_depth5", "plain", depth5);
  add("a_segnet", "vgg16 with batch norm", with_gates(vgg16));
  add("a_segnet_depth5", "plain", with_gates(depth5));
  add("a_segnet_add", "vgg16 with batch norm", with_gates(vgg16, SegNetFuse::add));
  all.push_back({"attention_unet_vgg16",
                 "Attention U-Net",
                 "vgg16",
                 "001",
                 {3, 256, 256},
                 preset<AttentionEncoderUNet>(AttentionEncoderUNetOptions{})});
  all.push_back(
      {"unet_vgg16_full",
       "U-Net",
       "vgg16",
       "001",
       {3, 256, 256},
       preset<AttentionEncoderUNet>(AttentionEncoderUNetOptions{.gates = SkipGates::none})});
  all.push_back(
      {"inf_net", "Inf-Net", "res2net50", "001", {3, 352, 352}, preset<InfNet>(InfNetOptions{})});
}

}  // namespace groundglass
