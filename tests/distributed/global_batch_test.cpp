// What layers and losses compute on the ranks' shares of a batch against what one process computes
// of the whole, in double where the code allows it: a share that is forgotten or counted twice
// shows in the first digits.
#include <gtest/gtest.h>

#include "groundglass/core/task.h"
#include "groundglass/distributed/global_batch.h"
#include "groundglass/losses/cross_entropy_loss.h"
#include "groundglass/losses/dice_loss.h"
#include "groundglass/losses/distillation_loss.h"
#include "groundglass/losses/entropy_loss.h"
#include "groundglass/losses/focal_loss.h"
#include "groundglass/losses/focal_tversky_loss.h"
#include "groundglass/losses/squared_dice_loss.h"
#include "groundglass/losses/tversky_loss.h"
#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/batch_norm_no_scale.h"
#include "groundglass/models/blocks/dropout.h"
#include "tests/distributed/threads_as_ranks.h"

namespace groundglass {
namespace {

using Loss = std::function<torch::Tensor(const torch::Tensor& logits, const torch::Tensor& target)>;

struct NamedLoss {
  std::string name;
  int64_t channels;
  Loss loss;
};

std::vector<NamedLoss> every_loss() {
  std::vector<NamedLoss> all;
  for (const int64_t k : {1, 3}) {
    const auto add = [&](const std::string& name, Loss loss) {
      all.push_back({name + ", " + std::to_string(k) + " channels", k, std::move(loss)});
    };
    for (const auto reduction : {Reduction::batch, Reduction::per_image}) {
      for (const auto classes : {Classes::foreground, Classes::all}) {
        const std::string how =
            std::string(reduction == Reduction::batch ? " of the batch" : " of images") +
            (classes == Classes::all ? ", all classes" : "");
        add("dice" + how, [=](const auto& x, const auto& t) {
          DiceLossOptions o;
          o.reduction = reduction, o.classes = classes;
          return dice_loss(x, t, o);
        });
        add("squared dice" + how, [=](const auto& x, const auto& t) {
          SquaredDiceLossOptions o;
          o.reduction = reduction, o.classes = classes;
          return squared_dice_loss(x, t, o);
        });
        add("tversky" + how, [=](const auto& x, const auto& t) {
          TverskyLossOptions o;
          o.reduction = reduction, o.classes = classes;
          return tversky_loss(x, t, o);
        });
        add("focal tversky" + how, [=](const auto& x, const auto& t) {
          FocalTverskyLossOptions o;
          o.reduction = reduction, o.classes = classes;
          return focal_tversky_loss(x, t, o);
        });
      }
    }
    add("focal", [](const auto& x, const auto& t) { return focal_loss(x, t, {}); });
    for (const auto reduction : {PixelReduction::mean, PixelReduction::sum}) {
      for (const bool weighted : {false, true}) {
        add("cross entropy", [=](const auto& x, const auto& t) {
          CrossEntropyLossOptions o;
          o.reduction = reduction;
          if (weighted)
            o.class_weights = k == 1 ? std::vector<double>{1, 3} : std::vector<double>{1, 3, 2};
          return cross_entropy_loss(x, t, o);
        });
      }
    }
    for (const auto pixels : {EntropyPixels::all, EntropyPixels::unlabelled}) {
      add("entropy", [=](const auto& x, const auto& t) {
        EntropyLossOptions o;
        o.pixels = pixels;
        return entropy_loss(x, t, o);
      });
    }
    add("distillation", [](const auto& x, const auto& t) {
      return distillation_loss(x, (x * 0.5 + 0.1).detach(), t);
    });
  }
  return all;
}

/// Five images whose masks are of very different sizes, some pixels ignored.
struct Images {
  torch::Tensor logits, target;
};

Images images_of(int64_t channels) {
  at::manual_seed(5);
  Images i = {torch::randn({5, channels, 6, 7}, torch::kFloat64),
              torch::zeros({5, 6, 7}, torch::kUInt8)};
  const auto labels = torch::randint(0, std::max<int64_t>(2, channels), {5, 6, 7});
  for (int64_t n = 0; n < 5; ++n) {
    i.target[n].narrow(0, 0, n + 1).copy_(labels[n].narrow(0, 0, n + 1));
  }
  i.target.select(1, 5).narrow(1, 0, 3).fill_(kIgnoreLabel);
  return i;
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.numel() == 0 && b.numel() == 0) return 0;
  return (a - b).abs().max().item<double>();
}

TEST(GlobalLoss, IsThatOfTheWholeBatchWithItsGradientForEveryLoss) {
  const std::map<int64_t, Images> images = {{1, images_of(1)}, {3, images_of(3)}};
  for (const int64_t size : {2, 3, 7}) {  // of seven ranks two hold no image
    on_ranks(size, [&](Team& ranks) {
      for (const auto& [name, channels, loss] : every_loss()) {
        const auto& whole = images.at(channels);
        const auto x = whole.logits.clone().set_requires_grad(true);
        const auto expected = loss(x, whole.target);
        expected.backward();
        const auto mine = share_of(whole.logits, ranks).set_requires_grad(true);
        const GlobalBatch batch(ranks, 5, BatchStatistics::global, 1);
        EXPECT_EQ(batch.held(), mine.size(0));
        const auto found = loss(mine, share_of(whole.target, ranks));
        found.backward();
        EXPECT_NEAR(found.item<double>(), expected.item<double>(), 1e-12) << name;
        EXPECT_LT(largest_difference(mine.grad(), share_of(x.grad(), ranks)), 1e-13)
            << name << " on " << size << " ranks";
      }
    });
  }
}

// The mistake that data-parallel training invites: each rank's own loss, averaged.
TEST(GlobalLoss, IsNotTheMeanOfTheRanksDiceLosses) {
  const auto whole = images_of(1);
  on_ranks(2, [&](Team& ranks) {
    const double expected = dice_loss(whole.logits, whole.target, {}).item<double>();
    auto mean = dice_loss(share_of(whole.logits, ranks), share_of(whole.target, ranks), {}) / 2.0;
    ranks.sum(mean, "a test");
    EXPECT_GT(std::abs(mean.item<double>() - expected), 1e-3);
    const GlobalBatch batch(ranks, 5, BatchStatistics::global, 1);
    EXPECT_NEAR(
        dice_loss(share_of(whole.logits, ranks), share_of(whole.target, ranks), {}).item<double>(),
        expected, 1e-12);
  });
}

/// Output, running statistics, and gradients of a batch norm, under a loss that is not symmetric in
/// the images.
struct Normed {
  torch::Tensor y, mean, variance, dx, dweight, dbias;
};

template <class Norm>
Normed normed(Norm norm, const torch::Tensor& image, const torch::Tensor& factor) {
  norm->to(image.scalar_type());
  norm->train();
  torch::Tensor weight;
  for (auto& p : norm->named_parameters()) {
    const torch::NoGradGuard no_grad;
    p.value().copy_(torch::linspace(0.5, 2, p.value().numel()));
    if (p.key() == "weight") weight = p.value();
  }
  auto x = image.clone().set_requires_grad(true);
  auto y = norm->forward(x);
  (y * y * factor).sum().backward();
  auto dweight = weight.defined() ? weight.grad() : torch::zeros({1}, image.options());
  return {y.detach(), norm->running_mean, norm->running_var, x.grad(), dweight, norm->bias.grad()};
}

template <class MakeNorm>
void expect_global_norm(const MakeNorm& make, torch::ScalarType kind, double shift,
                        double tolerance) {
  at::manual_seed(3);
  const auto image = (torch::randn({5, 4, 3, 6}, torch::kFloat64) + shift).to(kind);
  const auto factor = torch::randn({5, 4, 3, 6}, torch::kFloat64).to(kind);
  const auto expected = normed(make(), image, factor);
  for (const int64_t size : {2, 4, 7}) {
    on_ranks(size, [&](Team& ranks) {
      const GlobalBatch batch(ranks, 5, BatchStatistics::global, 1);
      const bool none = batch.held() == 0;  // such a rank runs an image that is nobody's
      const auto mine = none ? image.narrow(0, 0, 1) * 50 : share_of(image, ranks);
      const auto weights = none ? torch::zeros_like(mine) : share_of(factor, ranks);
      auto found = normed(make(), mine, weights);
      EXPECT_LT(largest_difference(found.mean, expected.mean), tolerance);
      EXPECT_LT(largest_difference(found.variance, expected.variance), tolerance);
      ranks.sum(found.dweight, "a test");
      ranks.sum(found.dbias, "a test");
      EXPECT_LT(largest_difference(found.dweight, expected.dweight), 40 * tolerance);
      EXPECT_LT(largest_difference(found.dbias, expected.dbias), 40 * tolerance);
      if (none) {
        EXPECT_EQ(largest_difference(found.dx, torch::zeros_like(mine)), 0);
        return;
      }
      EXPECT_LT(largest_difference(found.y, share_of(expected.y, ranks)), tolerance);
      EXPECT_LT(largest_difference(found.dx, share_of(expected.dx, ranks)), 10 * tolerance);
    });
  }
}

TEST(GlobalBatchNorm, IsThatOfTheWholeBatchForwardAndBackward) {
  const auto plain = [] { return BatchNorm2d(torch::nn::BatchNorm2dOptions(4).eps(1e-3)); };
  const auto no_scale = [] { return BatchNormNoScale(4); };
  expect_global_norm(plain, torch::kFloat64, 0.5, 1e-12);
  expect_global_norm(no_scale, torch::kFloat64, 0.5, 1e-12);
  expect_global_norm(plain, torch::kFloat32, 0.5, 2e-6);
}

// Sums of squares would leave nothing of a variance of 1 beside a mean of 3000 in float32.
TEST(GlobalBatchNorm, KeepsTheVarianceBesideALargeMean) {
  at::manual_seed(3);
  const auto image = torch::randn({4, 2, 8, 8}) + 3000;
  const auto truth = image.to(torch::kFloat64).var({0, 2, 3}, /*unbiased=*/true);
  on_ranks(2, [&](Team& ranks) {
    BatchNorm2d norm(torch::nn::BatchNorm2dOptions(2).momentum(1.0));
    norm->train();
    const GlobalBatch batch(ranks, 4, BatchStatistics::global, 1);
    norm->forward(share_of(image, ranks));
    EXPECT_LT(largest_difference(norm->running_var.to(torch::kFloat64), truth), 1e-5);
  });
}

TEST(GlobalBatchNorm, StaysWithTheRankWhereTheRecipeSaysLocal) {
  at::manual_seed(3);
  const auto image = torch::randn({4, 2, 8, 8});
  on_ranks(2, [&](Team& ranks) {
    BatchNorm2d ours(2);
    torch::nn::BatchNorm2d theirs(2);
    const GlobalBatch batch(ranks, 4, BatchStatistics::local, 1);
    const auto mine = share_of(image, ranks);
    EXPECT_TRUE(torch::equal(ours->forward(mine), theirs->forward(mine)));
    EXPECT_TRUE(torch::equal(ours->running_var, theirs->running_var));
  });
}

TEST(GlobalDropout, IsKeyedByThePlaceInTheBatch) {
  const auto ones = torch::ones({5, 3, 5, 7});  // 105 values of an image: no multiple of four
  for (const auto kind : {torch::kFloat32, torch::kBFloat16}) {
    at::manual_seed(77);
    const auto first = dropout(ones, 0.3), second = dropout(ones, 0.3);
    EXPECT_FALSE(torch::equal(first, second));
    for (const int64_t size : {2, 4}) {
      on_ranks(size, [&](Team& ranks) {
        const GlobalBatch batch(ranks, 5, BatchStatistics::global, 77);
        for (const auto& expected : {first, second}) {
          const auto found = dropout(share_of(ones, ranks).to(kind), 0.3);
          EXPECT_TRUE(torch::equal(found > 0, share_of(expected, ranks) > 0));
          if (kind != torch::kFloat32) continue;
          EXPECT_TRUE(torch::equal(found, share_of(expected, ranks)));
        }
      });
    }
  }
}

}  // namespace
}  // namespace groundglass
