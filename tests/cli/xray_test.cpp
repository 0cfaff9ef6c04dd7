// Chest X-rays through the program: the detection study, classifiers, detect and infection maps.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/csv.h"
#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// A coloured picture as a BMP file of 24 bits.
std::string coloured_bmp(uint32_t width, uint32_t height) {
  const uint32_t row = (3 * width + 3) / 4 * 4;  // rows end on four bytes
  std::string file = "BM";
  const auto put = [&](uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) file += static_cast<char>(value >> (8 * i) & 255);
  };
  for (const uint32_t v : {54 + row * height, 0U, 54U, 40U, width, height}) put(v, 4);
  put(1, 2);
  put(24, 2);
  for (const uint32_t v : {0U, row * height, 0U, 0U, 0U, 0U}) put(v, 4);
  for (uint32_t y = 0; y < height; ++y) {
    std::string line(row, '\0');
    for (uint32_t x = 0; x < width; ++x) {
      line[3 * x] = static_cast<char>(3 * x % 256);
      line[3 * x + 1] = static_cast<char>(5 * y % 256);
      line[3 * x + 2] = 40;
    }
    file += line;
  }
  return file;
}

/// Phantom X-rays as a table with labels: the first half infected, the others without a mask.
class Xray : public ProgramTest {
 protected:
  void SetUp() override {
    run("groundglass phantom data --kind cxr --cases 16 --side 64 -q");
    const CsvTable cases = read_csv(folder / "data/cases.csv");
    std::string text = csv_line({"image", "infection", "lung", "patient", "label", "brixia"});
    std::string unlabelled = csv_line({"image", "infection"});
    for (size_t i = 0; i < cases.rows.size(); ++i) {
      const auto cell = [&](const char* name) {
        return cases.rows[i].cells[static_cast<size_t>(cases.column(name))];
      };
      const bool infected = i < 8;
      text += csv_line({cell("image"), infected ? cell("infection") : "", cell("lung"),
                        cell("patient"), infected ? "infected" : "normal",
                        infected ? "0 1 2 0 1 " + std::to_string(i % 4) : ""});
      unlabelled += csv_line({cell("image"), cell("infection")});
    }
    write_file(folder / "data/labelled.csv", text);
    write_file(folder / "data/unlabelled.csv", unlabelled);
    write_small_recipe(folder / "r.toml", "monitor = \"hard_dice\"\n");
    write_file(folder / "studies/s.toml",
               "[study]\nkind = \"detection\"\ntitle = \"X-rays\"\n[detection]\n"
               "rows = [\"r\"]\npositive = [\"infected\"]\n"
               "[detection_printed]\nr = [0.9837, 0.9805, 0.9225, 0.9521, 0.9708, 0.9812]\n");
  }
  /// A network trained on the phantom, in run/.
  void train() const { run("groundglass train r.toml --data data/labelled.csv -o run -q"); }
};

TEST_F(Xray, StudyWritesItsTablesAndReadsFinishedFoldsBack) {
  const std::string command =
      "groundglass study studies/s.toml --data data/labelled.csv -o out --json -q";
  for (const std::string mode : {"strict", "paper"}) {
    const json first = json::parse(run(command + " --mode " + mode).out);
    EXPECT_EQ(first["rows"][0]["folds"], 2);
    const auto& c = first["rows"][0]["confusion"];
    EXPECT_EQ(c["tp"].get<int>() + c["fn"].get<int>(), 8);
    EXPECT_EQ(c["fp"].get<int>() + c["tn"].get<int>(), 8);
    EXPECT_NE(first["warning"].get<std::string>().find("different sources"), std::string::npos);
    for (const char* file : {"study.md", "study.csv", "study.json", "study.html",
                             "precision_recall_images.png", "precision_recall_pixels.png",
                             "r/fold_1/detection.json", "r/fold_1/weights.safetensors"}) {
      EXPECT_TRUE(fs::exists(folder / ("out/" + mode + "/" + file))) << file;
    }
    const auto written = fs::last_write_time(folder / ("out/" + mode + "/r/fold_1/test.json"));
    EXPECT_EQ(json::parse(run(command + " --mode " + mode).out)["rows"], first["rows"]);
    EXPECT_EQ(fs::last_write_time(folder / ("out/" + mode + "/r/fold_1/test.json")), written);
  }
  const std::string recipe = read_file(folder / "out/paper/r/fold_0/recipe.toml");
  EXPECT_TRUE(says(recipe, {"mode = \"stratified\"", "monitor = \"last\"", "\"infected\""}));
  EXPECT_TRUE(says(read_file(folder / "out/paper/study.md"), {"98.37", "Table III"}));
}

