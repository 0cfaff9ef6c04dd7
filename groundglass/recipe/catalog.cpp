#include "groundglass/recipe/catalog.h"

#include <toml++/toml.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/losses/cross_entropy_loss.h"
#include "groundglass/losses/dice_loss.h"
#include "groundglass/losses/tversky_loss.h"
#include "groundglass/models/attention_unet.h"
#include "groundglass/models/unet.h"
#include "groundglass/recipe/recipe_reader.h"
#include "groundglass/recipe/recipe_writer.h"

namespace groundglass {
namespace {

/// Reads a network's options and keeps them for building.
template <class Net, class Options>
ModelSpec read_model(RecipeReader& reader) {
  Options options;
  options.fields(reader);
  return {"", [options] { return Net(options).ptr(); }, written_fields(options)};
}

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

LossSpec read_cross_entropy(RecipeReader&) {
  return {"", cross_entropy_loss, ""};
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
  static const std::vector<CatalogModel> all = {
      {"attention_unet",
       "Attention U-Net",
       "separable convolutions",
       "000",
       {1, 256, 256},
       read_model<AttentionUNet, AttentionUNetOptions>},
      {"unet", "U-Net", "plain", "", {1, 256, 256}, read_model<UNet, UNetOptions>},
  };
  return all;
}

const std::vector<CatalogLoss>& loss_catalog() {
  static const std::vector<CatalogLoss> all = {
      {"dice", "1 - 2TP / (2TP + FP + FN), soft", read_loss<dice_loss, DiceLossOptions>},
      {"tversky", "1 - TP / (TP + a_fn FN + a_fp FP), soft",
       read_loss<tversky_loss, TverskyLossOptions>},
      {"cross_entropy", "mean over pixels", read_cross_entropy},
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
