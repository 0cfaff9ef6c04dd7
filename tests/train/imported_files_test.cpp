// Imports the files that tools/check_imports writes with the real torch.save and h5py, and compares
// every number with what their writer says they are.
#include <cstdlib>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/models/attention_unet.h"
#include "groundglass/models/encoder_unet.h"
#include "groundglass/models/linknet.h"
#include "groundglass/models/nested_unet.h"
#include "groundglass/models/r231_unet.h"
#include "groundglass/train/import_weights.h"

namespace groundglass {
namespace {

const std::map<std::string, EncoderKind> kEncoders = {
    {"densenet121", EncoderKind::densenet121},
    {"inception_v3", EncoderKind::inception_v3},
    {"mobilenet_v2_symmetric", EncoderKind::mobilenet_v2_symmetric},
    {"resnet18", EncoderKind::resnet18},
    {"resnet34", EncoderKind::resnet34},
    {"resnet34_preact", EncoderKind::resnet34_preact},
    {"resnet50", EncoderKind::resnet50},
    {"resnet50_preact", EncoderKind::resnet50_preact},
    {"vgg16", EncoderKind::vgg16},
};

/// The network of a line such as "unet densenet121 transpose".
std::shared_ptr<torch::nn::Module> network_named(const std::string& line) {
  const auto words = split_text(line, ' ');
  const auto has = [&](const char* word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  const auto block = has("transpose") ? BlockKind::transpose : BlockKind::upsampling;
  EncoderOptions encoder;
  if (words.size() > 1 && kEncoders.count(words[1]) > 0) encoder.encoder = kEncoders.at(words[1]);
  if (words[0] == "encoder") return make_encoder(encoder, has("gray") ? 1 : 3);
  if (words[0] == "unet") {
    return EncoderUNet(EncoderUNetOptions{.encoder = encoder, .block = block}).ptr();
  }
  if (words[0] == "unet_plus_plus" || words[0] == "dla") {
    const auto nesting = words[0] == "dla" ? Nesting::dla : Nesting::unet_plus_plus;
    return NestedUNet(NestedUNetOptions{.encoder = encoder, .nesting = nesting}).ptr();
  }
  if (words[0] == "linknet") return LinkNet(linknet_options(LinkNetLayout::qubvel)).ptr();
  if (words[0] == "linknet_transpose") {
    return LinkNet(linknet_options(LinkNetLayout::qubvel_transpose)).ptr();
  }
  if (words[0] == "linknet_smp") return LinkNet(linknet_options(LinkNetLayout::smp)).ptr();
  if (words[0] == "r231") return R231UNet().ptr();
  return AttentionUNet(AttentionUNetOptions{.widths = {4, 8, 16}}).ptr();
}

TEST(ImportedFiles, BecomeWhatTheirWriterSays) {
  const char* folder = std::getenv("GROUNDGLASS_IMPORT_SAMPLES");
  if (folder == nullptr) GTEST_SKIP() << "tools/check_imports writes the files and runs this test";
  const std::filesystem::path root = folder;
  const auto samples = nlohmann::json::parse(read_file(root / "samples.json"));
  EXPECT_GE(samples.size(), 20u);
  for (const auto& sample : samples) {
    const std::string file = sample["file"];
    SCOPED_TRACE(file);
    const auto network = network_named(sample["network"]);
    const auto report = import_weights(*network, root / file);
    EXPECT_EQ(layout_name(report.layout), sample["layout"]);
    const auto weights = named_weights(*network);
    const auto expected = read_safetensors(root / (file + ".expected")).tensors;
    for (const auto& [name, tensor] : expected) {
      ASSERT_EQ(weights.count(name), 1u) << name;
      EXPECT_TRUE(torch::allclose(weights.at(name), tensor, 1e-6, 1e-6)) << name;
    }
    int64_t filled = report.taken;
    for (const auto& [name, tensor] : weights) {
      filled -= ends_with(name, "num_batches_tracked") && tensor.item<int64_t>() == 7;
    }
    EXPECT_EQ(filled, static_cast<int64_t>(expected.size()));
    std::cout << file << ": " << report.text() << std::endl;
  }
}

}  // namespace
}  // namespace groundglass