TEST_F(Xray, StudyLeavesOutTheDeparturesThatItNamesAsMended) {
  write_file(folder / "r.toml", "[paper]\ntitle = \"t\"\ndiffers = [\"kept\", \"mended here\"]\n" +
                                    read_file(folder / "r.toml"));
  write_file(folder / "studies/s.toml",
             "[study]\nkind = \"detection\"\ntitle = \"X-rays\"\n[detection]\nrows = [\"r\"]\n"
             "positive = [\"infected\"]\nmends = [\"mended here\"]\n");
  run("groundglass study studies/s.toml --data data/labelled.csv -o out --folds 1 --epochs 1 -q");
  const std::string recipe = read_file(folder / "out/strict/r/fold_0/recipe.toml");
  EXPECT_TRUE(says(recipe, {"\"kept\""}));
  EXPECT_EQ(recipe.find("mended here"), std::string::npos);
}

TEST_F(Xray, DetectDecidesAsTheStudyDid) {
  const std::string precision = " --precision fp32 --json -q";
  // A split whose validation images are of both kinds, so that the cut-off is a choice.
  run("groundglass study studies/s.toml --data data/labelled.csv -o out --folds 1 --epochs 8 "
      "--set split.seed=1 --set split.validation_fraction=0.4" +
      precision);
  const std::string fold = "out/strict/r/fold_0";
  const json study = json::parse(read_file(folder / (fold + "/detection.json")));
  ASSERT_NE(study["cutoff"], study["threshold"]);
  run("groundglass export --model " + fold + " -o half.safetensors -q");
  for (const std::string& model : {fold, std::string("half.safetensors")}) {
    const json found =
        json::parse(run("groundglass detect data/labelled.csv --model " + model + precision).out);
    EXPECT_EQ(found["cutoff"], study["cutoff"]);
    EXPECT_EQ(found["cutoff_from"], "validation images of the detection study");
    std::map<std::string, json> images;
    for (const auto& image : found["images"]) {
      images[fs::path(image["input"].get<std::string>()).stem()] = image;
    }
    ASSERT_FALSE(study["images"].empty());
    for (const auto& image : study["images"]) {
      const json& same = images.at(fs::path(image[0].get<std::string>()).stem());
      const double highest = image[5];
      EXPECT_NEAR(same["highest_probability"].get<double>(), highest, 3e-4) << image[0];
      EXPECT_EQ(same["infected"].get<bool>(), highest >= study["cutoff"].get<double>()) << image[0];
    }
  }
  const std::string notes = run("groundglass inspect " + fold + " --json").out;
  EXPECT_TRUE(says(notes, {"image_cutoff", "typicality"}));
}

