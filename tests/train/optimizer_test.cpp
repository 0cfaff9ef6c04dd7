#include <cmath>

#include <gtest/gtest.h>

#include "groundglass/models/unet.h"
#include "groundglass/train/optimizer.h"
#include "groundglass/train/weight_average.h"
#include "groundglass/train/weights.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

torch::Tensor parameter(std::vector<double> values, std::vector<double> gradient) {
  auto p = torch::tensor(values, torch::kFloat64).requires_grad_(true);
  p.mutable_grad() = torch::tensor(gradient, torch::kFloat64);
  return p;
}

// Kingma and Ba, algorithm 1, by hand: constant gradient g gives mhat = g and vhat = g^2 in each
// step, so each step is lr g / (|g| + eps).
TEST(Adam, TakesTheStepsOfThePaperWithKerasEpsilon) {
  TrainOptions options;
  options.adam_eps = 0.1;  // large, so that its place in the formula shows
  auto p = parameter({1, -2, 3}, {0.5, -0.25, 2});
  const auto adam = make_optimizer({p}, options);
  adam->step(0.01);
  adam->step(0.01);
  const std::vector<double> start = {1, -2, 3}, g = {0.5, -0.25, 2};
  for (size_t i = 0; i < 3; ++i) {
    const double expected = start[i] - 2 * 0.01 * g[i] / (std::abs(g[i]) + 0.1);
    EXPECT_NEAR(p[static_cast<int64_t>(i)].item<double>(), expected, 1e-12);
  }
}

TEST(Adam, CorrectsTheBiasOfChangingGradients) {
  TrainOptions options;
  auto p = parameter({0}, {1});
  const auto adam = make_optimizer({p}, options);
  adam->step(1e-3);
  p.mutable_grad().fill_(-3);
  adam->step(1e-3);
  const double m = (0.9 * 0.1 * 1 + 0.1 * -3) / (1 - 0.81);
  const double v = (0.999 * 0.001 * 1 + 0.001 * 9) / (1 - 0.999 * 0.999);
  EXPECT_NEAR(p.item<double>(), -1e-3 / (1 + 1e-7) - 1e-3 * m / (std::sqrt(v) + 1e-7), 1e-12);
}

TEST(Adam, ShrinksWeightsApartFromTheGradient) {
  TrainOptions options;
  options.weight_decay = 0.1;
  auto p = parameter({2}, {0});
  make_optimizer({p}, options)->step(0.5);
  EXPECT_NEAR(p.item<double>(), 2 * (1 - 0.05), 1e-12);
}

TEST(Sgd, GathersVelocity) {
  TrainOptions options;
  options.optimizer = OptimizerKind::sgd;
  options.momentum = 0.9;
  auto p = parameter({1}, {0.5});
  const auto sgd = make_optimizer({p}, options);
  sgd->step(0.1);
  sgd->step(0.1);
  EXPECT_NEAR(p.item<double>(), 1 - 0.1 * 0.5 - 0.1 * 0.95, 1e-12);
}

TEST(Optimizers, LeaveParametersWithoutAGradientAlone) {
  for (const auto& [name, kind] : words_of(OptimizerKind{})) {
    TrainOptions options;
    options.optimizer = kind;
    options.weight_decay = 0.1;
    auto p = parameter({1}, {1});
    auto frozen = torch::ones({2}, torch::kFloat64);
    make_optimizer({frozen, p}, options)->step(0.1);
    EXPECT_TRUE(torch::equal(frozen, torch::ones({2}, torch::kFloat64))) << name;
    EXPECT_NE(p.item<double>(), 1) << name;
  }
}

TEST(Optimizers, GoOnFromTheirState) {
  for (const auto& [name, kind] : words_of(OptimizerKind{})) {
    TrainOptions options;
    options.optimizer = kind;
    auto a = parameter({1, 2}, {0.3, -0.4}), b = parameter({1, 2}, {0.3, -0.4});
    const auto one = make_optimizer({a}, options);
    one->step(0.1);
    one->step(0.1);
    const auto first = make_optimizer({b}, options);
    first->step(0.1);
    const auto second = make_optimizer({b}, options);
    second->load(first->state());
    second->step(0.1);
    EXPECT_TRUE(torch::equal(a, b)) << name;
    EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { second->load({}); }), {"lacks"}));
  }
}

