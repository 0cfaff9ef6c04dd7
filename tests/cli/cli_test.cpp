// The program as scripts see it: exit codes, stdout, stderr, files.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

void expect_one_error_line(const Outcome& outcome, int code,
                           std::initializer_list<std::string> words) {
  EXPECT_EQ(outcome.code, code) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err.rfind("error: ", 0), 0U) << outcome.err;
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
  EXPECT_TRUE(says(outcome.err, words));
}

TEST(Cli, SaysWhenItsAnswerCannotBeWritten) {
  const ScratchFolder folder;
  const Outcome full = run_shell("groundglass info > /dev/full", folder.path());
  expect_one_error_line(full, 4, {"standard output cannot be written"});
}

TEST(Cli, SaysWhichFileOutgrowsTheLimitOfTheShellAndLeavesNothingOfIt) {
  const ScratchFolder folder;
  const Outcome weights = run_shell(
      "ulimit -f 64; groundglass export --model ct_infection -o w.safetensors", folder.path());
  expect_one_error_line(weights, 4, {"w.safetensors: cannot be written (File too large)"});
  for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
    EXPECT_TRUE(entry.is_directory()) << entry.path();
  }
}

TEST(Cli, SaysWhatItIsAndWhatItIsNot) {
  const ScratchFolder folder;
  const Outcome help = run_shell("groundglass --help", folder.path());
  EXPECT_EQ(help.code, 0);
  EXPECT_TRUE(says(help.out, {"not a medical device", "info", "models", "train", "Exit codes"}));
  const Outcome info = run_shell("groundglass info --json", folder.path());
  EXPECT_EQ(info.code, 0);
  const json j = json::parse(info.out);
  EXPECT_GE(j["processors"].get<int>(), 1);
  EXPECT_TRUE(says(j["note"].get<std::string>(), {"not a medical device"}));
  for (const auto& verb : j["verbs"]) {
    const Outcome verb_help =
        run_shell("groundglass " + verb.get<std::string>() + " --help", folder.path());
    EXPECT_EQ(verb_help.code, 0) << verb;
    EXPECT_TRUE(says(verb_help.out, {"not a medical device", "--json", "--threads"})) << verb;
  }
}

TEST(Cli, ListsTheBundledModelsWithTheirCautionsAndCards) {
  const ScratchFolder folder;
  const Outcome outcome = run_shell("groundglass models --bundled --json", folder.path());
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(project_path("models"))) {
    files += entry.path().extension() == ".safetensors" ? 1 : 0;
  }
  const json list = json::parse(outcome.out);
  EXPECT_EQ(list.size(), files);
  for (const auto& m : list) {
    EXPECT_EQ(m["sha256"].get<std::string>().size(), 64U) << m;
    EXPECT_GT(m["parameters"]["total"].get<int64_t>(), 100000) << m;
    EXPECT_FALSE(m["title"].get<std::string>().empty()) << m;
    ASSERT_TRUE(m["card"].is_string()) << m["name"] << " has no card";
    EXPECT_TRUE(says(read_file(m["card"].get<std::string>()),
                     {"not a medical device", "## Data", "## Failures seen"}))
        << m["name"];
    EXPECT_EQ(m["kind"], m["name"] == "xray_detector" ? "decides about whole images" : "outlines");
    if (m["name"] == "xray_detector") {
      EXPECT_NEAR(m["cutoff"].get<double>(), 0.0916, 1e-4);
      EXPECT_TRUE(says(m["caution"].get<std::string>(), {"may know the collection"}));
    }
    if (m["name"] == "xray_infection") {
      EXPECT_TRUE(says(m["caution"].get<std::string>(), {"normal lungs"}));
    }
  }
  EXPECT_TRUE(says(run_shell("groundglass models --bundled", folder.path()).out,
                   {"ct_infection: ", "card: ", "caution: ", "not a medical device"}));
}

TEST(Cli, PrintsTheExactCountsOfTheCatalog) {
  const ScratchFolder folder;
  const Outcome outcome = run_shell("groundglass models --json", folder.path());
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  bool found = false;
  for (const auto& m : json::parse(outcome.out)) {
    for (const char* key : {"name", "family", "encoder", "paper", "input", "parameters",
                            "parameters_frozen", "gmacs"}) {
      EXPECT_TRUE(m.contains(key)) << key;
    }
    if (m["name"] != "attention_unet") continue;
    found = true;
    EXPECT_EQ(m["parameters"]["trainable"], 11877134);
    EXPECT_EQ(m["parameters"]["non_trainable"], 5888);
    EXPECT_EQ(m["parameters"]["total"], 11883022);
    EXPECT_NEAR(m["gmacs"].get<double>(), 10.9, 0.05);
  }
  EXPECT_TRUE(found);
}