TEST_F(Xray, StudyRefusesWhatItCannotScore) {
  const std::string study = "groundglass study studies/s.toml -o out -q --data ";
  EXPECT_TRUE(says(run(study + "data/unlabelled.csv", 4).err, {"no image has a label"}));
  EXPECT_TRUE(says(run(study + "data/labelled.csv --row x", 2).err, {"--row 'x'"}));
  const std::string text = read_file(folder / "studies/s.toml");
  write_file(folder / "studies/wrong.toml", text + "[surplus]\na = [1]\n");
  EXPECT_TRUE(
      says(run("groundglass study studies/wrong.toml -o out --data data/labelled.csv", 3).err,
           {"unknown section 'surplus'"}));
  write_file(folder / "studies/none.toml", "[study]\nkind = \"detection\"\n");
  EXPECT_TRUE(
      says(run("groundglass study studies/none.toml -o out --data data/labelled.csv", 3).err,
           {"names no rows"}));
  std::string covid = text;
  covid.replace(covid.find("positive = [\"infected\"]"), 23, "positive = [\"covid\"]");
  write_file(folder / "studies/covid.toml", covid);
  EXPECT_TRUE(
      says(run("groundglass study studies/covid.toml -o new --data data/labelled.csv", 4).err,
           {"'covid'", "infected and normal"}));
}

TEST_F(Xray, DetectTellsInfectedFromOthersWithMapsScoresAndTheWarning) {
  train();
  const json found = json::parse(
      run("groundglass detect data/labelled.csv --model run --positive infected --severity brixia "
          "-o out --json -q")
          .out);
  EXPECT_EQ(found["images"].size(), 16U);
  EXPECT_NE(found["warning"].get<std::string>().find("different sources"), std::string::npos);
  const auto& image = found["images"][0];
  EXPECT_EQ(image["infected"].get<bool>(),
            image["highest_probability"].get<double>() >= found["cutoff"].get<double>());
  EXPECT_EQ(found["cutoff"], found["threshold"]);
  EXPECT_EQ(found["cutoff_from"], "the threshold of pixels");
  EXPECT_FALSE(image["infected_fraction_of_lung"].is_null());
  EXPECT_TRUE(fs::exists(image["map"].get<std::string>()) ||
              fs::exists(folder / image["map"].get<std::string>()));
  const auto& s = found["score"];
  EXPECT_EQ(s["tp"].get<int>() + s["fn"].get<int>(), 8);
  EXPECT_EQ(found["severity"]["brixia"]["images"], 8);
  EXPECT_TRUE(fs::exists(folder / "out/detect.json"));
  const auto text = run("groundglass detect data/case_000.png --model run --lung "
                        "data/case_000_lung.png -q")
                        .out;
  EXPECT_TRUE(says(text, {"case_000.png: ", "% of the lungs", "warning: ", "different sources"}));
  EXPECT_TRUE(
      says(run("groundglass detect data/images_only --model run -q", 4).err, {"images_only"}));
}

TEST_F(Xray, DetectTakesColourAndOddSizesAndSaysSo) {
  train();
  write_file(folder / "odd/colour.bmp", coloured_bmp(51, 37));
  const json found = json::parse(run("groundglass detect odd --model run -o out --json -q").out);
  ASSERT_EQ(found["images"].size(), 1U);
  EXPECT_NE(found["images"][0]["warnings"].dump().find("colour"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder / "out/colour_map.png"));
}

