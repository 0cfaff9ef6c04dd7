// int8 through the program: a phantom, a small network, its ranges, and what predict makes of them.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// A phantom of 8 patients and a network trained on it that is wide enough for 8 bits.
class QuantiseProgram : public ProgramTest {
 protected:
  void SetUp() override {
    if (run_shell("grep -q avx512_vnni /proc/cpuinfo", folder.path()).code != 0) {
      GTEST_SKIP() << "this processor has no AVX512_VNNI";
    }
    write_small_recipe(folder / "r.toml");
    run("sed -i -e s/attention_unet/unet/ -e /momentum/d -e 's/widths = .*/widths = [16, 16, 32]/' "
        "r.toml");
    run("groundglass phantom data --cases 8 --slices 4 --side 64 -q");
    run("groundglass prepare data/cases.csv --recipe r.toml -o set.ggset -q");
    run("groundglass train r.toml --data set.ggset --epochs 2 -o run -q --precision fp32 "
        "--set train.steps_per_epoch=15");
    run("groundglass export --model run -o alone.safetensors");
  }
  std::string refusal(const std::string& command, int code) const {
    const std::string text = run("groundglass " + command, code).err;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    return text;
  }
  json summary(const std::string& name) const {
    return json::parse(read_file(folder / (name + "/summary.json")));
  }
  json quantise(const std::string& words) const {
    return json::parse(run("groundglass quantise --data set.ggset -q --json " + words).out);
  }
};

TEST_F(QuantiseProgram, LeavesRangesThatPredictRunsIn) {
  const std::string predict = "groundglass predict data/cases.csv -q --model ";
  const json done = quantise("--model run --images 4");
  EXPECT_EQ(json::parse(read_file(folder / "run/int8.json")), done);
  EXPECT_EQ(done["images"], 4);
  EXPECT_EQ(done["images_from"], "training images of the split");
  EXPECT_EQ(done["parity_images_from"], "validation images of the split");
  EXPECT_GT(done["ranges"].size(), 4U);
  const json& parity = done["parity"];
  EXPECT_EQ(parity["fp32"]["relative_error"], 0);
  EXPECT_EQ(parity["fp32"]["dice_to_fp32"], 1);
  EXPECT_GT(parity["int8"]["relative_error"], 0);
  EXPECT_LT(parity["int8"]["relative_error"], 0.1);
  EXPECT_NEAR(parity["int8"]["dice_to_masks"].get<double>(),
              parity["fp32"]["dice_to_masks"].get<double>(), 0.1);

  run(predict + "run -o bytes --precision int8 --engine plan");
  EXPECT_EQ(summary("bytes")["precision"], "int8");
  EXPECT_EQ(summary("bytes")["engine"], "plan");
  run(predict + "run -o again --precision int8 --engine plan");
  EXPECT_EQ(run("for f in $(ls bytes | grep png); do cmp bytes/$f again/$f; done").out, "");
  // A network that has hardly learned is unsure of small lesions: then it is said, not hidden.
  const auto judged =
      run("groundglass predict data/cases.csv --model run -o judged --precision int8");
  const bool told = judged.err.find("the int8 plan is not used") != std::string::npos;
  EXPECT_NE(told, summary("judged")["precision"] == "int8") << judged.err;
  run(predict + "run -o unasked");
  EXPECT_NE(summary("unasked")["precision"], "int8");

  const std::string text = run("groundglass quantise --model alone.safetensors --data set.ggset "
                               "--images 4 -q")
                               .out;
  EXPECT_TRUE(says(text, {"alone.int8.json: ranges of", "4 images spread over the set",
                          "4 other images of the set, perhaps of the same patients", "bf16",
                          "int8: logits differ by", "Dice to fp32", "--precision int8"}));
  run(predict + "alone.safetensors -o alone --precision int8 --engine plan");
  EXPECT_EQ(summary("alone")["precision"], "int8");
  EXPECT_EQ(quantise("--model alone.safetensors --images 4 --seed 1")["seed"], 1);
  EXPECT_TRUE(says(run("groundglass quantise --model alone.safetensors --data set.ggset -q "
                       "--images 1000")
                       .out,
                   {"32 images spread over the set", "no image is left to compare on"}));
}

