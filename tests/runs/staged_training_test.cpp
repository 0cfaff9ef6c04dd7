#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/core/task.h"
#include "groundglass/data/phantom.h"
#include "groundglass/models/cascade.h"
#include "groundglass/preprocess/normalise.h"
#include "groundglass/runs/staged_training.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/train/norm_statistics.h"
#include "groundglass/train/weights.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

const char* const kStagedRecipe = R"([preprocess]
contrast = "none"
size = [32, 32]
[augment]
mode = "none"
[split]
folds = 2
[model]
name = "chs_net"
lung_widths = [4, 6]
infection_widths = [4, 6]
lung_batch_norm_momentum = 0.1
infection_batch_norm_momentum = 0.1
[cascade]
lung_epochs = 3
[loss]
terms = [{name = "cross_entropy", weight = 0.5}, {name = "squared_dice", weight = 0.5}]
[train]
epochs = 2
batch_size = 4
learning_rate = 1e-2
)";

/// Slices of six phantoms with their lesions or their lungs as masks.
class StagedTraining : public testing::Test {
 protected:
  void SetUp() override {
    write_set("set.ggset", [](const Phantom::Slice& s) { return s.lesions.gt(0); });
    write_set("lungs.ggset", [](const Phantom::Slice& s) { return s.lungs; });
  }

  void write_set(const char* name,
                 const std::function<torch::Tensor(const Phantom::Slice&)>& mask_of,
                 const std::string& renamed = "") const {
    PreparedHeader header;
    header.preprocess = preprocess_text(recipe.preprocess);
    header.height = header.width = 32;
    for (int i = 0; i < 24; ++i) {
      const std::string patient = "p" + std::to_string(i / 4);
      const std::string id = i == 5 && !renamed.empty() ? renamed : "s" + std::to_string(i);
      header.rows.push_back({id, patient, patient, "", "", true});
    }
    if (!masked) header.rows[7].has_mask = false;
    PreparedSetWriter writer(folder / name, header);
    for (int i = 0; i < 24; ++i) {
      const Phantom phantom({.seed = static_cast<uint64_t>(1 + i / 4), .slices = 8, .side = 32});
      const auto slice = phantom.slice(2 + i % 4);
      const auto gray = ((slice.hu.to(torch::kFloat32) + 1000) * (255.0 / 1400)).clamp(0, 255);
      writer.write(i, gray.to(torch::kUInt8).unsqueeze(0), mask_of(slice).to(torch::kUInt8));
    }
    writer.finish();
  }

  FoldScores train(const fs::path& run) const {
    const PreparedSet set(folder / "set.ggset"), lungs(folder / "lungs.ggset");
    const Split split = make_splits(set.rows(), recipe.split, 0).front();
    return train_stages({run, recipe, &set, split, {}, 0, &lungs});
  }

  Recipe recipe = parse_recipe(kStagedRecipe, "r.toml");
  bool masked = true;
  ScratchFolder folder;
};

TEST_F(StagedTraining, JoinsTwoRunsInOneNetworkThatScoresAlike) {
  const FoldScores scores = train(folder / "run");
  const TrainedModel whole = load_trained_model(folder / "run");
  EXPECT_EQ(whole.recipe.model.name, "chs_net");
  ASSERT_TRUE(whole.recipe.cascade.has_value());
  const auto weights = named_weights(*whole.model);
  for (const char* part : {"lung", "infection"}) {
    const TrainedModel stage = load_trained_model(folder / "run" / part);
    EXPECT_EQ(stage.recipe.model.name, "raiu_net");
    for (const auto& [name, tensor] : named_weights(*stage.model)) {
      EXPECT_TRUE(tensor.equal(weights.at(std::string(part) + "." + name))) << part << name;
    }
  }
  // The whole on plain images is the second network on gated ones.
  const FoldScores second = read_fold_scores(folder / "run/infection/test.json");
  ASSERT_EQ(scores.items.size(), second.items.size());
  for (size_t i = 0; i < scores.items.size(); ++i) {
    EXPECT_EQ(scores.items[i].counts, second.items[i].counts) << scores.items[i].id;
  }
  EXPECT_EQ(read_fold_scores(folder / "run/lung/test.json").best_epoch <= 3, true);
  EXPECT_EQ(load_trained_model(folder / "run/lung").recipe.train.epochs, 3);
}

