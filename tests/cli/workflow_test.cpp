// Whole jobs through the program: phantom to report, and what a kill leaves behind.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// A folder with a phantom data set of 6 patients and a recipe.
class Workflow : public ProgramTest {
 protected:
  void SetUp() override {
    write_small_recipe(folder / "r.toml");
    run("groundglass phantom data --cases 6 --slices 6 --side 64 -q");
  }
};

// The weights stay as they are: only the number of views in their note changes.
TEST_F(Workflow, TheReportShowsTheMeanOfAsManyViewsAsTheRecipeSays) {
  run("groundglass train r.toml --data data/cases.csv --set evaluate.views=1 --set "
      "train.epochs=1 -o run -q");
  const auto page = [&] {
    run("groundglass report run -q");
    return read_file(folder / "run/report.html");
  };
  const std::string of_one = page();
  EXPECT_EQ(page(), of_one);
  std::string weights = read_file(folder / "run/weights.safetensors");
  const size_t views = weights.find("\\nviews");
  ASSERT_NE(views, std::string::npos);
  weights[weights.find('1', views)] = '4';
  write_file(folder / "run/weights.safetensors", weights);
  EXPECT_NE(page(), of_one);
}

TEST_F(Workflow, FromAPhantomToItsReport) {
  const json inspected = json::parse(run("groundglass inspect data/cases.csv --json -q").out);
  EXPECT_EQ(inspected["images"], 36);
  EXPECT_EQ(inspected["patients"], 6);
  EXPECT_EQ(inspected["domains"]["phantom_wide_window"], 18);
  EXPECT_TRUE(inspected["problems"].empty());
  run("groundglass prepare data/cases.csv --recipe r.toml -o set.ggset -q");
  EXPECT_EQ(
      json::parse(
          run("groundglass inspect set.ggset --json --contact-sheet sheet.png").out)["slices"],
      36);
  EXPECT_TRUE(fs::exists(folder / "sheet.png"));
  const json table =
      json::parse(run("groundglass train r.toml --data set.ggset --fold all -o run --json -q").out);
  EXPECT_EQ(table["folds"].size(), 2U);
  EXPECT_EQ(table["evaluation"]["cases"].size(), 6U);
  for (const char* file : {"cross_validation.md", "cross_validation.csv", "cross_validation.json",
                           "fold_0/weights.safetensors", "fold_0/recipe.toml", "fold_0/split.json",
                           "fold_0/events.jsonl", "fold_0/progress.csv", "fold_0/progress.png",
                           "fold_0/augmentation.png", "fold_0/environment.json"}) {
    EXPECT_TRUE(fs::exists(folder / ("run/" + std::string(file)))) << file;
  }
  run("groundglass predict data/cases.csv --model run/fold_0 -o out --save-probabilities --overlay "
      "-q");
  EXPECT_TRUE(fs::exists(folder / "out/case_003/z002_mask.png"));
  const json evaluation =
      json::parse(run("groundglass evaluate out data/cases.csv --json -q -o scores").out);
  EXPECT_EQ(evaluation["cases"].size(), 6U);
  EXPECT_FALSE(evaluation["pooled"]["soft_dice"].is_null());
  EXPECT_EQ(evaluation["domains"].size(), 2U);
  EXPECT_TRUE(fs::exists(folder / "scores/cases.csv"));
  run("groundglass explain data/cases.csv --model run/fold_0 -o out --limit 2 -q");
  EXPECT_TRUE(fs::exists(folder / "out/case_000/z000_gradcam.png"));
  run("groundglass explain data/case_000/z002.png --model run/fold_0 --method activation-max -o "
      "out -q");
  EXPECT_TRUE(fs::exists(folder / "out/z002_activation.png"));
  EXPECT_TRUE(fs::exists(folder / "out/pattern_dec1.png"));
  run("groundglass report out");
  run("groundglass report run --data set.ggset");
  const auto objects = run_shell("groundglass report run --dicom seg", folder.path());
  EXPECT_EQ(objects.code, 2);
  EXPECT_TRUE(says(objects.err, {"--dicom: run is a run", "of what `predict` wrote"}));
  EXPECT_GT(fs::file_size(folder / "run/report.html"), 20000U);
  const json exported =
      json::parse(run("groundglass export --model run/fold_0 -o handed_on.safetensors --json").out);
  EXPECT_EQ(exported["bytes"], fs::file_size(folder / "handed_on.safetensors"));
  EXPECT_LT(fs::file_size(folder / "handed_on.safetensors"),
            fs::file_size(folder / "run/fold_0/weights.safetensors"));
  run("groundglass predict data/cases.csv --model run/fold_0 -o plain -q");
  run("groundglass predict data/cases.csv --model handed_on.safetensors -o same -q");
  EXPECT_GT(json::parse(run("groundglass evaluate same plain --json -q").out)["pooled"]["accuracy"],
            0.999);  // half precision moves a pixel here and there
  EXPECT_TRUE(says(run("groundglass export --model run/fold_0 -o x.pth", 2).err, {".safetensors"}));
  const Outcome choose = run("groundglass predict data/case_000/z001.png --model run -o x", 5);
  EXPECT_TRUE(says(choose.err, {"run/fold_0", "run/fold_1", "choose one"}));
}

