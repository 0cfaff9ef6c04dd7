#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/runs/classifier_run.h"
#include "groundglass/train/weights.h"
#include "tests/complaint.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace {

/// Classes by the brightest pixel of a stored image: rows with a disc are class 1.
std::vector<int64_t> disc_classes(const PreparedSet& set) {
  std::vector<int64_t> classes;
  for (int64_t row = 0; row < set.size(); ++row) {
    classes.push_back((set.mask(row) != 0).any().item<bool>() ? 1 : 0);
  }
  return classes;
}

/// Ends a training after so many steps, as a signal would.
class StopAfter final : public Observer {
 public:
  explicit StopAfter(int64_t steps) : left_(steps) {}
  void on(const Progress&) override {
    if (--left_ == 0) request_stop(2);
  }

 private:
  int64_t left_;
};

class ClassifierTrainer : public testing::Test {
 protected:
  ClassifierTrainer() : set(made_up_set(folder, {.domains = 1, .patients = 4, .slices = 5})) {}

  ClassifierJob job(const std::string& name, int64_t epochs = 2) {
    at::manual_seed(11);
    ClassifierJob j;
    j.model = EncoderClassifier(EncoderClassifierOptions{.in_channels = 1});
    j.options.epochs = epochs;
    j.options.batch_size = 6;
    j.options.learning_rate = 1e-3;
    j.options.monitor = Monitor::last;
    j.options.checkpoint_minutes = 1000;
    j.set = &set;
    j.classes = disc_classes(set);
    for (int64_t row = 0; row < set.size(); ++row) {
      (row < 15 ? j.split.train : j.split.validation).push_back({row, 0});
    }
    j.run = folder / name;
    make_folder(j.run);
    return j;
  }

  ScratchFolder folder;
  PreparedSet set;
};

TEST_F(ClassifierTrainer, ResumedEndsWithTheBitsOfAnUninterruptedOne) {
  const auto whole = job("whole");
  train_classifier(whole);
  const auto cut = job("cut");
  StopAfter stop(4);  // in the second epoch of three steps
  EXPECT_THROW(train_classifier(cut, stop), Stopped);
  request_stop(0);
  const auto again = job("cut");
  const auto result = train_classifier(again);
  EXPECT_EQ(result.epochs, 2);
  const auto a = named_weights(*whole.model), b = named_weights(*again.model);
  for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
  const auto lines = [](const std::filesystem::path& path) {  // without the seconds
    std::vector<std::string> kept;
    for (const auto& line : split_text(read_file(path), '\n')) {
      const auto cells = split_text(line, ',');
      if (cells.size() > 3) kept.push_back(cells[0] + cells[1] + cells[2] + cells[3]);
    }
    return kept;
  };
  EXPECT_EQ(lines(whole.run / "progress.csv"), lines(again.run / "progress.csv"));
  EXPECT_EQ(lines(whole.run / "progress.csv").size(), 3U);
}

TEST_F(ClassifierTrainer, GoesOnWithTheStateOfAnEarlierVersion) {
  const auto whole = job("whole");
  train_classifier(whole);
  const auto cut = job("cut");
  StopAfter stop(4);
  EXPECT_THROW(train_classifier(cut, stop), Stopped);
  request_stop(0);
  // That version kept its numbers under another name and its history as lines of text.
  TensorArchive state = read_safetensors(cut.run / "state.safetensors");
  for (auto& [name, tensor] : state.tensors) tensor = tensor.clone();
  const auto now = nlohmann::json::parse(state.metadata.at("training"));
  nlohmann::json numbers, lines = nlohmann::json::array();
  for (const char* key : {"epoch", "step", "loss_sum", "best_epoch", "best_monitor"}) {
    numbers[key] = now.at(key);
  }
  const auto text = split_text(read_file(cut.run / "progress.csv"), '\n');
  lines.push_back(split_text(text.at(1), ','));
  numbers["progress"] = lines;
  state.metadata = {{"classifier", numbers.dump()}};
  write_safetensors(cut.run / "state.safetensors", state);
  const auto again = job("cut");
  EXPECT_EQ(train_classifier(again).epochs, 2);
  const auto a = named_weights(*whole.model), b = named_weights(*again.model);
  for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
  EXPECT_EQ(split_text(read_file(cut.run / "progress.csv"), '\n').at(1), text.at(1));
}