TEST(Cli, RefusesWithOneLineAndTheRightCode) {
  const ScratchFolder folder;
  const auto run = [&](const std::string& command) { return run_shell(command, folder.path()); };
  write_small_recipe(folder / "r.toml");
  write_small_recipe(folder / "bad.toml", "epohcs = 3\n");
  expect_one_error_line(run("groundglass"), 2, {"subcommand"});
  expect_one_error_line(run("groundglass trian"), 2, {"trian"});
  expect_one_error_line(run("groundglass train r.toml"), 2, {"--data"});
  expect_one_error_line(run("groundglass train no.toml --data x -o run"), 2, {"no such recipe"});
  expect_one_error_line(run("groundglass train bad.toml --data x -o run"), 3,
                        {"bad.toml:16:", "'epohcs'", "did you mean 'epochs'"});
  expect_one_error_line(run("groundglass train r.toml --data x.ggset -o run"), 4,
                        {"x.ggset", "no such file"});
  expect_one_error_line(run("groundglass bench --device gpu"), 2, {"'gpu'", "auto, cpu, cuda"});
  expect_one_error_line(run("groundglass bench --precision half"), 2, {"'half'", "bf16"});
  expect_one_error_line(run("groundglass bench --size 7"), 2, {"HxW"});
  expect_one_error_line(run("groundglass bench --size 256x256px"), 2, {"256x256px", "HxW"});
  expect_one_error_line(run("groundglass bench --size 100x100"), 2, {"multiples of 16", "112"});
  expect_one_error_line(run("groundglass bench --models nonet"), 3, {"unknown model 'nonet'"});
  if (json::parse(run("groundglass info --json").out)["devices"].size() == 1) {
    expect_one_error_line(run("groundglass bench --device cuda:3"), 6, {"no CUDA"});
  }
}

TEST(Cli, BenchReportsMillisecondsAsScriptsExpect) {
  const ScratchFolder folder;
  const Outcome outcome = run_shell(
      "groundglass bench --models attention_unet,unet --size 32x32 --batch 2 --repeats 3 --json "
      "--train",
      folder.path());
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json rows = json::parse(outcome.out);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["engine"], "libtorch");
  EXPECT_EQ(rows[0]["size"], (std::vector<int>{32, 32}));
  EXPECT_LE(rows[0]["ms_min"], rows[0]["ms"]);
  EXPECT_LE(rows[0]["ms"], rows[0]["ms_max"]);
}

TEST(Cli, BenchTimesAPlanBesideLibTorch) {
  const ScratchFolder folder;
  const std::string bench = "groundglass bench --models unet_resnet34 --size 64x64 --repeats 2 ";
  expect_one_error_line(run_shell(bench + "--engine plan --train", folder.path()), 2,
                        {"--engine plan", "do not train"});
  expect_one_error_line(run_shell(bench + "--explain", folder.path()), 2,
                        {"--explain", "--engine plan"});
  expect_one_error_line(run_shell(bench + "--engine quick", folder.path()), 2, {"quick"});
  const Outcome both = run_shell(bench + "--engine all --precision fp32 --json", folder.path());
  if (both.code == 2 && both.err.find("oneDNN") != std::string::npos) {
    GTEST_SKIP() << "this program cannot plan: " << both.err;
  }
  ASSERT_EQ(both.code, 0) << both.err;
  const json rows = json::parse(both.out);
  ASSERT_GE(rows.size(), 2U);  // ONNX Runtime is the third where it is installed
  EXPECT_EQ(rows[0]["engine"], "libtorch");
  EXPECT_EQ(rows[1]["engine"], "plan");
}

TEST(Cli, BenchSaysWhatOnnxRuntimeNeeds) {
  const ScratchFolder folder;
  const std::string bench =
      "GROUNDGLASS_NODE_MODULES=nowhere groundglass bench --models unet_resnet34 --size 64x64 "
      "--repeats 1 --precision fp32 --json ";
  expect_one_error_line(run_shell(bench + "--engine onnxruntime", folder.path()), 2,
                        {"onnxruntime-node is not there", "GROUNDGLASS_NODE_MODULES"});
  const Outcome all = run_shell(bench + "--engine all", folder.path());
  if (all.code == 0) {
    EXPECT_TRUE(says(all.err, {"without ONNX Runtime"}));
  }
}

TEST(Cli, BenchTimesOnnxRuntimeWhereItIsInstalled) {
  const ScratchFolder folder;
  const Outcome outcome = run_shell(
      "groundglass bench --models unet_resnet34 --size 64x64 --repeats 2 --engine onnxruntime "
      "--precision fp32 --json",
      folder.path());
  if (outcome.code == 2) GTEST_SKIP() << outcome.err;
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json rows = json::parse(outcome.out);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0]["engine"], "onnxruntime");
  EXPECT_EQ(rows[0]["precision"], "fp32");
  EXPECT_GT(rows[0]["ms"], 0);
  EXPECT_GT(rows[0]["rss_mib"], 10);
}

TEST(Cli, ModelsCountsFrozenEncodersAndClassifiers) {
  const ScratchFolder folder;
  const Outcome outcome = run_shell("groundglass models --json", folder.path());
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  std::map<std::string, json> by_name;
  for (const auto& row : json::parse(outcome.out)) by_name[row["name"]] = row;
  const json& unet = by_name.at("unet_densenet121");  // Degerli et al., Table V
  EXPECT_EQ(unet["parameters"]["trainable"], 12'059'345);
  EXPECT_EQ(unet["parameters"]["non_trainable"], 85'632);
  EXPECT_EQ(unet["parameters_frozen"]["trainable"], 5'189'137);
  EXPECT_EQ(unet["parameters_frozen"]["non_trainable"], 6'955'840);
  const json& first = by_name.at("attention_unet");
  EXPECT_EQ(first["parameters"]["total"], 11'883'022);
  EXPECT_TRUE(first["parameters_frozen"].is_null());
  EXPECT_NEAR(first["gmacs"].get<double>(), 10.9, 0.1);
  const json& classifier = by_name.at("classifier_densenet121");
  EXPECT_EQ(classifier["parameters"]["total"], 7'037'504 + 2 * 1024 + 2);  // encoder and head
  EXPECT_GT(classifier["gmacs"].get<double>(), 2.5);
  EXPECT_LT(classifier["gmacs"].get<double>(), 3.1);
}

}  // namespace
}  // namespace groundglass
