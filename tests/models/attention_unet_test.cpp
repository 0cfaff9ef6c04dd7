// What SPEC-000 says about the network of the paper: its Table 1, shapes, names and cost.
#include "groundglass/models/attention_unet.h"

#include <gtest/gtest.h>

#include "tests/complaint.h"

namespace groundglass {
namespace {

const AttentionUNetOptions kSmall = {.widths = {2, 3, 4}, .dropout = 0};

struct TableRow {
  const char* prefix;  ///< of the parameters that the row counts
  int64_t learned;
  int64_t moving;  ///< batch norm's moving statistics
};

// Rows 1 to 22 of the table; the paper prints the sums with moving statistics (Keras' way).
const TableRow kTableRows[] = {
    {"enc.0.", 137 + 128, 128},
    {"down.0.", 36928, 0},
    {"enc.1.", 8896 + 256, 256},
    {"down.1.", 147584, 0},
    {"enc.2.", 34176 + 512, 512},
    {"down.2.", 590080, 0},
    {"enc.3.", 133888 + 1024, 1024},
    {"down.3.", 2359808, 0},
    {"enc.4.", 529920 + 2048, 2048},
    {"gate.0.", 262656 + 524800 + 513, 0},
    {"up.0.", 4719104, 0},
    {"dec.0.", 534016 + 1024, 1024},
    {"gate.1.", 197377, 0},
    {"up.1.", 1179904, 0},
    {"dec.1.", 135936 + 512, 512},
    {"gate.2.", 49537, 0},
    {"up.2.", 295040, 0},
    {"dec.2.", 35200 + 256, 256},
    {"gate.3.", 12481, 0},
    {"up.3.", 73792, 0},
    {"dec.3.", 9408 + 128, 128},
    {"head.", 65, 0},
};

TEST(AttentionUNet, HasThePapersParametersRowByRow) {
  const AttentionUNet net;
  const auto parameters = net->named_parameters(), buffers = net->named_buffers();
  int64_t learned_in_all = 0, moving_in_all = 0;
  for (const auto& row : kTableRows) {
    int64_t learned = 0, moving = 0;
    for (const auto& p : parameters) {
      if (p.key().starts_with(row.prefix)) learned += p.value().numel();
    }
    for (const auto& b : buffers) {
      if (b.key().starts_with(row.prefix) && !b.key().ends_with("num_batches_tracked")) {
        moving += b.value().numel();
      }
    }
    EXPECT_EQ(learned, row.learned) << row.prefix;
    EXPECT_EQ(moving, row.moving) << row.prefix;
    learned_in_all += learned;
    moving_in_all += moving;
  }
  EXPECT_EQ(learned_in_all, 11'877'134);
  EXPECT_EQ(moving_in_all, 5'888);
}

TEST(AttentionUNet, CountsAsKerasCounts) {
  const auto count = count_parameters(*AttentionUNet());
  EXPECT_EQ(count.trainable, 11'877'134);
  EXPECT_EQ(count.non_trainable, 5'888);
  EXPECT_EQ(count.total(), 11'883'022);
}

TEST(AttentionUNet, CountsAFrozenWeightAsNonTrainable) {
  AttentionUNet net(kSmall);
  const auto before = count_parameters(*net);
  net->named_parameters()["head.weight"].set_requires_grad(false);
  const auto after = count_parameters(*net);
  EXPECT_EQ(after.trainable, before.trainable - 2);
  EXPECT_EQ(after.non_trainable, before.non_trainable + 2);
  EXPECT_EQ(after.total(), before.total());
}

TEST(AttentionUNet, CountsTheSameWhereverTheGateMeets) {
  EXPECT_EQ(
      count_parameters(*AttentionUNet(AttentionUNetOptions{.gate_align = GateAlign::up_g})).total(),
      11'883'022);
}

TEST(AttentionUNet, EncodesIntoMapsOfThePapersShapes) {
  AttentionUNet net;
  net->eval();
  const torch::NoGradGuard no_grad;
  const auto features = net->encode(torch::randn({1, 1, 48, 64}));
  ASSERT_EQ(features.maps.size(), 5U);
  const std::vector<std::vector<int64_t>> shapes = {
      {1, 64, 48, 64}, {1, 128, 24, 32}, {1, 256, 12, 16}, {1, 512, 6, 8}, {1, 1024, 3, 4}};
  for (size_t i = 0; i < shapes.size(); ++i) EXPECT_EQ(features.maps[i].sizes(), shapes[i]);
  const auto prediction = net->decode(features);
  EXPECT_EQ(prediction.logits.sizes(), (std::vector<int64_t>{1, 1, 48, 64}));
  EXPECT_TRUE(prediction.side.empty());
}

TEST(AttentionUNet, ShowsItsDecoderMapsInThePapersShapes) {
  AttentionUNet net;
  net->eval();
  const torch::NoGradGuard no_grad;
  std::map<std::string, std::vector<int64_t>> shapes;
  net->watch_layers([&](const std::string& layer, torch::Tensor output) {
    shapes[layer] = output.sizes().vec();
    return output;
  });
  net->forward(torch::zeros({1, 1, 32, 32}));
  EXPECT_EQ(shapes["dec4"], (std::vector<int64_t>{1, 512, 4, 4}));
  EXPECT_EQ(shapes["dec3"], (std::vector<int64_t>{1, 256, 8, 8}));
  EXPECT_EQ(shapes["dec2"], (std::vector<int64_t>{1, 128, 16, 16}));
  EXPECT_EQ(shapes["dec1"], (std::vector<int64_t>{1, 64, 32, 32}));
}

TEST(AttentionUNet, NamesItsLayersFromTheFinestScale) {
  EXPECT_EQ(AttentionUNet(AttentionUNetOptions{.widths = {2, 2, 2, 2, 2}})->layer_names(),
            (std::vector<std::string>{"enc1", "enc2", "enc3", "enc4", "enc5", "dec4", "dec3",
                                      "dec2", "dec1"}));
}

TEST(AttentionUNet, CostsWhatThePapersLayersCost) {
  AttentionUNet net;
  EXPECT_NEAR(count_gmacs(*net, 256, 256), 10.9076, 1e-4);  // tools/reference/attention_unet.py
  EXPECT_TRUE(net->is_training());                          // as it was
  EXPECT_TRUE(net->parameters().front().requires_grad());
}

TEST(AttentionUNet, RefusesASizeAndSaysWhichWouldWork) {
  AttentionUNet net(AttentionUNetOptions{.widths = {2, 2, 2, 2, 2}});
  EXPECT_EQ(
      complaint(ErrorKind::usage,
                [&] {
                  net->forward(torch::zeros({2, 1, 33, 250}));
                }),
      "groundglass::AttentionUNetImpl: image is [2, 1, 33, 250], expected [N,1,H,W] with H and "
      "W multiples of 16; [2, 1, 48, 256] would work");
  EXPECT_EQ(
      complaint(ErrorKind::usage,
                [&] {
                  net->forward(torch::zeros({2, 3, 32, 32}));
                }),
      "groundglass::AttentionUNetImpl: image is [2, 3, 32, 32], expected [N,1,H,W] with H and "
      "W multiples of 16; [2, 1, 32, 32] would work");
  EXPECT_EQ(complaint(ErrorKind::usage,
                      [&] {
                        net->forward(torch::zeros({32, 32}));
                      }),
            "groundglass::AttentionUNetImpl: image is [32, 32], expected [N,1,H,W] with H and W "
            "multiples of 16");
}

// A child process, since a network of no scales may take the whole program with it.
TEST(AttentionUNetDeathTest, RefusesToHaveNoScales) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        int code = 0;
        try {
          AttentionUNet net(AttentionUNetOptions{.widths = {}});
        } catch (const Error& e) {
          code = e.exit_code();
        }
        std::_Exit(code);
      },
      testing::ExitedWithCode(3), "");
}

TEST(AttentionUNet, StartsAsKerasStarts) {
  torch::manual_seed(1);
  AttentionUNet net;
  const auto parameters = net->named_parameters();
  for (const auto& p : parameters) {
    if (p.key().ends_with("bias")) {
      EXPECT_EQ(p.value().abs().max().item<float>(), 0) << p.key();
    }
  }
  const auto range = [&](const char* name) { return parameters[name].abs().max().item<double>(); };
  const auto bound = [](double fan_in, double fan_out) {
    return std::sqrt(6 / (fan_in + fan_out));
  };
  const auto expect_bound = [&](const char* name, double r) {
    EXPECT_LE(range(name), r) << name;
    EXPECT_GT(range(name), 0.97 * r) << name;
  };
  expect_bound("enc.2.conv.depthwise.weight", bound(128 * 9, 9));
  expect_bound("enc.2.conv.pointwise.weight", bound(128, 256));
  expect_bound("down.1.weight", bound(128 * 9, 128 * 9));
  expect_bound("gate.0.w_g.weight", bound(1024, 512));
  expect_bound("gate.0.psi.weight", bound(512, 1));
  expect_bound("up.2.weight", bound(256 * 9, 128 * 9));
  expect_bound("head.weight", bound(64, 1));
}

TEST(AttentionUNet, DropsOutInTrainingOnly) {
  torch::manual_seed(1);
  AttentionUNet net(AttentionUNetOptions{.widths = {4, 8}, .dropout = 0.5});
  const auto image = torch::randn({1, 1, 16, 16});
  const torch::NoGradGuard no_grad;
  const auto zeros = [&] {
    return (net->encode(image).maps[0] == 0).to(torch::kFloat32).mean().item<double>();
  };
  net->eval();
  const auto once = net->forward(image).logits;
  EXPECT_TRUE(torch::equal(once, net->forward(image).logits));
  net->train();
  EXPECT_GT(zeros(), 0.65);  // half cut by the ReLU, half of the others by dropout
  EXPECT_FALSE(torch::equal(net->encode(image).maps[1], net->encode(image).maps[1]));
}

TEST(AttentionUNet, CountsTheMultiplicationsOfATinyNetByHand) {
  // One scale, no gate: depthwise 9, pointwise 2, head 2, at 4 x 6 pixels.
  AttentionUNet net(AttentionUNetOptions{.widths = {2}});
  EXPECT_NEAR(count_gmacs(*net, 4, 6) * 1e9, (9 + 2 + 2) * 24, 1e-6);
}

}  // namespace
}  // namespace groundglass
