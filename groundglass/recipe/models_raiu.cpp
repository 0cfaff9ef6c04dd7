#include "groundglass/models/chs_net.h"
#include "groundglass/models/raiu_net.h"
#include "groundglass/recipe/model_presets.h"

namespace groundglass {
namespace {

ModelSpec stage(const char* part, RAIUNetOptions options) {
  return {"raiu_net", [options] { return RAIUNet(options).ptr(); }, written_fields(options), part};
}

ModelSpec read_chs_net(RecipeReader& reader) {
  CHSNetOptions options;
  options.fields(reader);
  return {"",
          [options] { return CHSNet(options).ptr(); },
          written_fields(options),
          "",
          {stage("lung", options.lung), stage("infection", options.infection)}};
}

}  // namespace

void add_raiu_models(std::vector<CatalogModel>& all) {
  const auto add = [&all](const char* name, const RAIUNetOptions& options,
                          const char* encoder = "inception") {
    all.push_back({name, "RAIU-Net", encoder, "001", {1, 256, 256}, preset<RAIUNet>(options)});
  };
  add("raiu_net", RAIUNetOptions{});
  add("raiu_net_16", raiu_net_16_options());
  add("raiu_net_64_third", raiu_net_64_third_options());
  add("raiu_net_x1_5", raiu_net_x1_5_options());
  add("raiu_net_bu", raiu_net_bu_options(), "plain");
  add("raiu_net_rib", raiu_net_rib_options());
  add("raiu_net_rib_hp", raiu_net_rib_hp_options());
  all.push_back({"chs_net", "CHS-Net", "inception", "001", {1, 256, 256}, read_chs_net});
}

}  // namespace groundglass