TEST_F(StagedTraining, ReEstimatesTheNormsOfTheSecondNetworkOnItsOwnImages) {
  recipe = parse_recipe(kStagedRecipe, "r.toml", {"train.norm_statistics=re-estimated"});
  train(folder / "run");
  const PreparedSet set(folder / "set.ggset"), gated(folder / "run/gated.ggset");
  const Split split = make_splits(set.rows(), recipe.split, 0).front();
  // No norm comes before the first one: what it sees depends on no order of the images.
  std::string first;
  const auto mean_over = [&](const PreparedSet& images) {
    const TrainedModel stage = load_trained_model(folder / "run/infection");
    NormPass pass;
    pass.loader.batch_size = 4;
    pass.loader.normalise = stage.recipe.preprocess.normalise;
    reestimate_norms(
        *stage.model, [&](const torch::Tensor& x) { return stage.model->forward(x).logits; },
        images, split.train, pass);
    for (const auto& buffer : stage.model->named_buffers()) {
      if (!buffer.key().ends_with("running_mean")) continue;
      first = buffer.key();
      return buffer.value().clone();
    }
    return torch::Tensor();
  };
  const auto exact = mean_over(gated), of_whole_images = mean_over(set);
  const TrainedModel whole = load_trained_model(folder / "run");
  const auto kept = named_weights(*whole.model).at("infection." + first);
  EXPECT_TRUE(kept.allclose(exact, 1e-4, 1e-5)) << kept << exact;
  EXPECT_FALSE(kept.allclose(of_whole_images, 1e-4, 1e-5)) << kept;
}

TEST_F(StagedTraining, CutsAwayWhatTheFirstNetworkLeavesOut) {
  train(folder / "run");
  const PreparedSet set(folder / "set.ggset"), gated(folder / "run/gated.ggset");
  const TrainedModel lung = load_trained_model(folder / "run/lung");
  const torch::NoGradGuard no_grad;
  int64_t inside = 0;
  for (int64_t row = 0; row < set.size(); ++row) {
    const auto image = set.image(row).to(torch::kFloat32).unsqueeze(0) / 255;
    const auto mask = probabilities(lung.model->forward(image).logits)[0] > 0.5;
    inside += mask.sum().item<int64_t>();
    EXPECT_TRUE(gated.image(row).equal(set.image(row) * mask.to(torch::kUInt8))) << row;
    EXPECT_TRUE(gated.mask(row).equal(set.mask(row))) << row;
  }
  EXPECT_GT(inside, 0);
  EXPECT_LT(inside, set.size() * 32 * 32);
}

TEST_F(StagedTraining, KnowsWhatTypicalImagesLookLike) {
  train(folder / "run");
  const auto whole = load_trained_model(folder / "run");
  ASSERT_TRUE(whole.typicality.has_value());
  // Of the images themselves, not of what the gate lets through.
  EXPECT_NE(whole.notes.at("typicality"),
            load_trained_model(folder / "run/infection").notes.at("typicality"));
}

TEST_F(StagedTraining, TrainsTheSecondNetworkBehindTheGateOfTheWhole) {
  for (const std::string gate : {"hard", "soft"}) {
    recipe = parse_recipe(kStagedRecipe, "r.toml",
                          {"model.gate=" + gate, "model.threshold=0.3", "train.epochs=1"});
    const FoldScores scores = train(folder / gate);
    const PreparedSet set(folder / "set.ggset"), gated(folder / (gate + "/gated.ggset"));
    const TrainedModel lung = load_trained_model(folder / gate / "lung");
    const torch::NoGradGuard no_grad;
    int64_t at_a_half = 0;
    for (int64_t row = 0; row < set.size(); ++row) {
      const auto image = set.image(row).to(torch::kFloat32);
      const auto p = probabilities(lung.model->forward(image.unsqueeze(0) / 255).logits)[0];
      const auto seen = image * (gate == "soft" ? p : (p > 0.3).to(torch::kFloat32));
      const auto found = gated.image(row).to(torch::kFloat32);
      EXPECT_LE((found - seen).abs().max().item<double>(), 1.0) << gate << " " << row;
      at_a_half += torch::equal(found, image * (p > 0.5));
    }
    EXPECT_LT(at_a_half, set.size());
    const FoldScores second = read_fold_scores(folder / gate / "infection/test.json");
    for (size_t i = 0; gate == "hard" && i < scores.items.size(); ++i) {
      EXPECT_EQ(scores.items[i].counts, second.items[i].counts) << scores.items[i].id;
    }
  }
  recipe = parse_recipe(kStagedRecipe, "r.toml", {"model.threshold=0.4", "train.epochs=1"});
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { train(folder / "hard"); }),
                   {"gated.ggset", "another gate", "another folder"}));
}

TEST_F(StagedTraining, AFinishedRunIsReadBack) {
  const FoldScores first = train(folder / "run");
  const auto written = fs::last_write_time(folder / "run/infection/weights.safetensors");
  const FoldScores again = train(folder / "run");
  EXPECT_EQ(fs::last_write_time(folder / "run/infection/weights.safetensors"), written);
  EXPECT_EQ(again.items.size(), first.items.size());
}

TEST_F(StagedTraining, TrainsTheLungsOnImagesThatHaveThem) {
  masked = false;
  write_set("lungs.ggset", [](const Phantom::Slice& s) { return s.lungs; });
  train(folder / "run");
  EXPECT_EQ(read_file(folder / "run/lung/split.json").find("\"s7\""), std::string::npos);
  EXPECT_NE(read_file(folder / "run/infection/split.json").find("\"s7\""), std::string::npos);
}

