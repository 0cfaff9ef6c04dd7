// Every network of the catalog keeps these promises. A new one joins by its catalog line and by its
// parameter counts in kCounts.
#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "groundglass/core/torch_version.h"
#include "groundglass/io/safetensors.h"
#include "groundglass/models/attention_unet.h"
#include "groundglass/models/unet.h"
#include "groundglass/recipe/catalog.h"
#include "groundglass/train/weights.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

struct Case {
  std::string name;
  std::function<ModelPtr()> make;
  int64_t trainable, moving;  ///< from the paper or from tools/reference/
};
void PrintTo(const Case& c, std::ostream* os) {
  *os << c.name;
}

const std::map<std::string, std::pair<int64_t, int64_t>> kCounts = {
    {"attention_unet", {11'877'134, 5'888}},
    {"unet", {31'036'481, 11'776}},
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& entry : model_catalog()) {
    const auto known = kCounts.find(entry.name);
    const auto counts = known == kCounts.end() ? std::pair<int64_t, int64_t>{} : known->second;
    all.push_back({entry.name, [name = entry.name] { return make_default_model(name); },
                   counts.first, counts.second});
  }
  const auto attention = [](const std::string& name, const AttentionUNetOptions& options,
                            int64_t trainable) {
    return Case{name, [options] { return AttentionUNet(options).ptr(); }, trainable, 80};
  };
  const auto unet = [](const std::string& name, const UNetOptions& options, int64_t trainable) {
    return Case{name, [options] { return UNet(options).ptr(); }, trainable, 160};
  };
  const std::vector<int64_t> small = {4, 8, 16};
  all.push_back(attention("attention_unet_small", {.widths = small}, 3'244));
  all.push_back(
      attention("attention_unet_up_g", {.widths = small, .gate_align = GateAlign::up_g}, 3'244));
  all.push_back(attention("attention_unet_3_classes", {.out_channels = 3, .widths = small}, 3'254));
  all.push_back(attention("attention_unet_3_channels", {.in_channels = 3, .widths = small}, 3'270));
  all.push_back(unet("unet_small", {.widths = small}, 7'477));
  all.push_back(unet("unet_3_classes", {.out_channels = 3, .widths = small}, 7'487));
  return all;
}

class ModelContract : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    torch::manual_seed(1);
    model = GetParam().make();
    h = model->stride();
    w = 2 * h;
  }
  torch::Tensor image(int64_t n) const { return torch::randn({n, model->in_channels(), h, w}); }
  ModelPtr model;
  int64_t h = 0, w = 0;  // the smallest image worth testing, not square
};

TEST_P(ModelContract, LogitsHaveTheSizeOfTheImage) {
  model->eval();
  const torch::NoGradGuard no_grad;
  const auto logits = model->forward(image(2)).logits;
  EXPECT_EQ(logits.sizes(), (std::vector<int64_t>{2, model->out_channels(), h, w}));
  EXPECT_TRUE(torch::isfinite(logits).all().item<bool>());
  EXPECT_GT(logits.std().item<double>(), 0);
}

// In training a bias before batch norm has a gradient of zero, so eval mode decides who is reached.
TEST_P(ModelContract, EveryParameterReceivesAGradient) {
  for (const bool training : {true, false}) {
    model->train(training);
    model->zero_grad();
    model->forward(image(2)).logits.square().mean().backward();
    for (const auto& p : model->named_parameters()) {
      ASSERT_TRUE(p.value().grad().defined()) << p.key();
      EXPECT_TRUE(torch::isfinite(p.value().grad()).all().item<bool>()) << p.key();
      if (!training) {
        EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
      }
    }
  }
}

TEST_P(ModelContract, OneCaseDoesNotSeeItsBatchNeighbours) {
  model->eval();
  const torch::NoGradGuard no_grad;
  auto pair = image(2);
  const auto first = model->forward(pair).logits.narrow(0, 0, 1);
  pair[1] = 100 * torch::randn_like(pair[1]);
  EXPECT_TRUE(torch::equal(first, model->forward(pair).logits.narrow(0, 0, 1)));
  EXPECT_TRUE(torch::allclose(first, model->forward(pair.narrow(0, 0, 1)).logits, 1e-4, 1e-5));
  EXPECT_TRUE(
      torch::allclose(first, model->forward(pair.flip(0)).logits.narrow(0, 1, 1), 1e-4, 1e-5));
}

TEST_P(ModelContract, HasTheStatedNumberOfParameters) {
  ASSERT_GT(GetParam().trainable, 0) << "state the counts of this network in kCounts";
  const auto count = count_parameters(*model);
  EXPECT_EQ(count.trainable, GetParam().trainable);
  EXPECT_EQ(count.non_trainable, GetParam().moving);
}

TEST_P(ModelContract, SurvivesSaveAndLoadBitByBitWithBuffers) {
  const torch::NoGradGuard no_grad;
  model->train();
  model->forward(image(2));  // moves the statistics of batch norm
  const auto path = std::filesystem::path(testing::TempDir()) / (GetParam().name + ".safetensors");
  write_safetensors(path, {named_weights(*model), {}});
  const auto copy = GetParam().make();
  load_weights(*copy, read_safetensors(path).tensors, path.string());
  std::filesystem::remove(path);
  const auto wanted = named_weights(*model), found = named_weights(*copy);
  ASSERT_EQ(found.size(), wanted.size());
  int moved = 0;
  for (const auto& [name, tensor] : wanted) {
    EXPECT_TRUE(torch::equal(tensor, found.at(name))) << name;
    EXPECT_EQ(tensor.scalar_type(), found.at(name).scalar_type()) << name;
    if (name.ends_with("running_mean")) moved += tensor.abs().sum().item<double>() > 0;
  }
  EXPECT_GT(moved, 0);
  model->eval();
  copy->eval();
  const auto x = image(1);
  EXPECT_TRUE(torch::equal(model->forward(x).logits, copy->forward(x).logits));
}

TEST_P(ModelContract, RefusesASizeItCannotHalveAndSaysWhichWouldWork) {
  const int64_t c = model->in_channels();
  const auto text = complaint(ErrorKind::usage, [&] {
    model->forward(torch::randn({1, c, h + 1, w}));
  });
  const auto sizes = [&](int64_t height) {
    return "[1, " + std::to_string(c) + ", " + std::to_string(height) + ", " + std::to_string(w) +
           "]";
  };
  EXPECT_NE(text.find("image is " + sizes(h + 1)), std::string::npos) << text;
  EXPECT_NE(text.find(sizes(2 * h) + " would work"), std::string::npos) << text;
  EXPECT_NE(text.find("multiples of " + std::to_string(h)), std::string::npos) << text;
  complaint(ErrorKind::usage, [&] { model->forward(torch::randn({1, c, h, w + 1})); });
  complaint(ErrorKind::usage, [&] { model->forward(torch::randn({1, c + 1, h, w})); });
  complaint(ErrorKind::usage, [&] { model->forward(torch::randn({c, h, w})); });
}

TEST_P(ModelContract, RefusesAnImageWithoutPixels) {
  const int64_t c = model->in_channels();
  complaint(ErrorKind::usage, [&] { model->forward(torch::zeros({1, c, 0, w})); });
  complaint(ErrorKind::usage, [&] { model->forward(torch::zeros({1, c, h, 0})); });
}

TEST_P(ModelContract, ShowsEveryLayerOnceInOrderAndGoesOnWithWhatItIsGiven) {
  model->eval();
  const torch::NoGradGuard no_grad;
  const auto x = image(1);
  const auto before = model->forward(x).logits;
  std::vector<std::string> seen;
  model->watch_layers([&](const std::string& layer, torch::Tensor output) {
    seen.push_back(layer);
    return output;
  });
  EXPECT_TRUE(torch::equal(model->forward(x).logits, before));
  EXPECT_EQ(seen, model->layer_names());
  for (const auto& name : model->layer_names()) {
    model->watch_layers([&](const std::string& layer, const torch::Tensor& output) {
      return layer == name ? output + 10 * torch::randn_like(output) : output;
    });
    EXPECT_FALSE(torch::equal(model->forward(x).logits, before)) << name;
  }
  model->watch_layers({});
  EXPECT_TRUE(torch::equal(model->forward(x).logits, before));
}

TEST_P(ModelContract, RunsInBfloat16NearlyAsInSinglePrecision) {
  model->eval();
  const torch::NoGradGuard no_grad;
  const auto x = image(2);
  const auto exact = model->forward(x).logits;
  torch::Tensor rough;
  {
    const Autocast autocast(torch::kCPU, torch::kBFloat16);
    rough = model->forward(x).logits;
  }
  EXPECT_EQ(rough.scalar_type(), torch::kBFloat16);
  ASSERT_TRUE(torch::isfinite(rough).all().item<bool>());
  const double apart = (rough.to(torch::kFloat32) - exact).abs().mean().item<double>();
  EXPECT_LT(apart, 0.1 * exact.abs().mean().item<double>());  // 0.1 to 6 % at random weights
  EXPECT_GT(apart, 0);
  EXPECT_TRUE(torch::equal(model->forward(x).logits, exact));  // over with the Autocast
  const Autocast no_change(torch::kCPU, torch::kFloat32);
  EXPECT_TRUE(torch::equal(model->forward(x).logits, exact));
}

TEST_P(ModelContract, TrainsInBfloat16WithFiniteGradientsInSinglePrecision) {
  torch::Tensor logits;
  {
    const Autocast autocast(torch::kCPU, torch::kBFloat16);
    logits = model->forward(image(2)).logits;
  }
  logits.to(torch::kFloat32).square().mean().backward();
  for (const auto& p : model->named_parameters()) {
    ASSERT_TRUE(p.value().grad().defined()) << p.key();
    EXPECT_EQ(p.value().grad().scalar_type(), torch::kFloat32) << p.key();
    EXPECT_TRUE(torch::isfinite(p.value().grad()).all().item<bool>()) << p.key();
  }
}

INSTANTIATE_TEST_SUITE_P(All, ModelContract, testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

TEST(LoadWeights, ListsWhatIsMissingUnexpectedAndOfAnotherShape) {
  UNet net(UNetOptions{.widths = {2}});
  auto stored = named_weights(*net);
  stored.erase("head.bias");
  stored["tail.bias"] = torch::zeros({1});
  stored["head.weight"] = torch::zeros({3, 2, 1, 1});
  EXPECT_EQ(
      complaint(ErrorKind::checkpoint, [&] { load_weights(*net, stored, "old.safetensors"); }),
      "old.safetensors: the weights do not fit the network; missing: head.bias; unexpected: "
      "tail.bias; of another shape: head.weight [3, 2, 1, 1] for [1, 2, 1, 1]");
  complaint(ErrorKind::checkpoint, [&] { load_weights(*net, {}, "empty"); });
}

TEST(LoadWeights, ChangesNothingWhenItRefuses) {
  UNet net(UNetOptions{.widths = {2}});
  std::map<std::string, torch::Tensor> stored;
  for (const auto& [name, tensor] : named_weights(*net)) stored[name] = tensor + 1;
  stored.erase("head.bias");
  const auto before = net->named_parameters()["head.weight"].clone();
  complaint(ErrorKind::checkpoint, [&] { load_weights(*net, stored, "x"); });
  EXPECT_TRUE(torch::equal(before, net->named_parameters()["head.weight"]));
}

TEST(LoadWeights, WidensKernelsInHalfPrecision) {
  UNet net(UNetOptions{.widths = {2}}), copy(UNetOptions{.widths = {2}});
  const auto half = halved(named_weights(*net));
  EXPECT_EQ(half.at("head.weight").scalar_type(), torch::kFloat16);
  EXPECT_EQ(half.at("head.bias").scalar_type(), torch::kFloat32);
  EXPECT_EQ(half.at("down.0.norm1.running_var").scalar_type(), torch::kFloat32);
  load_weights(*copy, half, "half");
  EXPECT_EQ(copy->named_parameters()["head.weight"].scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::allclose(copy->named_parameters()["head.weight"],
                              net->named_parameters()["head.weight"], 1.0 / 2048, 1e-7));
}

TEST(Catalog, NamesTheNearestNetwork) {
  EXPECT_EQ(complaint(ErrorKind::recipe, [] { make_default_model("atention_unet"); }),
            "unknown model 'atention_unet'; did you mean 'attention_unet'?");
  const auto text = complaint(ErrorKind::recipe, [] { catalog_loss("something_else"); });
  EXPECT_EQ(text.rfind("unknown loss 'something_else'; known: dice, tversky", 0), 0U) << text;
}

}  // namespace
}  // namespace groundglass