TEST_F(Workflow, ATrainingBeginsWithGivenWeightsOrSaysWhyNot) {
  run("groundglass train r.toml --data data/cases.csv --fold 0 --epochs 1 -o first -q");
  const Outcome second =
      run("groundglass train r.toml --data data/cases.csv --fold 0 --epochs 1 -o second "
          "--set model.weights=first/fold_0/weights.safetensors");
  EXPECT_TRUE(says(second.err, {"weights.safetensors: groundglass weights", "taken"}));
  write_file(folder / "cut.pth", "PK\x03\x04");
  for (const char* file : {"cut.pth", "nowhere.pth"}) {
    const Outcome refused =
        run("groundglass train r.toml --data data/cases.csv --fold 0 -o third -q "
            "--set model.weights=" +
                std::string(file),
            5);
    EXPECT_TRUE(says(refused.err, {"error: ", file}));
  }
  const Outcome wider =
      run("groundglass train r.toml --data data/cases.csv --fold 0 -o fourth -q "
          "--set model.weights=first/fold_0/weights.safetensors --set model.widths=[4,8,16]",
          5);
  EXPECT_TRUE(says(wider.err, {"do not fit", "of another shape"}));
}

TEST_F(Workflow, ANetworkIsHandedOnAsTorchScriptAndOnnx) {
  for (const char* file : {"net.pt", "net.onnx"}) {
    const std::string words = "groundglass export --model segnet_depth4 --random-weights -o ";
    const json done = json::parse(run(words + file + " --json").out);
    EXPECT_EQ(done["bytes"], fs::file_size(folder / file));
    EXPECT_GT(fs::file_size(folder / file), 2'000'000U);  // half a million float32
  }
  EXPECT_TRUE(says(run("groundglass export --model segnet_depth4 --random-weights "
                       "-o net.safetensors",
                       2)
                       .err,
                   {"--random-weights", "FILE.onnx"}));
  EXPECT_TRUE(says(run("groundglass export --model segnt --random-weights -o net.pt", 3).err,
                   {"unknown model 'segnt'", "segnet"}));
}

TEST_F(Workflow, SigtermEndsTrainingTidilyAndTheSameCommandGoesOn) {
  run("groundglass prepare data/cases.csv --recipe r.toml -o set.ggset -q");
  const std::string train = "groundglass train r.toml --data set.ggset -q --epochs 30";
  run(train + " -o whole");
  // After an epoch the signal falls somewhere into the next one.
  const auto stop_after = [&](int epoch, const std::string& signal, int code) {
    run(train +
            " -o parts & pid=$!; until [ -f parts/progress.csv ] && [ $(wc -l < "
            "parts/progress.csv) -gt " +
            std::to_string(epoch) + " ] || ! kill -0 $pid; do sleep 0.02; done; kill -" + signal +
            " $pid; wait $pid",
        code);
  };
  stop_after(3, "TERM", 143);
  EXPECT_TRUE(fs::exists(folder / "parts/state.safetensors"));
  stop_after(8, "INT", 130);
  stop_after(13, "KILL", 137);
  run(train + " -o parts --resume");
  run("cmp whole/weights.safetensors parts/weights.safetensors");
  const Outcome again = run(train + " -o parts --json");  // finished: read back, not trained again
  EXPECT_EQ(json::parse(again.out)["test"]["cases"].size(), 4U);
}