TEST_F(StagedTraining, RefusesLungsOfOtherImages) {
  write_set(
      "lungs.ggset", [](const Phantom::Slice& s) { return s.lungs; }, "stranger");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { train(folder / "run"); }),
                   {"lacks 1 images", "s5", "prepare both"}));
  EXPECT_FALSE(fs::exists(folder / "run"));
}

const char* const kOfTwoNetworks = R"([model]
name = "cascade"
lung = {name = "unet", widths = [4, 6]}
infection = {name = "attention_unet", widths = [4, 8], batch_norm_momentum = 0.1}
)";

/// The staged recipe with two networks of other families, and images normalised as said.
std::string of_two_networks(const std::string& normalise) {
  std::string text = kStagedRecipe;
  const size_t begin = text.find("[model]"), end = text.find("[cascade]");
  text.replace(begin, end - begin, kOfTwoNetworks);
  return text.insert(text.find("size ="), "normalise = \"" + normalise + "\"\n");
}

TEST_F(StagedTraining, TakesAnyTwoNetworksAndAnyNormalisation) {
  for (const auto* how : {"unit", "zscore", "minmax"}) {
    SCOPED_TRACE(how);
    recipe = parse_recipe(of_two_networks(how), "two.toml");
    EXPECT_EQ(parse_recipe(recipe.resolved(), "again.toml").resolved(), recipe.resolved());
    const fs::path run = folder / how;
    train(run);
    const TrainedModel whole = load_trained_model(run),
                       second = load_trained_model(run / "infection");
    EXPECT_EQ(second.recipe.model.name, "attention_unet");
    EXPECT_EQ(load_trained_model(run / "lung").recipe.model.name, "unet");
    // Whole images through the cascade give what the second network says of its own images.
    const PreparedSet set(folder / "set.ggset"), gated(run / "gated.ggset");
    whole.model->eval();
    second.model->eval();
    const torch::NoGradGuard no_grad;
    for (const int64_t row : {3, 10}) {
      const auto logits_of = [&](SegmentationModel& model, const PreparedSet& images) {
        return model
            .forward(normalised(images.image(row).unsqueeze(0), recipe.preprocess.normalise))
            .logits;
      };
      EXPECT_TRUE(torch::allclose(logits_of(*whole.model, set), logits_of(*second.model, gated),
                                  1e-3, 1e-3))
          << row;
    }
  }
}

TEST(CascadeSection, SaysWhatItWanted) {
  const auto refused = [](const std::string& from, const std::string& to) {
    std::string text = of_two_networks("unit");
    text.replace(text.find(from), from.size(), to);
    return complaint(ErrorKind::recipe, [&] { parse_recipe(text, "r.toml"); });
  };
  EXPECT_TRUE(says(refused("lung = {name = \"unet\", widths = [4, 6]}\n", ""),
                   {"[model] cascade has no lung; expected lung = {name = \"unet\"}"}));
  EXPECT_TRUE(says(refused("{name = \"unet\", widths = [4, 6]}", "\"unet\""),
                   {"r.toml:", "'lung' names no network"}));
  EXPECT_TRUE(says(refused("\"unet\"", "\"unett\""), {"r.toml:", "unett", "unet"}));
  EXPECT_TRUE(says(refused("widths = [4, 6]", "width = [4, 6]"),
                   {"unknown key 'width' in [model.lung]", "did you mean 'widths'"}));
  EXPECT_TRUE(says(refused("{name = \"unet\", widths = [4, 6]}", "{name = \"chs_net\"}"),
                   {"chs_net is a cascade itself"}));
}

TEST_F(StagedTraining, NeedsACascadeAndUnitImages) {
  const auto refused = [](const std::string& text) {
    return complaint(ErrorKind::recipe, [&] { parse_recipe(text, "r.toml"); });
  };
  std::string other = kStagedRecipe;
  other.replace(other.find("chs_net"), 7, "raiu_net");
  EXPECT_NE(refused(other).find("r.toml"), std::string::npos);
  const std::string plain =
      "[model]\nname = \"unet\"\n[cascade]\n[loss]\nterms = [{name = \"dice\"}]\n";
  EXPECT_TRUE(says(refused(plain), {"unet is none", "chs_net"}));
  std::string scaled = kStagedRecipe;
  scaled.insert(scaled.find("size ="), "normalise = \"zscore\"\n");
  EXPECT_TRUE(says(refused(scaled), {"normalise", "'unit'", "\"cascade\" takes any"}));
  Recipe without = recipe;
  without.cascade.reset();
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [&] { lung_recipe(without); }), {"no [cascade]"}));
}

}  // namespace
}  // namespace groundglass