TEST_F(Xray, DetectRefusesInOneLine) {
  train();
  const std::string detect = "groundglass detect data/labelled.csv -q --model run ";
  EXPECT_TRUE(says(run("groundglass detect data/labelled.csv -q", 2).err, {"--model", "X-ray"}));
  EXPECT_TRUE(says(run(detect + "--positive covid", 4).err, {"'covid'", "infected and normal"}));
  EXPECT_TRUE(
      says(run("groundglass detect data/unlabelled.csv --model run --positive infected", 4).err,
           {"no image has a label"}));
  EXPECT_TRUE(
      says(run(detect + "--positive infected --positive normal", 4).err, {"one class only"}));
  EXPECT_TRUE(says(run(detect + "--severity brix", 4).err, {"no column 'brix'", "'brixia'"}));
  EXPECT_TRUE(says(run(detect + "--severity label", 4).err, {"six zone scores"}));
  EXPECT_TRUE(says(run(detect + "--memory 60", 6).err, {"60 MiB may be taken", "--memory"}));
  EXPECT_TRUE(says(run(detect + "--lung data/case_000_lung.png", 2).err, {"column 'lung'"}));
  EXPECT_TRUE(
      says(run("groundglass detect data/case_000.png --model run --positive infected", 2).err,
           {"need a table"}));
  EXPECT_TRUE(says(run("groundglass detect data --model run --lung data/case_000_lung.png", 2).err,
                   {"mask of one picture"}));
  run("groundglass phantom big --kind cxr --cases 1 --side 96 -q");
  EXPECT_TRUE(says(run("groundglass detect data/case_000.png --model run --lung "
                       "big/case_000_lung.png",
                       4)
                       .err,
                   {"case_000_lung.png", "expected one size"}));
  run("groundglass phantom ct --cases 1 --slices 4 --side 32 --format nifti -q");
  EXPECT_TRUE(says(run("groundglass detect ct --model run", 4).err, {"is a volume"}));
}

TEST_F(Xray, ClassifierIsTrainedAndExplainedBesideTheMap) {
  train();
  write_file(
      folder / "c.toml",
      "[paper]\ntitle = \"small\"\n[preprocess]\nsize = [32, 32]\n[augment]\nmode = \"none\"\n"
      "[split]\nfolds = 2\n[labels]\npositive = [\"infected\"]\n[model]\n"
      "name = \"classifier_densenet121\"\n[train]\nepochs = 1\nbatch_size = 4\n"
      "monitor = \"auc\"\n");
  const std::string command =
      "groundglass train c.toml --data data/labelled.csv --fold all -o cls ";
  const json scores = json::parse(run(command + "--json -q").out);
  const auto& c = scores["confusion"];
  EXPECT_EQ(c["tp"].get<int>() + c["fn"].get<int>() + c["fp"].get<int>() + c["tn"].get<int>(), 16);
  EXPECT_NE(scores["warning"].get<std::string>().find("different sources"), std::string::npos);
  EXPECT_EQ(json::parse(run(command + "--json -q").out)["scores"], scores["scores"]);
  EXPECT_TRUE(
      says(read_file(folder / "cls/classifier.md"), {"F2", "AUC", "TP", "different sources"}));
  const json explained = json::parse(
      run("groundglass explain data/labelled.csv --method infection-map --model run --classifier "
          "cls/fold_0 --limit 2 -o out --json -q")
          .out);
  ASSERT_EQ(explained.size(), 2U);
  EXPECT_TRUE(fs::exists(folder / "out/case_001_infection_map.png"));
  EXPECT_TRUE(fs::exists(folder / "out/case_001_panels.png"));
  EXPECT_GT(explained[0]["heat_in_lung"]["lung_area"].get<double>(), 0);
  EXPECT_FALSE(explained[0]["grad_cam_in_lung"].is_null());
  run("groundglass explain data/case_000.png --model cls/fold_0 -o out -q");
  EXPECT_TRUE(fs::exists(folder / "out/case_000_gradcam.png"));
  EXPECT_TRUE(says(run("groundglass explain data/case_000.png --method magic -o out", 2).err,
                   {"'magic'", "infection-map"}));
  EXPECT_TRUE(says(run("groundglass explain data/case_000.png --method infection-map --model run "
                       "--classifier run -o out",
                       5)
                       .err,
                   {"is no classifier"}));
  EXPECT_TRUE(says(run("groundglass train c.toml --data data/unlabelled.csv -o x -q", 4).err,
                   {"no image has a label"}));
  EXPECT_TRUE(says(run("groundglass train c.toml --data data/labelled.csv -o y -q --set "
                       "'preprocess.size=[40, 40]'",
                       3)
                       .err,
                   {"multiples of 32"}));
}

}  // namespace
}  // namespace groundglass
