#include "groundglass/models/linknet.h"
#include "groundglass/models/lung_fcn.h"
#include "groundglass/models/r231_unet.h"
#include "groundglass/recipe/model_presets.h"

namespace groundglass {

void add_linknet_models(std::vector<CatalogModel>& all) {
  const auto linknet = [&](const char* name, const char* encoder, LinkNetLayout layout) {
    all.push_back(
        {name, "LinkNet", encoder, "003", {3, 512, 512}, preset<LinkNet>(linknet_options(layout))});
  };
  linknet("linknet", "pre-activation ResNet-34", LinkNetLayout::qubvel);
  linknet("linknet_transpose", "pre-activation ResNet-34", LinkNetLayout::qubvel_transpose);
  linknet("linknet_chaurasia", "ResNet-34", LinkNetLayout::chaurasia);
  linknet("linknet_smp", "ResNet-34", LinkNetLayout::smp);
  all.push_back({"r231_unet",
                 "U-Net (R231 layout)",
                 "plain",
                 "003",
                 {1, 256, 256},
                 preset<R231UNet>(R231UNetOptions{})});
  all.push_back({"lung_fcn",
                 "FCN (BTBDB's lungs)",
                 "plain",
                 "",
                 {1, 256, 256},
                 preset<LungFcn>(LungFcnOptions{})});
}

}  // namespace groundglass
