// Calibration through the program: a phantom, a small network, and what predict makes of it.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/csv.h"
#include "groundglass/core/files.h"
#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// A phantom of 8 patients in two domains, and a network trained on it.
class CalibrateProgram : public ProgramTest {
 protected:
  void train(const std::string& more = "") {
    write_small_recipe(folder / "r.toml");
    run("groundglass phantom data --cases 8 --slices 4 --side 64 -q");
    run("groundglass prepare data/cases.csv --recipe r.toml -o set.ggset -q");
    run("groundglass train r.toml --data set.ggset --epochs 2 -o run -q "
        "--set train.steps_per_epoch=15 --set split.validation_fraction=0.5 " +
        more);
  }
  json calibrate(const std::string& more = "") const {
    return json::parse(run("groundglass calibrate run --data set.ggset -q --json " + more).out);
  }
  /// Files of two folders whose names end so: how many there are, and how many differ.
  std::pair<int, int> differing(const std::string& a, const std::string& b,
                                const std::string& ending) const {
    int files = 0, different = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder / a)) {
      if (!ends_with(entry.path().string(), ending)) continue;
      ++files;
      const auto other = folder / b / fs::relative(entry.path(), folder / a).string();
      different += read_file(entry.path()) != read_file(other);
    }
    return {files, different};
  }
  static bool ends_with(const std::string& text, const std::string& ending) {
    return text.size() >= ending.size() &&
           text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
  }
  json summary(const std::string& name) const {
    return json::parse(read_file(folder / (name + "/summary.json")));
  }
};

TEST_F(CalibrateProgram, ChangesProbabilitiesAndLeavesMasksAsTheyAre) {
  train();
  const std::string predict =
      "groundglass predict data/cases.csv --save-probabilities --threshold 0.4 -q --model ";
  run(predict + "run -o plain");
  EXPECT_EQ(summary("plain")["temperature"], 1);
  const json done = calibrate();
  const double t = done["temperature"];
  EXPECT_NE(t, 1);
  run(predict + "run -o calibrated");
  EXPECT_EQ(differing("plain", "calibrated", "_mask.png"), (std::pair{32, 0}));
  const auto [files, different] = differing("plain", "calibrated", "_probability.png");
  EXPECT_EQ(files, 32);
  EXPECT_GT(different, 0);
  EXPECT_EQ(summary("calibrated")["temperature"], t);
  EXPECT_EQ(summary("calibrated")["threshold"], 0.4);
  EXPECT_NEAR(summary("calibrated")["calibrated_threshold"],
              1 / (1 + std::exp(-std::log(0.4 / 0.6) / t)), 1e-12);

  run(predict + "run --temperature 1 -o asked");
  EXPECT_EQ(differing("plain", "asked", ".png"), (std::pair{64, 0}));
  EXPECT_EQ(run(predict + "run --temperature 0 -o no", 2).out, "");

  run("groundglass export --model run -o alone.safetensors");  // carries it along
  run(predict + "alone.safetensors -o alone");
  EXPECT_EQ(summary("alone")["temperature"], t);
}

TEST_F(CalibrateProgram, WritesNumbersBinsAndAFigure) {
  train();
  const json done = calibrate("-o out");
  EXPECT_FALSE(fs::exists(folder / "run/calibration.json"));
  EXPECT_EQ(json::parse(read_file(folder / "out/calibration.json")), done);
  EXPECT_TRUE(fs::exists(folder / "out/reliability.png"));
  const json& validation = done["validation"];
  EXPECT_EQ(validation["rows"].get<int>() + done["test"]["rows"].get<int>(), 24);
  EXPECT_EQ(validation["all"]["before"]["pixels"], validation["rows"].get<int>() * 32 * 32);
  EXPECT_LT(validation["near"]["before"]["pixels"], validation["all"]["before"]["pixels"]);
  EXPECT_LT(validation["all"]["after"]["nll"], validation["all"]["before"]["nll"]);
  EXPECT_EQ(done["test"]["domains"].size(), 2U);
  for (const char* region : {"all", "near"}) {
    const json& part = done["test"][region];
    EXPECT_NEAR(part["ece_change"].get<double>(),
                part["after"]["ece"].get<double>() - part["before"]["ece"].get<double>(), 1e-15);
    for (const char* name : {"ece", "confidence_ece"}) {
      const json& interval = part["after"][std::string(name) + "_interval95"];
      EXPECT_LE(interval[0], part["after"][name]) << name;
      EXPECT_GE(interval[1], part["after"][name]) << name;
    }
  }

  // The bins say the same: their pixels are all pixels, their mean gap is the error.
  const CsvTable bins = read_csv(folder / "out/calibration.csv");
  EXPECT_EQ(bins.rows.size(), 2U * 2 * 2 * 2 * 15);
  double pixels = 0, gaps = 0;
  for (const auto& row : bins.rows) {
    const auto& c = row.cells;
    if (c[0] != "test" || c[1] != "all" || c[2] != "foreground" || c[3] != "after") continue;
    if (c[7] == "0") continue;
    pixels += std::stod(c[7]);
    gaps += std::stod(c[7]) * std::abs(std::stod(c[8]) - std::stod(c[9]));
  }
  EXPECT_EQ(pixels, done["test"]["all"]["after"]["pixels"]);
  EXPECT_NEAR(gaps / pixels, done["test"]["all"]["after"]["ece"], 1e-12);

  EXPECT_TRUE(says(run("groundglass calibrate run --data data/cases.csv -q").out,
                   {"| test | all |", "temperature", "predict uses it from now on"}));
  EXPECT_EQ(json::parse(read_file(folder / "run/calibration.json"))["temperature"],
            done["temperature"]);
}