TEST_F(ClassifierTrainer, StopsWhenPatienceIsOver) {
  auto j = job("patient", 9);
  j.options.monitor = Monitor::auc;
  j.options.learning_rate = 0;  // nothing gets better, but for the statistics of batch norm
  j.options.patience = 1;
  j.options.norm_statistics = ScoredNorms::re_estimated;  // the moving ones would need 459 steps
  const auto result = train_classifier(j);
  EXPECT_LT(result.epochs, 9);
  EXPECT_EQ(result.epochs, result.best_epoch + 1);
}

TEST_F(ClassifierTrainer, KeepsTheRunningMeanOfTheWeights) {
  auto j = job("mean", 1);
  j.options.ema_decay = 0.9;
  train_classifier(j);
  const auto state = read_safetensors(j.run / "state.safetensors").tensors;
  const auto kept = read_safetensors(j.run / "weights.safetensors").tensors;
  const auto& mean = state.at("average/head.weight");
  EXPECT_TRUE(torch::equal(kept.at("head.weight"), mean));
  EXPECT_FALSE(torch::equal(state.at("weights/head.weight"), mean));
}

TEST_F(ClassifierTrainer, RefusesASideWeight) {
  auto j = job("sides");
  j.options.side_weight = 0.5;
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [&] { train_classifier(j); }),
                   {"side_weight", "no side outputs", "set it to 0"}));
}

TEST_F(ClassifierTrainer, LaysItsKernelsChannelsLastInBfloat16) {
  for (const bool narrow : {false, true}) {
    auto j = job(narrow ? "bf16" : "fp32", 1);
    if (narrow) j.engine.precision = torch::kBFloat16;
    train_classifier(j);
    int64_t kernels = 0, last = 0;
    for (const auto& p : j.model->parameters()) {
      if (p.dim() != 4 || p.size(1) == 1 || p.size(2) == 1) continue;  // of these both are true
      ++kernels;
      last += p.is_contiguous(torch::MemoryFormat::ChannelsLast);
    }
    EXPECT_EQ(last, narrow ? kernels : 0);
  }
}

TEST_F(ClassifierTrainer, LearnsTheTrainingImages) {
  auto j = job("learns", 8);
  j.split.validation = j.split.train;
  j.options.monitor = Monitor::auc;
  const auto result = train_classifier(j);
  EXPECT_GT(result.best_monitor, 0.9);
  LoaderOptions loading;
  loading.batch_size = 5;
  const auto images = classify(j.model, set, j.split.train, loading, {});
  EXPECT_NEAR(*auc(class_scores(images, j.classes)), result.best_monitor, 0.05);
  for (const auto& image : images) EXPECT_NEAR(image.shares[0] + image.shares[1], 1, 1e-6);
}

TEST_F(ClassifierTrainer, RefusesOneClassAndClassesOutOfRange) {
  auto one = job("one");
  std::fill(one.classes.begin(), one.classes.end(), 1);
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { train_classifier(one); }), {"one class only"}));
  auto wide = job("wide");
  wide.classes[3] = 2;
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { train_classifier(wide); }), {"class 2", "0 to 1"}));
  auto empty = job("empty");
  empty.split.train.clear();
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { train_classifier(empty); }), {"no training rows"}));
}

TEST_F(ClassifierTrainer, RefusesAStateOfSomethingElse) {
  const auto j = job("other");
  write_safetensors(j.run / "state.safetensors", {{{"a", torch::ones({2})}}, {}});
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { train_classifier(j); }),
                   {"is no state of a classifier"}));
}

TEST_F(ClassifierTrainer, SaysWhenTheLossIsNoNumber) {
  auto j = job("nan");
  {
    const torch::NoGradGuard no_grad;
    j.model->named_parameters()["head.bias"].fill_(std::nan(""));
  }
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [&] { train_classifier(j); }),
                   {"not a number", "learning_rate"}));
}

