// The encoders trained on ImageNet that lie beside the repository, where they do, against what
// tools/reference/mobilenet_v2.py makes of the same files: convolutions with biases in float64, and
// no batch norm.
#include <array>
#include <filesystem>

#include <gtest/gtest.h>

#include "groundglass/models/encoders/mobilenet_v2.h"
#include "groundglass/models/encoders/resnet.h"
#include "groundglass/train/import_weights.h"
#include "tests/reference/closed_form.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// What the script says of a map: the mean of its squares, and four values.
struct SaidOfMap {
  double mean_square;
  std::array<int64_t, 4> at;
  std::array<double, 4> value;
};

/// The maps of a network with the weights of a file, of the script's picture [1,3,64,96].
std::vector<torch::Tensor> maps_with(const fs::path& file, Encoder& encoder, InputScale scale) {
  import_weights(encoder, file);
  encoder.eval();
  const torch::NoGradGuard no_grad;
  const auto picture = (0.5 + 0.5 * wave({1, 3, 64, 96}, 0.05)).to(torch::kFloat32);
  return encoder.forward(scaled_input(picture, scale)).maps;
}

void expect_said(const std::vector<torch::Tensor>& maps, const std::vector<SaidOfMap>& said) {
  for (size_t i = 0; i < said.size(); ++i) {
    const auto flat = maps[i].to(torch::kFloat64).flatten();
    const double size = std::sqrt(said[i].mean_square);
    EXPECT_NEAR(flat.square().mean().item<double>(), said[i].mean_square,
                1e-4 * said[i].mean_square)
        << "map " << i;
    for (size_t k = 0; k < 4; ++k) {
      EXPECT_NEAR(flat[said[i].at[k]].item<double>(), said[i].value[k], 2e-4 * size)
          << "map " << i << " value " << k;
    }
  }
}

class PretrainedFiles : public testing::Test {
 protected:
  fs::path file(const char* name) const {
    return fs::path(GROUNDGLASS_SOURCE_DIR) / ".." / "shared" / "data" / "weights" / name;
  }
};

constexpr const char* kMobileNet = "mobilenetv2_1.0_imagenet_keras_bnfolded_f16.safetensors";
constexpr const char* kResNet18 = "resnet18_imagenet1k_v1_bnfolded_stem_layer123_f16.safetensors";

TEST_F(PretrainedFiles, MobileNetV2AnswersAsTheScriptSays) {
  if (!fs::exists(file(kMobileNet))) GTEST_SKIP() << kMobileNet << " is not here";
  const std::vector<SaidOfMap> said = {
      {106.293583, {0, 630, 1260, 1890}, {-3.15840488, -3.99283474, -2.92842945, -1.86591534}},
      {89.3161604, {236, 472, 708, 945}, {7.50689157, -8.15402473, -8.22865242, 3.96013164}},
      {127.864661, {0, 78, 157, 236}, {-3.2456636, -7.92649908, -22.8214227, -12.9074706}},
      {12.2806985, {0, 59, 118, 177}, {1.00910301, 3.37474673, 0.749994827, 1.00166933}},
      {7.18760779, {0, 590, 1181, 1378}, {5.93259489, 2.2144946, 4.77373728, 6}}};
  MobileNetV2 encoder;
  expect_said(maps_with(file(kMobileNet), *encoder, InputScale::symmetric), said);
  // The padding is part of what the weights mean.
  MobileNetV2 symmetric(MobileNetV2Options{.padding = MobileNetPadding::symmetric});
  const auto shifted = maps_with(file(kMobileNet), *symmetric, InputScale::symmetric);
  EXPECT_GT(std::abs(shifted[0].flatten()[0].item<double>() - said[0].value[0]), 0.5);
}

TEST_F(PretrainedFiles, ResNet18AnswersAsTheScriptSaysUpToLayer3) {
  if (!fs::exists(file(kResNet18))) GTEST_SKIP() << kResNet18 << " is not here";
  ResNet encoder(ResNetOptions{.depth = 18});
  const auto maps = maps_with(file(kResNet18), *encoder, InputScale::imagenet);
  expect_said(
      maps,
      {{0.638148681, {0, 2520, 10082, 12602}, {2.03706668, 2.20996555, 0.578659426, 0.347843378}},
       {1.27522801, {0, 630, 1260, 1890}, {1.97645134, 0.246680878, 0.757306043, 0.828748454}},
       {0.169979327, {0, 315, 945, 1260}, {0.594269715, 0.203995375, 1.29416864, 0.5277778}},
       {0.073330066, {0, 315, 630, 1102}, {0.573102767, 0.241097117, 0.154447021, 0.183287735}}});
}

}  // namespace
}  // namespace groundglass
