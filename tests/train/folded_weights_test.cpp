// Files of encoders whose batch norm is multiplied into the convolutions, made up in the layout of
// real ones.
#include "groundglass/train/folded_weights.h"

#include "groundglass/core/files.h"
#include "groundglass/models/encoder_unet.h"
#include "groundglass/models/encoders/densenet121.h"
#include "groundglass/models/encoders/mobilenet_v2.h"
#include "groundglass/models/encoders/resnet.h"
#include "groundglass/runs/starting_weights.h"
#include "groundglass/train/norm_statistics.h"
#include "tests/complaint.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

/// A network whose batch norms have learned something; the same one each time.
template <class Net, class... Options>
Net lived_in(const Options&... options) {
  torch::manual_seed(5);
  Net network(options...);
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : named_weights(*network)) {
    if (tensor.dim() != 1) continue;
    if (name.ends_with("running_var") || name.ends_with("weight")) tensor.uniform_(0.5, 1.5);
    if (name.ends_with("running_mean") || name.ends_with("bias")) tensor.uniform_(-0.3, 0.3);
  }
  network->eval();
  return network;
}

/// What a converter makes of that network: each convolution times its batch norm, in half
/// precision, worked out by hand here from the names.
Tensors folded_file(const torch::nn::Module& network) {
  const auto all = named_weights(network);
  Tensors file;
  for (const auto& [name, kernel] : all) {
    if (kernel.dim() != 4) continue;
    const std::string conv = name.substr(0, name.size() - std::string(".weight").size());
    std::string norm = conv;
    const size_t at = norm.rfind("conv");
    if (at != std::string::npos && at + 5 == norm.size()) {
      norm.replace(at, 4, "bn");
    } else {
      norm.back() = static_cast<char>(norm.back() + 1);
    }
    const double eps = all.count("features.0.0.weight") > 0 ? 1e-3 : 1e-5;
    const auto scale = all.at(norm + ".weight") / (all.at(norm + ".running_var") + eps).sqrt();
    file[name] = (kernel * scale.view({-1, 1, 1, 1})).to(torch::kFloat16);
    file[conv + ".bias"] =
        (all.at(norm + ".bias") - all.at(norm + ".running_mean") * scale).to(torch::kFloat16);
  }
  return file;
}

/// A ResNet-18's file as the real one is: layer4 has lost its 3x3 kernels, and a classifier is
/// there.
Tensors resnet18_file() {
  static const Tensors whole = folded_file(*lived_in<ResNet>(ResNetOptions{.depth = 18}));
  Tensors file = whole;
  for (const char* kernel : {"0.conv1", "0.conv2", "1.conv1", "1.conv2"}) {
    file.erase("layer4." + std::string(kernel) + ".weight");
  }
  file["fc.weight"] = torch::zeros({10, 512}, torch::kFloat16);
  file["fc.bias"] = torch::zeros({10}, torch::kFloat16);
  return file;
}

double furthest(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

EncoderUNet small_unet(EncoderKind kind) {
  torch::manual_seed(8);
  return EncoderUNet(EncoderUNetOptions{.encoder = {.encoder = kind}, .widths = {8, 8, 8, 8, 8}});
}

class FoldedWeights : public testing::Test {
 protected:
  std::filesystem::path write(const Tensors& tensors) {
    write_safetensors(folder_ / "folded.safetensors", {tensors, {{"padding", "as the file says"}}});
    return folder_ / "folded.safetensors";
  }
  std::string refused(torch::nn::Module& network, const Tensors& tensors) {
    return complaint(ErrorKind::checkpoint, [&] { import_weights(network, write(tensors)); });
  }
  ScratchFolder folder_;
};

TEST_F(FoldedWeights, OfAMobileNetAnswerAsTheNetworkTheyWereMadeOf) {
  auto source = lived_in<MobileNetV2>();
  auto network = small_unet(EncoderKind::mobilenet_v2);
  const auto report = import_weights(*network, write(folded_file(*source)));
  EXPECT_EQ(report.layout, WeightsLayout::folded);
  EXPECT_EQ(report.unfolded.size(), 52U);
  EXPECT_EQ(report.taken, 52 * 5);
  EXPECT_EQ(report.absent, "");
  EXPECT_TRUE(report.left_out.empty());
  EXPECT_EQ(report.text().rfind("folded weights, 260 taken; not in the file: decoder.", 0), 0U)
      << report.text();
  network->eval();
  const torch::NoGradGuard no_grad;
  const auto x = torch::rand({2, 3, 64, 64});
  const auto found = network->encode(x).maps, wanted = source->forward(x).maps;
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_LT(furthest(found[i], wanted[i]), 1e-2) << "map " << i;  // 52 layers of half precision
  }
}

