#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/io/safetensors.h"
#include "groundglass/runs/fold_job.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/train/weights.h"
#include "tests/complaint.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

constexpr const char* kTeacherRecipe = R"([augment]
mode = "none"
[split]
folds = 2
[model]
name = "unet"
widths = [4, 8]
[loss]
terms = [{name = "dice", weight = 1.0}]
[train]
epochs = 3
batch_size = 8
learning_rate = 1e-2
)";

class DistilledRun : public testing::Test {
 protected:
  void train(const std::string& name, const std::vector<std::string>& changes, size_t fold = 0) {
    const Recipe recipe = parse_recipe(kTeacherRecipe, "r.toml", changes);
    train_fold({folder / name, recipe, &set, make_splits(set.rows(), recipe.split, 0)[fold]});
  }
  /// Mean absolute difference of two runs' probabilities on a few rows.
  double distance(const std::string& a, const std::string& b) const {
    const torch::NoGradGuard no_grad;
    double sum = 0;
    for (int64_t row = 0; row < 8; ++row) {
      const auto image = set.image(row).to(torch::kFloat32).unsqueeze(0) / 255;
      const auto p = [&](const std::string& name) {
        return load_trained_model(folder / name).model->forward(image).logits.sigmoid();
      };
      sum += (p(a) - p(b)).abs().mean().item<double>();
    }
    return sum / 8;
  }
  std::string teacher(const std::string& name) const {
    return "distil.teacher=" + (folder / name).string();
  }
  std::string refusal(const std::vector<std::string>& changes, size_t fold = 0) {
    return complaint(ErrorKind::recipe, [&] { train("refused", changes, fold); });
  }

  ScratchFolder folder;
  PreparedSet set = made_up_set(folder);
};

TEST_F(DistilledRun, ComesNearerToItsTeacherAndNotesIt) {
  train("teacher", {"train.seed=3", "train.epochs=12"});
  train("alone", {"train.epochs=12"});
  train("taught", {"train.epochs=12", teacher("teacher"), "distil.weight=1"});
  EXPECT_LT(distance("taught", "teacher"), 0.8 * distance("alone", "teacher"));
  const auto notes = read_safetensors(folder / "taught/weights.safetensors").metadata;
  EXPECT_EQ(notes.at("teacher"), load_trained_model(folder / "teacher").weights_sha256);
  EXPECT_TRUE(says(notes.at("recipe"), {"[distil]", "weight = 1"}));
}

TEST_F(DistilledRun, OfWeightZeroIsTheTrainingWithoutATeacher) {
  train("teacher", {"train.seed=3"});
  train("alone", {});
  train("taught", {teacher("teacher"), "distil.weight=0"});
  EXPECT_EQ(distance("taught", "alone"), 0);
}

TEST_F(DistilledRun, RefusesATeacherOfAnotherSplit) {
  train("other", {"train.epochs=1"}, 1);
  EXPECT_TRUE(says(refusal({teacher("other")}), {"another split", "same data and fold"}));
  train("slices", {"train.epochs=1", "split.mode=paper"});  // other slices of the same patients
  EXPECT_TRUE(says(refusal({teacher("slices")}), {"another split"}));
}

TEST_F(DistilledRun, RefusesTeachersThatDoNotFit) {
  train("smaller", {"train.epochs=1", "preprocess.size=[16, 16]"});
  EXPECT_TRUE(says(refusal({teacher("smaller")}), {"prepared otherwise"}));
  train("two", {"train.epochs=1", "model.out_channels=2"});
  EXPECT_TRUE(says(refusal({teacher("two")}), {"2 output channels", "1"}));
  const TrainedModel bare = load_trained_model(folder / "two");
  fs::create_directories(folder / "bare");
  const Recipe recipe = parse_recipe(kTeacherRecipe, "r.toml");
  write_safetensors(folder / "bare/weights.safetensors",
                    {named_weights(*recipe.model.make()), weights_notes(recipe, 0.5)});
  EXPECT_TRUE(says(refusal({teacher("bare")}), {"no split.json"}));
}

TEST_F(DistilledRun, RefusesASectionWithoutATeacherOrBesideACascade) {
  const auto of = [](const std::vector<std::string>& changes) {
    return complaint(ErrorKind::recipe, [&] { parse_recipe(kTeacherRecipe, "r.toml", changes); });
  };
  EXPECT_TRUE(says(of({"distil.weight=0.5"}), {"no teacher"}));
  EXPECT_TRUE(says(of({"distil.weight=2", "distil.teacher=x"}), {"weight", "0", "1"}));
  const auto cascade = complaint(ErrorKind::recipe, [] {
    parse_recipe(
        "[model]\nname = \"chs_net\"\n[loss]\nterms = [{name = \"dice\"}]\n[cascade]\n"
        "[distil]\nteacher = \"x\"\n",
        "r.toml");
  });
  EXPECT_TRUE(says(cascade, {"[distil]", "[cascade]"}));
}

}  // namespace
}  // namespace groundglass