TEST_F(Workflow, AKilledPreparationAndPredictionGoOn) {
  run("groundglass prepare data/cases.csv --recipe r.toml -o whole.ggset -q");
  for (const char* delay : {"0.15", "0.25", "0.4"}) {
    run_shell(
        "groundglass prepare data/cases.csv --recipe r.toml -o set.ggset -q --threads 1 & "
        "pid=$!; sleep " +
            std::string(delay) + "; kill -KILL $pid; wait $pid",
        folder.path());
  }
  run("groundglass prepare data/cases.csv --recipe r.toml -o set.ggset -q");
  run("cmp whole.ggset set.ggset");
  run("groundglass train r.toml --data set.ggset -q -o run");
  run("groundglass predict data/cases.csv --model run -o expected -q");
  run_shell(
      "groundglass predict data/cases.csv --model run -o out -q --batch 1 & pid=$!; sleep 0.7; "
      "kill -KILL $pid; wait $pid",
      folder.path());
  run("groundglass predict data/cases.csv --model run -o out -q --batch 1");
  run("for f in $(cd expected && find . -name '*_mask.png'); do cmp expected/$f out/$f || exit 1; "
      "done");
  EXPECT_EQ(json::parse(read_file(folder / "out/summary.json"))["cases"].size(), 36U);
}

TEST_F(Workflow, ManySlicesNeedNoMoreMemoryThanFew) {
  run("groundglass train r.toml --data data/cases.csv -o run -q");
  const auto peak_mib = [&](const std::string& slices) {
    run("groundglass phantom v" + slices + " --format nifti --cases 1 --side 256 -q --slices " +
        slices);
    run("groundglass predict v" + slices + "/imagesTr -o o" + slices +
        " --model run --plans none -q");
    const json summary = json::parse(read_file(folder / ("o" + slices + "/summary.json")));
    const auto peak = summary["peak_rss_mib"].get<double>();
    const auto told = summary["memory_bound_mib"].get<double>();
    EXPECT_GE(told, peak) << slices;
    EXPECT_LT(told, 2 * peak) << slices;
    return peak;
  };
  EXPECT_LT(peak_mib("240") - peak_mib("24"), 20);  // the voxels alone are 28 MiB more, as float 57
  const std::string predict = "groundglass predict v24/imagesTr --model run --plans none -o more ";
  EXPECT_TRUE(says(run(predict).err, {"memory: at most", "may be taken"}));
  EXPECT_EQ(run(predict + "-q").err, "");
  EXPECT_TRUE(says(run(predict + "--memory 60 --overlay", 6).err,
                   {"v24/imagesTr", "60 MiB may be taken", "no --overlay", "--memory"}));
}

TEST_F(Workflow, ARunFolderIsNotGivenToAnotherRecipe) {
  run("groundglass prepare data/cases.csv --recipe r.toml -o set.ggset -q");
  run("groundglass train r.toml --data set.ggset -q -o run");
  EXPECT_TRUE(says(
      run("groundglass train r.toml --data set.ggset -q -o run --set train.batch_size=8", 2).err,
      {"another recipe", "batch_size = 8", "another folder"}));
  EXPECT_TRUE(
      says(run("groundglass train r.toml --data set.ggset -q -o run --set split.seed=5", 2).err,
           {"another"}));
  EXPECT_TRUE(says(
      run("groundglass train r.toml --data set.ggset -q -o new --set preprocess.size=[64,64]", 3)
          .err,
      {"other [preprocess] options", "size = [64, 64]"}));
  EXPECT_TRUE(says(
      run("groundglass train r.toml --data set.ggset -q -o new --set model.widths=[2,2,2,2,2,2,2]",
          3)
          .err,
      {"32 x 32", "multiples of 64"}));
  EXPECT_TRUE(says(run("groundglass train r.toml --data set.ggset -q -o new --resume", 5).err,
                   {"no state.safetensors to resume"}));
  EXPECT_TRUE(says(run("groundglass train r.toml --data set.ggset -q -o new --fold 0x", 2).err,
                   {"--fold '0x'"}));
  EXPECT_TRUE(says(run("groundglass train r.toml --data set.ggset -q -o new --fold 7", 2).err,
                   {"'7'", "0 to 1"}));
  EXPECT_TRUE(says(run("groundglass predict data -o out --model nothing -q", 5).err,
                   {"'nothing'", "bundled"}));
  write_file(folder / "w.safetensors", "not weights, surely not");
  EXPECT_TRUE(says(run("groundglass predict data -o out --model w.safetensors -q", 5).err,
                   {"w.safetensors", "not a safetensors file"}));
}