const std::filesystem::path kRecipes = std::filesystem::path(GROUNDGLASS_SOURCE_DIR) / "recipes";

TEST(ClassifierRecipes, OfThePaperReadAndReadBack) {
  for (const auto& preset : classifier_presets()) {
    if (preset.paper.empty()) continue;
    const auto path = kRecipes / (preset.name + "_2020.toml");
    EXPECT_TRUE(is_classifier_recipe(path)) << path;
    const auto recipe = read_classifier_recipe(path);
    EXPECT_EQ(recipe.model, preset.name);
    EXPECT_EQ(recipe.network.encoder.encoder, preset.options.encoder.encoder);
    EXPECT_EQ(recipe.train.epochs, 10);
    EXPECT_DOUBLE_EQ(recipe.train.learning_rate, 1e-5);
    EXPECT_EQ(recipe.split.mode, SplitMode::stratified);
    EXPECT_EQ(parse_classifier_recipe(recipe.resolved(), "again.toml").resolved(),
              recipe.resolved());
  }
  EXPECT_FALSE(is_classifier_recipe(kRecipes / "unet_densenet121_2020.toml"));
}

TEST(ClassifierRecipes, RefuseWhatTheyDoNotKnow) {
  const std::string good = read_file(kRecipes / "classifier_densenet121_2020.toml");
  const auto refused = [&](const std::string& what) {
    return complaint(ErrorKind::recipe, [&] { parse_classifier_recipe(good, "c.toml", {what}); });
  };
  EXPECT_TRUE(says(refused("model.name=classifier_densenet"),
                   {"unknown classifier 'classifier_densenet'", "classifier_densenet121"}));
  EXPECT_TRUE(says(refused("loss.terms=dice"), {"unknown section [loss]"}));
  EXPECT_TRUE(says(refused("train.monitor=soft_dice"), {"monitor", "auc"}));
  EXPECT_TRUE(says(refused("train.monitor=auc"), {"stratified", "'last'"}));
  EXPECT_TRUE(says(refused("labels.positive=[]"), {"no positive"}));
  EXPECT_TRUE(says(refused("evaluate.cutoff_from=validation"), {"stratified", "'fixed'"}));
  EXPECT_TRUE(says(refused("train.side_weight=0.5"), {"c.toml", "side_weight", "set it to 0"}));
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [] { read_classifier_recipe("none.toml"); }),
                   {"none.toml", "no such recipe"}));
}

TEST(ClassifierRecipes, TakeClassesFromTheLabels) {
  std::vector<PreparedRow> rows(3);
  rows[0].label = "infected";
  rows[1].label = rows[2].label = "normal";
  EXPECT_EQ(classes_of(rows, {{"infected"}}), (std::vector<int64_t>{1, 0, 0}));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { classes_of(rows, {{"covid"}}); }),
                   {"'covid'", "infected and normal"}));
}

/// The same images, each fifth of them labelled normal.
PreparedSet labelled_set(const PreparedSet& set, const std::filesystem::path& path) {
  PreparedHeader header = set.header();
  for (size_t i = 0; i < header.rows.size(); ++i) {
    header.rows[i].label = i % 5 == 4 ? "normal" : "infected";
  }
  PreparedSetWriter writer(path, header);
  for (int64_t row = 0; row < set.size(); ++row) writer.write(row, set.image(row), set.mask(row));
  writer.finish();
  return PreparedSet(path);
}

/// Keeps the warnings.
class Warnings final : public Observer {
 public:
  void on(const Warning& w) override { text += w.message; }
  std::string text;
};