TEST_F(QuantiseProgram, TheBundledCtModelComesWithItsRanges) {
  run("groundglass phantom ct --format nifti --cases 1 --slices 3 --side 128 -q");
  run("groundglass predict ct/imagesTr -o bundled -q --precision int8 --lungs none");
  const json done = summary("bundled");
  EXPECT_EQ(done["model"], "ct_infection");
  EXPECT_EQ(done["precision"], "int8") << done.dump(1);
}

TEST_F(QuantiseProgram, WithoutAVX512RunsWithoutBytesAndSaysSo) {
  quantise("--model run --images 2");
  const std::string less = "ONEDNN_MAX_CPU_ISA=AVX2 ";
  const auto outcome =
      run(less + "groundglass predict data/cases.csv --model run -o plain --precision int8");
  EXPECT_TRUE(says(outcome.err, {"the int8 plan is not used", "no 8-bit arithmetic"}));
  EXPECT_NE(summary("plain")["precision"], "int8");
  EXPECT_TRUE(says(run(less + "groundglass quantise --model run --data set.ggset", 2).err,
                   {"cannot run int8 on this processor", "AVX512_VNNI"}));
}

TEST_F(QuantiseProgram, SaysInOneLineWhatItCannotDo) {
  const std::string predict = "predict data/cases.csv -o no -q --precision int8 --model ";
  EXPECT_TRUE(
      says(refusal(predict + "run", 2),
           {"run/int8.json: is missing", "groundglass quantise --model run --data SET.ggset"}));
  EXPECT_TRUE(says(refusal(predict + "alone.safetensors", 2), {"alone.int8.json: is missing"}));
  for (const char* verb :
       {"train r.toml --data set.ggset -o no", "calibrate run --data set.ggset -o no",
        "explain data/cases.csv --model run -o no", "bench --models attention_unet"}) {
    EXPECT_TRUE(says(refusal(std::string(verb) + " --precision int8 -q", 2),
                     {"--precision int8: only predict, detect and bench --engine plan"}))
        << verb;
  }
  EXPECT_TRUE(says(refusal("quantise --model run --data data/cases.csv -q", 4), {"cases.csv"}));
  quantise("--model run --images 2");
  EXPECT_TRUE(says(refusal(predict + "run --engine libtorch", 2), {"int8 runs in plans"}));
  json document = json::parse(read_file(folder / "run/int8.json"));
  document["weights_sha256"] = "other";
  write_file(folder / "run/int8.json", document.dump());
  EXPECT_TRUE(says(refusal(predict + "run", 5), {"made for other weights"}));
  write_file(folder / "run/int8.json", "{");
  EXPECT_TRUE(says(refusal(predict + "run", 5), {"holds no weights_sha256 and ranges"}));
  json split = json::parse(read_file(folder / "run/split.json"));
  split["train"] = json::array();
  write_file(folder / "run/split.json", split.dump());
  EXPECT_TRUE(says(refusal("quantise --model run --data set.ggset -q", 4),
                   {"split.json: holds no training images"}));
}

TEST_F(QuantiseProgram, SaysOfAThinNetworkThatNothingOfItRunsInBytes) {
  run("groundglass train r.toml --data set.ggset --epochs 1 -o thin -q --set 'model.widths=[4,4]' "
      "--set train.steps_per_epoch=1");
  EXPECT_TRUE(says(refusal("quantise --model thin --data set.ggset -q", 2),
                   {"no convolution that gains from 8 bits", "bf16 or fp32"}));
  EXPECT_FALSE(fs::exists(folder / "thin/int8.json"));
}

TEST_F(QuantiseProgram, BenchMeasuresWithRangesOfItsImage) {
  const std::string bench =
      "groundglass bench --models unet --size 64x64 --repeats 1 --engine plan "
      "--precision "
      "int8";
  const json row = json::parse(run(bench + " --json").out)[0];
  EXPECT_EQ(row["precision"], "int8");
  EXPECT_EQ(row["ranges"], "of the measured image");
  EXPECT_TRUE(says(run(bench + " --explain").out,
                   {"int8 plan:", "ranges of the measured image", "convolution, int8 kernel"}));
}

}  // namespace
}  // namespace groundglass