TEST_F(Workflow, ImagesAreCutByTheLungsThatAThresholdOrANetworkFinds) {
  run("groundglass train r.toml --data data/cases.csv --fold 0 --epochs 1 -o first -q");
  const std::string train =
      "groundglass train r.toml --data data/cases.csv --fold 0 --epochs 1 -q "
      "--set preprocess.mask=lungs ";
  run(train + "-o by_threshold");
  run(train +
      "-o by_network --set preprocess.lungs_from=network "
      "--set preprocess.lungs_name=first/fold_0");
  for (const std::string who : {"by_threshold", "by_network"}) {
    run("groundglass predict data/case_000/z002.png --model " + who + "/fold_0 -o " + who +
        "_out -q");
    EXPECT_TRUE(fs::exists(folder / (who + "_out/z002_mask.png")));
    const std::string about = run("groundglass inspect " + who + "/prepared.ggset").out;
    EXPECT_TRUE(says(about, {"mask = \"lungs\"", "lungs_from"}));
  }
  EXPECT_TRUE(says(run(train + "-o no --set preprocess.lungs_from=column "
                               "--set preprocess.lungs_name=air",
                       4)
                       .err,
                   {"cases.csv: has no column 'air' with the lungs"}));
  EXPECT_TRUE(says(run(train + "-o no --set preprocess.lungs_from=network "
                               "--set preprocess.lungs_name=nothing",
                       5)
                       .err,
                   {"'nothing'"}));
  EXPECT_TRUE(says(run(train + "-o no --set preprocess.lungs_from=network "
                               "--set preprocess.lungs_name=by_network/fold_0",
                       3)
                       .err,
                   {"lungs_name 'by_network/fold_0'", "needs lungs itself"}));
}

TEST_F(Workflow, FiguresOfOnesOwnPicturesAndACuratedTable) {
  const json pooled = json::parse(
      run("groundglass explain data/case_000/z002.png --method pooling -o out --json -q").out);
  EXPECT_EQ(pooled[0]["pooling"][0]["factor"], 2);
  EXPECT_TRUE(fs::exists(folder / "out/z002_pooling.png"));
  run("groundglass explain data/case_000/z002.png --method contrast --recipe r.toml --set "
      "preprocess.contrast=clahe --set preprocess.contrast_region=lungs -o out -q");
  EXPECT_TRUE(fs::exists(folder / "out/z002_contrast.png"));
  run("cp data/case_000/z002.png data/copy.png && sed -n 1p data/cases.csv > data/more.csv && "
      "sed -n '2,9p' data/cases.csv >> data/more.csv && "
      "sed -n 4p data/cases.csv | sed 's/case_000.z002.png/copy.png/' >> data/more.csv");
  const json curated =
      json::parse(run("groundglass inspect data/more.csv --curated data/kept.csv --json -q").out);
  EXPECT_GE(curated["copies"], 1);
  EXPECT_EQ(curated["copies"].get<int64_t>() + curated["over_exposed"].get<int64_t>() +
                curated["kept"].get<int64_t>(),
            9);
  EXPECT_TRUE(fs::exists(folder / "data/kept.csv"));
  EXPECT_TRUE(says(run("groundglass inspect data/copy.png --curated x.csv -q", 2).err,
                   {"--curated needs a data set"}));
}

TEST_F(Workflow, AFolderOfBrokenFilesIsRefusedLineByLine) {
  run("mkdir bad && cp data/case_000/z000.png bad/good.png && : > bad/empty.png && "
      "head -c 500 data/case_000/z000.png > bad/cut.png && echo words > bad/words.png && "
      "echo words > bad/words.nii.gz && echo words > bad/words.dcm.txt && mkdir bad/series && "
      "head -c 300 /dev/zero > bad/series/broken.dcm");
  const Outcome outcome = run("groundglass inspect bad -q", 4);
  EXPECT_TRUE(says(outcome.out, {"empty.png: is empty", "cut.png: is truncated", "words.png",
                                 "words.nii.gz", "broken.dcm"}));
  EXPECT_TRUE(says(outcome.err, {"5 problems"}));
}

TEST_F(Workflow, TheSameSeedGivesTheSamePhantom) {
  run("groundglass phantom again --cases 6 --slices 6 --side 64 -q && diff -r data again");
  run("groundglass phantom n --format nifti --cases 1 --slices 3 --side 32 -q && "
      "groundglass phantom d --format dicom --cases 1 --slices 3 --side 32 -q && "
      "groundglass phantom x --kind cxr --cases 1 --slices 12 --side 32 -q && ls "
      "x/case_000_lung.png");
  EXPECT_EQ(json::parse(run("groundglass inspect d/case_000 --json -q").out)["units"], "HU");
  EXPECT_EQ(json::parse(run("groundglass inspect n --json -q").out)["layout"], "nnunet");
  EXPECT_TRUE(says(run("groundglass phantom y --format jpeg -q", 2).err,
                   {"--format: jpeg not in {png,nifti,dicom}"}));
  EXPECT_TRUE(
      says(run("groundglass phantom y --kind mri -q", 2).err, {"--kind: mri not in {ct,cxr}"}));
}

}  // namespace
}  // namespace groundglass
