#include "groundglass/models/encoders/densenet121.h"
#include "groundglass/models/encoders/encoder.h"
#include "groundglass/models/encoders/inception_v3.h"
#include "groundglass/models/encoders/mobilenet_v2.h"
#include "groundglass/models/encoders/res2net50.h"
#include "groundglass/models/encoders/resnet.h"
#include "groundglass/models/encoders/resnet_preact.h"
#include "groundglass/models/encoders/vgg16.h"

namespace groundglass {
namespace {

EncoderPtr fresh_encoder(EncoderKind kind, int64_t in_channels) {
  switch (kind) {
    case EncoderKind::densenet121:
    case EncoderKind::chexnet:
      break;
    case EncoderKind::inception_v3:
      return InceptionV3(InceptionV3Options{.in_channels = in_channels}).ptr();
    case EncoderKind::resnet34_preact:
      return ResNetPreact(ResNetPreactOptions{.depth = 34, .in_channels = in_channels}).ptr();
    case EncoderKind::resnet50_preact:
      return ResNetPreact(ResNetPreactOptions{.depth = 50, .in_channels = in_channels}).ptr();
    case EncoderKind::resnet18:
      return ResNet(ResNetOptions{.depth = 18, .in_channels = in_channels}).ptr();
    case EncoderKind::resnet34:
      return ResNet(ResNetOptions{.depth = 34, .in_channels = in_channels}).ptr();
    case EncoderKind::resnet50:
      return ResNet(ResNetOptions{.depth = 50, .in_channels = in_channels}).ptr();
    case EncoderKind::vgg16:
      return VGG16(VGG16Options{.in_channels = in_channels}).ptr();
    case EncoderKind::res2net50:
      return Res2Net50(Res2Net50Options{.in_channels = in_channels}).ptr();
    case EncoderKind::mobilenet_v2:
      return MobileNetV2(MobileNetV2Options{.in_channels = in_channels}).ptr();
    case EncoderKind::mobilenet_v2_symmetric:
      return MobileNetV2(MobileNetV2Options{.in_channels = in_channels,
                                            .padding = MobileNetPadding::symmetric})
          .ptr();
  }
  return DenseNet121(DenseNet121Options{.in_channels = in_channels}).ptr();
}

}  // namespace

EncoderPtr make_encoder(const EncoderOptions& options, int64_t in_channels) {
  scaled_input(torch::zeros({1, in_channels, 1, 1}), options.input_scale);  // refuses what misfits
  auto encoder = fresh_encoder(options.encoder, in_channels);
  switch (options.freeze_encoder) {
    case Freeze::none:
      break;
    case Freeze::convolutions:
      freeze_convolutions(*encoder);
      break;
  }
  return encoder;
}

}  // namespace groundglass