TEST_F(FoldedWeights, OfAResNet18LeaveLayer4AtItsStartAndSayIt) {
  auto source = lived_in<ResNet>(ResNetOptions{.depth = 18});
  auto network = small_unet(EncoderKind::resnet18);
  const auto before = named_weights(*small_unet(EncoderKind::resnet18));
  const auto report = import_weights(*network, write(resnet18_file()));
  EXPECT_EQ(report.absent, "encoder.layer4");
  EXPECT_TRUE(says(report.text(),
                   {"folded weights, 75 taken; encoder.layer4 starts at random, as the file lacks "
                    "its kernels; left out: ",
                    "fc.bias", "not in the file: decoder."}));
  EXPECT_EQ(report.left_out.size(), 2U + 6U);  // fc, four biases, the shortcut and its bias
  EXPECT_EQ(report.unfolded.size(), 15U);
  for (const auto& [name, tensor] : named_weights(*network)) {
    const bool of_layer4 = name.find("layer4.") != std::string::npos;
    if (of_layer4 || name.find("decoder.") != std::string::npos) {
      EXPECT_TRUE(torch::equal(tensor, before.at(name))) << name;
    }
    if (of_layer4 && tensor.dim() > 0) {
      EXPECT_EQ(std::count(report.fresh.begin(), report.fresh.end(), name), 1) << name;
    }
  }
  network->eval();
  const torch::NoGradGuard no_grad;
  const auto x = torch::rand({2, 3, 64, 64});
  const auto found = network->encode(x).maps, wanted = source->forward(x).maps;
  for (size_t i = 0; i < 4; ++i) EXPECT_LT(furthest(found[i], wanted[i]), 5e-3) << "map " << i;
}

TEST_F(FoldedWeights, MayLackNothingButTheWholeOfLayer4) {
  const std::string lacks = "encoder.layer4.0.conv1.weight, encoder.layer4.0.conv2.weight";
  auto network = small_unet(EncoderKind::resnet18);
  const auto start = named_weights(*network).at("encoder.conv1.weight").clone();
  auto file = resnet18_file();
  file.erase("layer3.1.conv2.weight");
  EXPECT_TRUE(says(refused(*network, file), {"(folded) do not fit", "missing: encoder.layer3.1."}));
  file = resnet18_file();
  file.erase("layer2.0.conv1.bias");
  EXPECT_TRUE(says(refused(*network, file), {"missing: encoder.layer2.0.bn1."}));
  file = resnet18_file();
  file["layer4.1.conv2.weight"] = torch::zeros({512, 512, 3, 3});
  EXPECT_TRUE(says(refused(*network, file), {"missing: " + lacks}));
  file = resnet18_file();
  file["layer5.weight"] = torch::zeros({3});
  EXPECT_TRUE(says(refused(*network, file), {"unexpected: encoder.layer5.weight"}));
  EXPECT_TRUE(torch::equal(named_weights(*network).at("encoder.conv1.weight"), start));
  auto deeper = small_unet(EncoderKind::resnet34);
  EXPECT_TRUE(says(refused(*deeper, resnet18_file()), {"missing: encoder.layer1.2."}));
  auto dense = small_unet(EncoderKind::densenet121);
  EXPECT_TRUE(says(refused(*dense, resnet18_file()), {"(folded) do not fit", "missing:"}));
}

