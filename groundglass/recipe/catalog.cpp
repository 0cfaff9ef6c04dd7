#include "groundglass/recipe/catalog.h"

#include <toml++/toml.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/losses/cross_entropy_loss.h"
#include "groundglass/losses/dice_loss.h"
#include "groundglass/losses/entropy_loss.h"
#include "groundglass/losses/focal_loss.h"
#include "groundglass/losses/focal_tversky_loss.h"
#include "groundglass/losses/squared_dice_loss.h"
#include "groundglass/losses/tversky_loss.h"
#include "groundglass/models/attention_unet.h"
#include "groundglass/models/unet.h"
#include "groundglass/recipe/model_presets.h"

namespace groundglass {
namespace {

template <auto function, class Options>
LossSpec read_loss(RecipeReader& reader) {
  Options options;
  options.fields(reader);
  RecipeWriter writer(RecipeWriter::Layout::inline_);
  options.fields(writer);
  return {"",
          [options](const torch::Tensor& logits, const torch::Tensor& target) {
            return function(logits, target, options);
          },
          writer.text()};
}

/// Throws for a name that is not in the list.
template <class Entry>
const Entry& find(const std::vector<Entry>& all, const char* what, const std::string& name) {
  std::vector<std::string> known;
  for (const auto& entry : all) {
    if (entry.name == name) return entry;
    known.push_back(entry.name);
  }
  fail(ErrorKind::recipe,
       std::string("unknown ") + what + " " + in_quotes(name) + did_you_mean(name, known));
}

}  // namespace

const std::vector<CatalogModel>& model_catalog() {
  static const std::vector<CatalogModel> all = [] {
    std::vector<CatalogModel> models = {
        {"attention_unet",
         "Attention U-Net",
         "separable convolutions",
         "000",
         {1, 256, 256},
         preset<AttentionUNet>(AttentionUNetOptions{})},
        {"unet", "U-Net", "plain", "", {1, 256, 256}, read_unet},
    };
    add_raiu_models(models);
    add_segnet_models(models);
    add_linknet_models(models);
    add_encoder_models(models);
    return models;
  }();
  return all;
}

const std::vector<CatalogLoss>& loss_catalog() {
  static const std::vector<CatalogLoss> all = {
      {"dice", "1 - 2TP / (2TP + FP + FN), soft", read_loss<dice_loss, DiceLossOptions>},
      {"tversky", "1 - TP / (TP + a_fn FN + a_fp FP), soft",
       read_loss<tversky_loss, TverskyLossOptions>},
      {"cross_entropy", "mean or sum over pixels",
       read_loss<cross_entropy_loss, CrossEntropyLossOptions>},
      {"squared_dice", "1 - 2TP / (sum p^2 + sum t^2), soft",
       read_loss<squared_dice_loss, SquaredDiceLossOptions>},
      {"focal_tversky", "(1 - Tversky index)^(1/gamma)",
       read_loss<focal_tversky_loss, FocalTverskyLossOptions>},
      {"focal", "cross-entropy that counts easy pixels less",
       read_loss<focal_loss, FocalLossOptions>},
      {"entropy", "mean entropy of pixels without a label",
       read_loss<entropy_loss, EntropyLossOptions>},
  };
  return all;
}

const CatalogModel& catalog_model(const std::string& name) {
  return find(model_catalog(), "model", name);
}

const CatalogLoss& catalog_loss(const std::string& name) {
  return find(loss_catalog(), "loss", name);
}

ModelPtr make_default_model(const std::string& name) {
  const toml::table empty;
  RecipeReader reader(empty, "model");
  return catalog_model(name).read(reader).make();
}

}  // namespace groundglass