TEST_F(ClassifierTrainer, FoldStartsFromWeightsAndChoosesItsCutOff) {
  torch::manual_seed(3);
  auto start = named_weights(*make_encoder({.encoder = EncoderKind::resnet18}, 3));
  write_safetensors(folder / "start.safetensors", {start, {}});
  auto recipe = read_classifier_recipe(
      kRecipes / "classifier_mobilenet_v2.toml",
      {"train.epochs=1", "train.batch_size=8", "model.name=classifier_resnet18",
       "model.input_scale=unit", "model.weights=" + (folder / "start.safetensors").string()});
  recipe.train.learning_rate = 0;
  const PreparedSet labelled = labelled_set(set, folder / "labelled.ggset");
  Split split;
  for (int64_t row = 0; row < 20; ++row) (row < 10 ? split.train : split.test).push_back({row, 0});
  split.validation = split.test;
  Warnings warnings;
  const auto fold = train_classifier_fold({folder / "run", recipe, &labelled, split}, warnings);
  EXPECT_TRUE(says(warnings.text, {"start.safetensors: ", "120 taken", "head.bias"}));
  const auto trained = load_trained_classifier(folder / "run");
  EXPECT_EQ(trained.recipe.start.weights, recipe.start.weights);
  EXPECT_TRUE(torch::equal(named_weights(*trained.model).at("encoder.layer4.0.conv1.weight"),
                           start.at("layer4.0.conv1.weight")));
  std::vector<ImageScore> scores;  // validation and test rows are the same here
  for (const auto& item : fold.items) scores.push_back(item.score);
  EXPECT_DOUBLE_EQ(fold.cutoff, best_youden_cutoff(scores, -1));
  EXPECT_NE(fold.cutoff, 0.5);
  EXPECT_EQ(read_safetensors_metadata(folder / "run/weights.safetensors").at("image_cutoff"),
            shortest(fold.cutoff));
  const auto back = train_classifier_fold({folder / "run", recipe, &labelled, split});
  EXPECT_DOUBLE_EQ(back.cutoff, fold.cutoff);
}

TEST_F(ClassifierTrainer, FoldIsReadBackAndItsWeightsCarryTheirRecipe) {
  auto recipe = read_classifier_recipe(kRecipes / "classifier_densenet121_2020.toml",
                                       {"train.epochs=1", "train.batch_size=8"});
  const PreparedSet labelled = labelled_set(set, folder / "labelled.ggset");
  Split split;
  for (int64_t row = 0; row < 20; ++row) (row < 15 ? split.train : split.test).push_back({row, 0});
  split.validation = split.test;
  const auto fold = train_classifier_fold({folder / "run", recipe, &labelled, split});
  EXPECT_EQ(fold.items.size(), 5U);
  EXPECT_TRUE(is_classifier(folder / "run"));
  const auto back = train_classifier_fold({folder / "run", recipe, &labelled, split});
  EXPECT_EQ(back.items[2].id, fold.items[2].id);
  EXPECT_DOUBLE_EQ(back.items[2].score.value, fold.items[2].score.value);
  const auto trained = load_trained_classifier(folder / "run");
  EXPECT_EQ(trained.recipe.model, "classifier_densenet121");
  EXPECT_FALSE(trained.model->is_training());
  recipe.train.learning_rate = 0.1;
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               train_classifier_fold({folder / "run", recipe, &labelled, split});
                             }),
                   {"another recipe"}));
  recipe.train.learning_rate = 1e-5;
  std::swap(split.train[0], split.test[0]);
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               train_classifier_fold({folder / "run", recipe, &labelled, split});
                             }),
                   {"another split"}));
  write_file(folder / "run/test.json", "{}");
  std::swap(split.train[0], split.test[0]);
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint,
                             [&] {
                               train_classifier_fold({folder / "run", recipe, &labelled, split});
                             }),
                   {"test.json", "is damaged"}));
  write_safetensors(folder / "plain.safetensors", {{{"a", torch::ones({2})}}, {}});
  EXPECT_FALSE(is_classifier(folder / "plain.safetensors"));
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint,
                             [&] { load_trained_classifier(folder / "plain.safetensors"); }),
                   {"is no classifier"}));
  EXPECT_TRUE(
      says(complaint(ErrorKind::checkpoint, [&] { load_trained_classifier(folder / "nothing"); }),
           {"holds no weights"}));
}

}  // namespace
}  // namespace groundglass
