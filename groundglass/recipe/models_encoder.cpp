#include <optional>

#include "groundglass/models/encoder_unet.h"
#include "groundglass/models/nested_unet.h"
#include "groundglass/models/unet.h"
#include "groundglass/recipe/model_presets.h"

namespace groundglass {
namespace {

using MaybeEncoder = std::optional<EncoderKind>;

/// Collects the words for encoders as EncoderOptions lists them.
struct EncoderWords {
  Words<MaybeEncoder> words = {{"plain", std::nullopt}};

  template <class Enum>
  void choice(const Field&, Enum&, const Words<std::type_identity_t<Enum>>& known) {
    if constexpr (std::is_same_v<Enum, EncoderKind>) {
      for (const auto& [word, kind] : known) words.emplace_back(word, kind);
    }
  }
};

EncoderUNetOptions unet_on(EncoderKind kind) {
  EncoderUNetOptions options;
  options.encoder.encoder = kind;
  return options;
}

NestedUNetOptions nested_on(EncoderKind kind, Nesting nesting) {
  NestedUNetOptions options;
  options.encoder.encoder = kind;
  options.nesting = nesting;
  return options;
}

}  // namespace

ModelSpec read_unet(RecipeReader& reader) {
  EncoderWords known;
  EncoderOptions{}.fields(known);
  MaybeEncoder encoder;
  reader.choice({"encoder", "plain, or the halving half"}, encoder, known.words);
  return encoder ? preset<EncoderUNet>(unet_on(*encoder))(reader)
                 : preset<UNet>(UNetOptions{})(reader);
}

void add_encoder_models(std::vector<CatalogModel>& all) {
  struct Layout {
    std::string name, title;
    EncoderKind kind;
  };
  const std::vector<int64_t> input = {3, 224, 224};
  const std::vector<Layout> paper = {
      {"chexnet", "CheXNet", EncoderKind::chexnet},
      {"densenet121", "DenseNet-121", EncoderKind::densenet121},
      {"inception_v3", "Inception-v3", EncoderKind::inception_v3},
      {"resnet50_preact", "ResNet-50, pre-activation", EncoderKind::resnet50_preact}};
  for (const auto& [name, title, kind] : paper) {
    all.push_back(
        {"unet_" + name, "U-Net", title, "004", input, preset<EncoderUNet>(unet_on(kind))});
  }
  const auto nested = [](EncoderKind kind, Nesting nesting) {
    return preset<NestedUNet>(nested_on(kind, nesting));
  };
  for (const auto& [name, title, kind] : paper) {
    all.push_back({"unet_plus_plus_" + name, "UNet++", title, "004", input,
                   nested(kind, Nesting::unet_plus_plus)});
  }
  for (const auto& [name, title, kind] : paper) {
    all.push_back({"dla_" + name, "DLA", title, "004", input, nested(kind, Nesting::dla)});
  }

  const auto dense = EncoderKind::densenet121;
  all.push_back({"unet_plus_plus", "UNet++", "any (DenseNet-121)", "", input,
                 nested(dense, Nesting::unet_plus_plus)});
  all.push_back({"dla", "DLA", "any (DenseNet-121)", "", input, nested(dense, Nesting::dla)});
  all.push_back({"unet_resnet34", "U-Net", "ResNet-34", "", input,
                 preset<EncoderUNet>(unet_on(EncoderKind::resnet34))});
  all.push_back({"unet_resnet50", "U-Net", "ResNet-50", "", input,
                 preset<EncoderUNet>(unet_on(EncoderKind::resnet50))});

  all.push_back({"unet_resnet18", "U-Net", "ResNet-18", "", input,
                 preset<EncoderUNet>(unet_on(EncoderKind::resnet18))});
  auto mobile = unet_on(EncoderKind::mobilenet_v2);
  mobile.encoder.input_scale = InputScale::symmetric;
  all.push_back(
      {"unet_mobilenet_v2", "U-Net", "MobileNetV2", "", input, preset<EncoderUNet>(mobile)});

  const std::vector<int64_t> ct = {3, 256, 256};
  all.push_back({"unet_vgg16", "U-Net", "VGG-16", "001", ct,
                 preset<EncoderUNet>(unet_on(EncoderKind::vgg16))});
  auto transpose = nested_on(EncoderKind::resnet50_preact, Nesting::unet_plus_plus);
  transpose.block = BlockKind::transpose;
  all.push_back({"unet_plus_plus_resnet50_transpose", "UNet++", "ResNet-50, pre-activation", "001",
                 ct, preset<NestedUNet>(transpose)});
}

}  // namespace groundglass
