// Every file of tests/golden holds what an independent script in tools/reference/ says about one
// network at closed-form weights: logits, loss, gradients, moving statistics.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <toml++/toml.h>
#include <nlohmann/json.hpp>

#include "groundglass/recipe/catalog.h"
#include "groundglass/recipe/recipe_reader.h"
#include "tests/reference/closed_form.h"

namespace groundglass {
namespace {
using nlohmann::json;

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(
           std::filesystem::path(GROUNDGLASS_SOURCE_DIR) / "tests" / "golden")) {
    if (file.path().extension() == ".json") names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Golden : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::ifstream file(std::filesystem::path(GROUNDGLASS_SOURCE_DIR) / "tests" / "golden" /
                       (GetParam() + ".json"));
    golden = json::parse(file);
    const auto options = toml::parse(golden["options"].get<std::string>());
    RecipeReader reader(options, "model");
    model = catalog_model(golden["model"]).read(reader).make();
    reader.finish();
  }

  void fill() {
    const torch::NoGradGuard no_grad;
    const auto scales = golden["scales"].get<std::set<std::string>>();
    auto parameters = model->named_parameters();
    std::vector<std::string> found = parameters.keys(), wanted = golden["parameters"];
    std::sort(found.begin(), found.end());
    std::sort(wanted.begin(), wanted.end());
    ASSERT_EQ(found, wanted);
    double k = 0;
    for (const std::string name : golden["parameters"]) {
      auto& parameter = parameters[name];
      const auto values = closed_form(parameter.sizes(), ++k);
      parameter.copy_(scales.contains(name) ? 1 + 0.1 * values : values);
    }
    for (auto& buffer : model->named_buffers()) {
      const auto j = torch::arange(buffer.value().numel(), torch::kFloat64) * 0.3;
      if (buffer.key().ends_with("running_mean")) buffer.value().copy_(0.1 * torch::sin(j));
      if (buffer.key().ends_with("running_var")) buffer.value().copy_(1 + 0.1 * torch::cos(j));
    }
  }

  torch::Tensor image() const { return wave(golden["image"].get<std::vector<int64_t>>(), 0.05); }

  /// `near` is a share of the largest logit.
  void expect_logits(const torch::Tensor& logits, const json& wanted, double near) const {
    ASSERT_EQ(logits.sizes().vec(), golden["shape"].get<std::vector<int64_t>>());
    const auto flat = logits.detach().to(torch::kFloat64).flatten();
    const double most = flat.abs().max().item<double>();
    for (size_t i = 0; i < golden["at"].size(); ++i) {
      EXPECT_NEAR(flat[golden["at"][i].get<int64_t>()].item<double>(), wanted[i].get<double>(),
                  near * most)
          << "position " << golden["at"][i];
    }
  }

  json golden;
  ModelPtr model;
};

TEST_P(Golden, AgreesInDoublePrecisionWithGradientsAndMovingStatistics) {
  model->to(torch::kFloat64);
  fill();
  model->eval();
  auto logits = model->forward(image()).logits;
  expect_logits(logits, golden["eval"]["logits"], 1e-9);
  const double square = golden["eval"]["mean_square"];
  EXPECT_NEAR(logits.square().mean().item<double>(), square, 1e-9 * square);
  model->train();
  logits = model->forward(image()).logits;
  expect_logits(logits, golden["train"]["logits"], 1e-8);
  const auto loss = logits.square().mean();
  const double wanted_loss = golden["train"]["loss"];
  EXPECT_NEAR(loss.item<double>(), wanted_loss, 1e-8 * wanted_loss);
  loss.backward();
  const auto parameters = model->named_parameters();
  ASSERT_GE(golden["gradients"].size(), 3u);
  for (const auto& wanted : golden["gradients"]) {
    const std::string name = wanted["name"];
    const auto g = parameters[name].grad().flatten();
    const double near = 1e-7 * wanted["absolute"].get<double>();
    EXPECT_NEAR(g.sum().item<double>(), wanted["sum"].get<double>(), near) << name;
    EXPECT_NEAR(g.abs().sum().item<double>(), wanted["absolute"].get<double>(), near) << name;
    for (size_t i = 0; i < wanted["at"].size(); ++i) {
      EXPECT_NEAR(g[wanted["at"][i].get<int64_t>()].item<double>(),
                  wanted["value"][i].get<double>(), near)
          << name << " element " << wanted["at"][i];
    }
  }
  const auto buffers = model->named_buffers();
  for (const auto& wanted : golden["moving"]) {
    const std::string name = wanted["name"];
    ASSERT_TRUE(buffers.contains(name)) << name;
    for (size_t i = 0; i < wanted["value"].size(); ++i) {
      const double value = wanted["value"][i];
      EXPECT_NEAR(buffers[name][static_cast<int64_t>(i)].item<double>(), value,
                  1e-9 * std::max(1.0, std::abs(value)))
          << name << " " << i;
    }
  }
}

TEST_P(Golden, AgreesInSinglePrecision) {
  fill();
  model->eval();
  const torch::NoGradGuard no_grad;
  expect_logits(model->forward(image().to(torch::kFloat32)).logits, golden["eval"]["logits"], 1e-4);
}

INSTANTIATE_TEST_SUITE_P(All, Golden, testing::ValuesIn(golden_names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace groundglass
