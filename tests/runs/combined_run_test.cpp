#include "groundglass/runs/combined_run.h"

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/io/safetensors.h"
#include "groundglass/runs/run_folder.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/train/weights.h"
#include "tests/complaint.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

constexpr const char* kMemberRecipe = R"([preprocess]
contrast = "none"
size = [32, 32]
[augment]
mode = "none"
[split]
folds = 2
[model]
name = "unet"
widths = [4, 8]
[loss]
terms = [{name = "dice", weight = 1.0}]
[train]
epochs = 1
batch_size = 8
learning_rate = 1e-2
[evaluate]
threshold_from = "validation"
)";

class CombinedRun : public testing::Test {
 protected:
  void train(const std::string& name, const std::vector<std::string>& changes, size_t fold = 0) {
    const Recipe recipe = parse_recipe(kMemberRecipe, "r.toml", changes);
    train_fold({folder / name, recipe, &set, make_splits(set.rows(), recipe.split, 0)[fold]});
  }
  FoldScores combine(const std::vector<std::string>& names) {
    std::vector<fs::path> runs;
    for (const auto& name : names) runs.push_back(folder / name);
    return combine_runs(folder / "both", runs, set, {});
  }
  std::string refusal(const std::vector<std::string>& names) {
    return complaint(ErrorKind::usage, [&] { combine(names); });
  }
  torch::Tensor logits(const std::string& name) const {
    const torch::NoGradGuard no_grad;
    const auto image = set.image(3).to(torch::kFloat32).unsqueeze(0) / 255;
    return load_trained_model(folder / name).model->forward(image).logits;
  }

  ScratchFolder folder;
  PreparedSet set = [this] {
    const PreparedSet plain = made_up_set(folder, {}, "plain.ggset");
    PreparedHeader header = plain.header();
    header.preprocess = preprocess_text(parse_recipe(kMemberRecipe, "r.toml").preprocess);
    PreparedSetWriter writer(folder / "set.ggset", header);
    for (int64_t row = 0; row < plain.size(); ++row) {
      writer.write(row, plain.image(row), plain.mask(row));
    }
    writer.finish();
    return PreparedSet(folder / "set.ggset");
  }();
};

TEST_F(CombinedRun, IsNotMadeOfWeightsWhoseNotesHoldNoNumbers) {
  train("a", {});
  const fs::path file = weights_file(folder / "a");
  const auto refused = [&](const char* key, const char* value) {
    change_weights_notes(file, {{"threshold", "0.5"}, {"temperature", ""}});
    change_weights_notes(file, {{key, value}});
    return complaint(ErrorKind::checkpoint, [&] { load_trained_model(folder / "a"); });
  };
  EXPECT_TRUE(says(refused("threshold", "0,5"),
                   {"weights.safetensors: its note 'threshold' is '0,5'", "from 0 to 1;"}));
  EXPECT_TRUE(says(refused("threshold", ""), {"'threshold' is ''"}));
  EXPECT_TRUE(says(refused("threshold", "1.5"), {"'threshold' is '1.5'"}));
  EXPECT_TRUE(says(refused("temperature", "2 K"), {"'temperature' is '2 K'"}));
  EXPECT_TRUE(says(refused("image_cutoff", "nan"), {"'image_cutoff' is 'nan'"}));
}

TEST_F(CombinedRun, IsTheMeanOfRunsThatDifferInSeedAndSideOutputs) {
  train("a", {});
  train("b", {"train.seed=2", "model.side_outputs=0"});
  train("c", {"train.seed=3"});
  const FoldScores scores = combine({"a", "b", "c"});
  EXPECT_TRUE(
      torch::allclose(logits("both"), (logits("a") + logits("b") + logits("c")) / 3, 1e-5, 1e-6));
  EXPECT_EQ(scores.items.size(), read_fold_scores(folder / "a/test.json").items.size());
  EXPECT_EQ(read_fold_scores(folder / "both/test.json").items.size(), scores.items.size());
  EXPECT_EQ(load_trained_model(folder / "both").threshold, scores.threshold);
  EXPECT_EQ(read_file(folder / "both/split.json"), read_file(folder / "a/split.json"));
  const auto notes = read_safetensors(folder / "both/weights.safetensors").metadata;
  EXPECT_NE(notes.at("members").find(load_trained_model(folder / "b").weights_sha256),
            std::string::npos);
  EXPECT_GT(notes.count("typicality"), 0U);
  EXPECT_NE(notes.at("recipe").find("members = 3"), std::string::npos);
}

TEST_F(CombinedRun, LeavesSideOutputsOut) {
  train("a", {"model.widths=[4, 8, 8]"});
  train("b", {"model.widths=[4, 8, 8]", "model.side_outputs=1", "train.side_weight=0.5"});
  combine({"a", "b"});
  const auto weights = read_safetensors(folder / "both/weights.safetensors").tensors;
  EXPECT_EQ(weights.count("member2.head.weight"), 1U);
  for (const auto& [name, tensor] : weights)
    EXPECT_EQ(name.find("side"), std::string::npos) << name;
  EXPECT_TRUE(torch::allclose(logits("both"), (logits("a") + logits("b")) / 2, 1e-5, 1e-6));
}

TEST_F(CombinedRun, RefusesOneRunAndRunsThatDiffer) {
  train("a", {});
  train("wide", {"model.widths=[4, 12]"});
  train("other", {}, 1);
  EXPECT_TRUE(says(refusal({"a"}), {"1 run", "two"}));
  EXPECT_TRUE(says(refusal({"a", "wide"}), {"wide", "another network than", "training alone"}));
  EXPECT_TRUE(says(refusal({"a", "other"}), {"other", "another split than"}));
  train("two", {"model.members=2"});
  EXPECT_TRUE(says(refusal({"two", "two"}), {"two", "a mean of several networks already"}));
  const Recipe longer = parse_recipe(kMemberRecipe, "r.toml", {"train.epochs=2"});
  const Split split = make_splits(set.rows(), longer.split, 0).front();
  train_epochs({folder / "begun", longer, &set, split}, 1);
  EXPECT_TRUE(says(refusal({"a", "begun"}), {"begun", "has not ended"}));
  fs::remove(folder / "wide/split.json");
  EXPECT_TRUE(says(refusal({"a", "wide"}), {"split.json", "finished run"}));
}

TEST_F(CombinedRun, MembersAreTrainedTogetherToo) {
  train("both", {"model.members=2", "train.side_weight=2"});
  const TrainedModel trained = load_trained_model(folder / "both");
  const auto weights = named_weights(*trained.model);
  EXPECT_FALSE(torch::equal(weights.at("member1.head.weight"), weights.at("member2.head.weight")));
  std::string cascade = kMemberRecipe;
  cascade.replace(cascade.find("name = \"unet\"\nwidths = [4, 8]"), 29,
                  "name = \"chs_net\"\nmembers = 2");
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [&] { parse_recipe(cascade, "r.toml"); }),
                   {"chs_net is a cascade", "members"}));
}

}  // namespace
}  // namespace groundglass