TEST_F(FoldedWeights, ShowOneChannelWhatThreeGrayOnesShow) {
  ResNet gray(ResNetOptions{.depth = 18, .in_channels = 1}), color(ResNetOptions{.depth = 18});
  const auto path = write(resnet18_file());
  EXPECT_TRUE(says(import_weights(*gray, path).text(), {"conv1.weight (one channel from three)"}));
  import_weights(*color, path);
  gray->eval(), color->eval();
  const torch::NoGradGuard no_grad;
  const auto image = torch::rand({1, 1, 64, 64});
  const auto wanted = color->forward(image.expand({1, 3, 64, 64})).maps;
  EXPECT_LT(furthest(gray->forward(image).maps[3], wanted[3]), 1e-4);
}

/// Rows 0 to 19 to train on, none held back.
Split all_rows(const PreparedSet& set) {
  Split split;
  for (int64_t row = 0; row < set.size(); ++row) split.train.push_back({row, 0});
  return split;
}

class Lines final : public Observer {
 public:
  void on(const Warning& w) override { warnings += w.message; }
  void on(const Note& n) override { notes += n.message; }
  std::string warnings, notes;
};

// In evaluation mode nothing changes; in training mode, on the images that it was settled on, the
// network answers as in evaluation mode, and without settling it does not.
TEST_F(FoldedWeights, AreSettledOnTrainingImagesBeforeATraining) {
  const auto set = made_up_set(folder_, {.domains = 1, .patients = 4, .slices = 5, .side = 64});
  const auto split = all_rows(set);
  const auto path = write(folded_file(*lived_in<MobileNetV2>()));
  MobileNetV2 unsettled, settled;
  import_weights(*unsettled, path);
  const ImportOptions file{.weights = path.string()};
  TrainOptions training;
  training.batch_size = 7;  // does not divide the 20 images
  Lines lines;
  const Network run = [&](const torch::Tensor& x) {
    return settled->forward(x.expand({-1, 3, -1, -1})).maps.back();
  };
  start_with_weights({*settled, run, file, training, Normalise::unit, &set, split}, lines);
  EXPECT_TRUE(says(lines.warnings, {"folded.safetensors: folded weights, 260 taken"}));
  EXPECT_TRUE(says(lines.notes, {"52 batch norms that the file has folded", "20 training images"}));

  LoaderOptions in_one;
  in_one.batch_size = 20;
  Loader loader(set, split.train, in_one);
  const auto x = loader.next()->image.expand({-1, 3, -1, -1});
  const torch::NoGradGuard no_grad;
  unsettled->eval(), settled->eval();
  const auto before = unsettled->forward(x).maps, after = settled->forward(x).maps;
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_LT(furthest(after[i], before[i]), 1e-3) << "map " << i;
  }
  const auto start = named_weights(*settled);
  EXPECT_GT((start.at("features.3.conv.0.1.running_var") - 1).abs().max().item<double>(), 0.05);
  unsettled->train(), settled->train();
  const auto trained = settled->forward(x).maps, adrift = unsettled->forward(x).maps;
  for (const size_t i : {0, 1, 2, 3}) {
    EXPECT_LT(furthest(trained[i], after[i]), 2e-2) << "map " << i;
    EXPECT_GT(furthest(adrift[i], after[i]), 0.1) << "map " << i;
  }
}

TEST_F(FoldedWeights, CannotBeSettledOnNothing) {
  const auto set = made_up_set(folder_, {.domains = 1, .patients = 2, .slices = 1});
  ResNet network(ResNetOptions{.depth = 18});
  const Network run = [&](const torch::Tensor& x) { return network->forward(x).maps[0]; };
  EXPECT_EQ(complaint(ErrorKind::data, [&] { settle_norms(*network, {"bn1"}, run, set, {}, {}); }),
            "batch norm cannot be settled on no slice");
  EXPECT_EQ(complaint(ErrorKind::internal,
                      [&] {
                        settle_norms(*network, {"bn9"}, run, set, {{0, 0}}, {});
                      }),
            "the network has no batch norm bn9");
}

}  // namespace
}  // namespace groundglass