TEST_F(CalibrateProgram, TakesASoftmaxAsWell) {
  train("--set model.out_channels=2");
  for (const char* region : {"near", "all"}) {
    const auto scores = calibrate(std::string("--fit ") + region)["validation"][region];
    EXPECT_LT(scores["after"]["nll"], scores["before"]["nll"]);
  }
  const std::string predict =
      "groundglass predict data/cases.csv --save-probabilities -q "
      "--model run -o ";
  run(predict + "calibrated");
  run(predict + "plain --temperature 1");
  EXPECT_EQ(differing("plain", "calibrated", "_mask.png"), (std::pair{32, 0}));
  EXPECT_GT(differing("plain", "calibrated", "_probability.png").second, 0);
}

TEST_F(CalibrateProgram, SaysInOneLineWhatItCannotDo) {
  train();
  const auto refusal = [&](const std::string& words, int code) {
    const std::string text = run("groundglass calibrate " + words + " -q -o no", code).err;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    return text;
  };
  run("groundglass prepare data/cases.csv --recipe r.toml -o other.ggset -q "
      "--set preprocess.size=[64,64]");
  EXPECT_TRUE(says(refusal("run --data other.ggset", 3), {"other [preprocess] options", "size"}));
  run("groundglass phantom less --cases 2 --slices 4 --side 64 -q");
  run("groundglass prepare less/cases.csv --recipe r.toml -o less.ggset -q");
  EXPECT_TRUE(says(refusal("run --data less.ggset", 5), {"error: "}));
  run("groundglass phantom clean --cases 8 --slices 4 --side 64 --lesions 0 -q");
  run("groundglass prepare clean/cases.csv --recipe r.toml -o clean.ggset -q");
  EXPECT_TRUE(says(refusal("run --data clean.ggset", 4), {"every pixel is background"}));
  run("cp set.ggset run/prepared.ggset");
  EXPECT_TRUE(says(refusal("run --data clean/cases.csv", 2), {"prepared from other images"}));
  EXPECT_TRUE(says(refusal("nowhere --data set.ggset", 5), {"nowhere"}));
  run("cp run/weights.safetensors alone.safetensors");
  EXPECT_TRUE(
      says(refusal("alone.safetensors --data set.ggset", 5), {"split.json", "name a run folder"}));
  json split = json::parse(read_file(folder / "run/split.json"));
  split["val"] = json::array();
  write_file(folder / "run/split.json", split.dump());
  EXPECT_TRUE(says(refusal("run --data set.ggset", 4),
                   {"no validation slices", "'strict'", "with a split"}));
  EXPECT_FALSE(fs::exists(folder / "no"));
}

TEST_F(CalibrateProgram, DoesNotLetPredictUseATemperatureOfOtherWeights) {
  train();
  calibrate();
  json document = json::parse(read_file(folder / "run/calibration.json"));
  document["weights_sha256"] = "0";
  write_file(folder / "run/calibration.json", document.dump());
  const std::string predict = "groundglass predict data/cases.csv --model run -q -o out ";
  EXPECT_TRUE(says(run(predict, 5).err, {"other weights", "calibrate"}));
  write_file(folder / "run/calibration.json", "{\"temperature\": -1, \"weights_sha256\": \"0\"}");
  EXPECT_TRUE(says(run(predict, 5).err, {"no temperature above 0", "calibrate"}));
  calibrate();
  run(predict);
}

}  // namespace
}  // namespace groundglass
