// Every recipe that the project ships reads, builds its network and learns in one step.
#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "groundglass/recipe/classifier_recipe.h"
#include "groundglass/recipe/recipe.h"
#include "groundglass/train/optimizer.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

const fs::path kRecipes = fs::path(GROUNDGLASS_SOURCE_DIR) / "recipes";

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const auto& file : fs::directory_iterator(kRecipes)) {
    if (file.path().extension() != ".toml") continue;
    if (is_classifier_recipe(file.path())) continue;  // tests/train/classifier_trainer_test
    names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class ShippedRecipe : public testing::TestWithParam<std::string> {};

TEST_P(ShippedRecipe, TakesATrainingStep) {
  torch::manual_seed(3);
  const Recipe recipe = read_recipe(kRecipes / (GetParam() + ".toml"));
  EXPECT_FALSE(recipe.paper.title.empty());
  const ModelPtr model = recipe.model.make();
  EXPECT_EQ(recipe.preprocess.size[0] % model->stride(), 0) << "the recipe's own size must fit";
  EXPECT_EQ(recipe.preprocess.size[1] % model->stride(), 0);
  const int64_t side = std::max<int64_t>(32, 2 * model->stride());
  const auto image = torch::rand({2, model->in_channels(), side, side});
  const int64_t classes = std::max<int64_t>(2, model->out_channels());
  const auto target = torch::randint(classes, {2, side, side}, torch::kInt64);
  const LossFunction loss = recipe.loss_function();
  std::vector<torch::Tensor> learning;
  for (const auto& p : model->parameters()) {
    if (p.requires_grad()) learning.push_back(p);
  }
  const auto optimizer = make_optimizer(learning, recipe.train);
  model->train();
  const auto value = loss(model->forward(image).logits, target);
  EXPECT_TRUE(std::isfinite(value.item<double>()));
  value.backward();
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> before;
  for (const auto& p : learning) before.push_back(p.clone());
  optimizer->step(recipe.train.learning_rate);
  bool changed = false;
  for (size_t i = 0; i < learning.size(); ++i) {
    EXPECT_TRUE(torch::isfinite(learning[i]).all().item<bool>());
    changed = changed || !torch::equal(before[i], learning[i]);
  }
  EXPECT_TRUE(changed);
}

TEST_P(ShippedRecipe, WritesDownWhatReadsBack) {
  const Recipe recipe = read_recipe(kRecipes / (GetParam() + ".toml"));
  EXPECT_EQ(parse_recipe(recipe.resolved(), "again.toml").resolved(), recipe.resolved());
}

INSTANTIATE_TEST_SUITE_P(All, ShippedRecipe, testing::ValuesIn(recipe_names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace groundglass