TEST(ClipGradients, ScalesTheCommonNorm) {
  auto a = parameter({0}, {3}), b = parameter({0}, {4});
  EXPECT_NEAR(clip_gradients({a, b}, 1), 5, 1e-12);
  EXPECT_NEAR(a.grad().item<double>(), 0.6, 1e-5);
  EXPECT_NEAR(b.grad().item<double>(), 0.8, 1e-5);
  clip_gradients({a, b}, 100);
  EXPECT_NEAR(a.grad().item<double>(), 0.6, 1e-5);
}

TEST(ScheduledRate, FollowsItsSchedule) {
  TrainOptions o;
  o.epochs = 100;
  o.learning_rate = 1;
  EXPECT_EQ(scheduled_rate(o, 57.3), 1);
  o.schedule = Schedule::step;
  EXPECT_EQ(scheduled_rate(o, 9.99), 1);
  EXPECT_EQ(scheduled_rate(o, 10), 0.5);
  EXPECT_EQ(scheduled_rate(o, 35), 0.125);
  o.schedule = Schedule::cosine;
  EXPECT_NEAR(scheduled_rate(o, 50), 0.5, 1e-12);
  EXPECT_NEAR(scheduled_rate(o, 100), 0, 1e-12);
  o.schedule = Schedule::poly;
  EXPECT_NEAR(scheduled_rate(o, 50), std::pow(0.5, 0.9), 1e-12);
  o.warmup_epochs = 2;
  EXPECT_NEAR(scheduled_rate(o, 1), std::pow(0.99, 0.9) / 2, 1e-3);
}

TEST(TrainOptions, RefusesTheMonitorOfAClassifier) {
  TrainOptions o;
  o.monitor = Monitor::auc;
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [&] { o.check(); }), {"auc", "soft_dice"}));
}

TEST(WeightAverage, FollowsTheWeightsSlowlyAndSwapsBack) {
  UNet net(UNetOptions{.widths = {2, 4}});
  WeightAverage average(*net, 0.9);
  const torch::NoGradGuard no_grad;
  const auto before = net->parameters()[0].clone();
  for (auto& p : net->parameters()) p.add_(1);
  average.update(*net);  // decay min(0.9, 2/11)
  {
    WeightAverage::Swapped swapped(average, *net);
    EXPECT_TRUE(torch::allclose(net->parameters()[0], before + 1 - 2.0 / 11, 1e-5, 1e-6));
  }
  EXPECT_TRUE(torch::equal(net->parameters()[0], before + 1));
  WeightAverage back(*net, 0.9);
  back.load(average.state());
  EXPECT_TRUE(torch::equal(back.state().at("head.weight"), average.state().at("head.weight")));
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { back.load({}); }), {"ema_decay"}));
}

TEST(LoadWeights, ListsAllThatDoesNotFit) {
  UNet net(UNetOptions{.widths = {2, 4}});
  auto stored = named_weights(*net);
  for (auto& [name, tensor] : stored) tensor = tensor.clone();
  stored.erase("head.bias");
  stored["extra"] = torch::zeros({1});
  stored["head.weight"] = torch::zeros({3, 2, 1, 1});
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { load_weights(*net, stored, "file"); }),
                   {"file", "missing: head.bias", "unexpected: extra",
                    "head.weight [3, 2, 1, 1] for [1, 2, 1, 1]"}));
}

TEST(Halved, KeepsVectorsAndHalvesKernels) {
  const auto half = halved({{"kernel", torch::rand({2, 3, 3, 3})}, {"bias", torch::rand({2})}});
  EXPECT_EQ(half.at("kernel").scalar_type(), torch::kFloat16);
  EXPECT_EQ(half.at("bias").scalar_type(), torch::kFloat32);
}

}  // namespace
}  // namespace groundglass
