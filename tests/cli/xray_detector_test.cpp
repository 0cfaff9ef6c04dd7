// A detector before the outliner of chest X-rays, through the program.
#include <cstring>

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

/// Changes a note of a weights file: a JSON header behind its length, 8 bytes.
void set_note(const fs::path& file, const std::string& key, const std::string& text) {
  const std::string all = read_file(file);
  uint64_t length = 0;
  std::memcpy(&length, all.data(), sizeof length);
  json header = json::parse(all.substr(sizeof length, length));
  header["__metadata__"][key] = text;
  std::string changed = header.dump();
  changed.resize((changed.size() + 7) / 8 * 8, ' ');
  const uint64_t now = changed.size();
  write_file(file, std::string(reinterpret_cast<const char*>(&now), sizeof now) + changed +
                       all.substr(sizeof length + length));
}

/// Phantom X-rays with labels, an outliner and a detector that were trained on them, which lie in
/// `models` as if they were the bundled ones.
class XrayDetectorProgram : public ProgramTest {
 protected:
  void SetUp() override {
    run("groundglass phantom data --kind cxr --cases 12 --side 64 -q");
    const CsvTable cases = read_csv(folder / "data/cases.csv");
    std::string text = csv_line({"image", "infection", "patient", "label"});
    for (size_t i = 0; i < cases.rows.size(); ++i) {
      const auto cell = [&](const char* name) {
        return cases.rows[i].cells[static_cast<size_t>(cases.column(name))];
      };
      text += csv_line(
          {cell("image"), cell("infection"), cell("patient"), i % 2 == 0 ? "infected" : "normal"});
    }
    write_file(folder / "data/labelled.csv", text);
    write_small_recipe(folder / "r.toml");
    write_file(folder / "d.toml",
               "[paper]\ntitle = \"small\"\n[preprocess]\nsize = [64, 64]\n[augment]\n"
               "mode = \"none\"\n[split]\nfolds = 2\n[labels]\npositive = [\"infected\"]\n[model]\n"
               "name = \"classifier_mobilenet_v2\"\n[train]\nepochs = 1\nbatch_size = 4\n"
               "monitor = \"auc\"\n[evaluate]\ncaution = \"has seen six phantoms\"\n");
    run("groundglass train r.toml --data data/labelled.csv -o outliner -q && "
        "groundglass train d.toml --data data/labelled.csv -o detector -q && mkdir models && "
        "groundglass export --model outliner -o models/xray_infection.safetensors -q");
  }

  /// The detector beside the outliner, with another cut-off: 1 for none infected, 0 for all.
  void bundle(const std::string& cutoff) const {
    run("groundglass export --model detector -o models/xray_detector.safetensors -q");
    set_note(folder / "models/xray_detector.safetensors", "image_cutoff", cutoff);
  }

  Outcome with_models(const std::string& command, int code = 0) const {
    return run("rm -rf out && GROUNDGLASS_MODELS=models groundglass " + command, code);
  }
  json predicted(const std::string& more = "") const {
    with_models("predict data/labelled.csv --model xray_infection --threshold 0.01 -o out -q " +
                more);
    return json::parse(read_file(folder / "out/summary.json"));
  }
};

TEST_F(XrayDetectorProgram, DecidesWhatPredictAndDetectKeep) {
  const json without = predicted();
  EXPECT_TRUE(without["detector"].is_null()) << "none lies beside that outliner";
  bundle("1");
  const json none = predicted();
  EXPECT_EQ(none["detector"]["name"], "xray_detector");
  EXPECT_EQ(none["detector"]["cutoff"], 1);
  EXPECT_EQ(none["detector"]["cutoff_from"], "validation images of the detector");
  EXPECT_TRUE(says(none["caution"].get<std::string>(),
                   {"the detector xray_detector has seen six phantoms"}));
  int64_t withheld = 0;
  for (size_t i = 0; i < none["cases"].size(); ++i) {
    const json &c = none["cases"][i], &before = without["cases"][i];
    const bool trusted = c["detector"]["decision"] == "not infected";
    EXPECT_TRUE(trusted || c["detector"]["decision"] == "not trusted") << c["detector"];
    EXPECT_EQ(c["lesion_pixels"], trusted ? json(0) : before["lesion_pixels"]);
    EXPECT_EQ(c["detector"]["withheld_pixels"], trusted ? before["lesion_pixels"] : json(0));
    withheld += c["detector"]["withheld_pixels"].get<int64_t>();
  }
  EXPECT_GT(withheld, 0);
  const auto told = with_models("predict data/case_000.png --model xray_infection -o out");
  EXPECT_TRUE(says(told.out, {"; xray_detector: not "}));
  EXPECT_TRUE(says(told.err, {"warning: xray_detector: has seen six phantoms"}));
  const json all_kept = predicted("--detector none");
  EXPECT_TRUE(all_kept["detector"].is_null());
  EXPECT_FALSE(all_kept.contains("caution"));
  for (size_t i = 0; i < all_kept["cases"].size(); ++i) {
    EXPECT_EQ(all_kept["cases"][i]["lesion_pixels"], without["cases"][i]["lesion_pixels"]);
  }
  EXPECT_TRUE(predicted("--detector detector")["detector"]["name"] == "detector");

  const auto found =
      json::parse(with_models("detect data/labelled.csv --model xray_infection --json -q").out);
  EXPECT_EQ(found["detector"]["name"], "xray_detector");
  for (const auto& image : found["images"]) {
    const json& c = *std::find_if(none["cases"].begin(), none["cases"].end(),
                                  [&](const json& one) { return one["input"] == image["input"]; });
    EXPECT_EQ(image["detector"]["probability"], c["detector"]["probability"]);
    if (c["detector"]["decision"] == "not infected") {
      EXPECT_FALSE(image["infected"]);
    }
  }
  EXPECT_TRUE(says(with_models("detect data/case_000.png --model xray_infection -q").out,
                   {", xray_detector 0.", "xray_detector reaches 1, validation images"}));

  bundle("0");
  for (const auto& c : predicted()["cases"]) EXPECT_EQ(c["detector"]["withheld_pixels"], 0);
}

TEST_F(XrayDetectorProgram, IsListedExplainedAndHandedOn) {
  bundle("0.25");
  const json list = json::parse(with_models("models --bundled --json").out);
  const auto one = std::find_if(list.begin(), list.end(),
                                [](const json& m) { return m["name"] == "xray_detector"; });
  ASSERT_NE(one, list.end());
  EXPECT_EQ((*one)["kind"], "decides about whole images");
  EXPECT_EQ((*one)["cutoff"], 0.25);
  EXPECT_EQ((*one)["caution"], "has seen six phantoms");
  EXPECT_TRUE((*one)["threshold"].is_null());
  EXPECT_EQ((*one)["parameters"]["total"], 2'223'872 + 34'112 + 2 * 1280 + 2);
  with_models("explain data/case_000.png --model xray_detector -o out -q");
  EXPECT_TRUE(fs::exists(folder / "out/case_000_gradcam.png"));
  const json notes =
      json::parse(run("groundglass inspect models/xray_detector.safetensors --json").out);
  EXPECT_TRUE(says(notes.dump(), {"image_cutoff", "typicality", "groundglass-classifier-1"}));
  EXPECT_LT(fs::file_size(folder / "models/xray_detector.safetensors"),
            0.6 * static_cast<double>(fs::file_size(folder / "detector/weights.safetensors")));
}

TEST_F(ProgramTest, TheBundledDetectorAnswersAsItDid) {
  run("groundglass phantom x --kind cxr --cases 2 --side 192 --slices 64 --seed 3 -q");
  run("groundglass predict x/cases.csv --model xray_infection --precision fp32 -o out -q");
  const json cases = json::parse(read_file(folder / "out/summary.json"))["cases"];
  const json &first = cases[0]["detector"], &second = cases[1]["detector"];
  EXPECT_EQ(first["name"], "xray_detector");
  EXPECT_NEAR(first["cutoff"].get<double>(), 0.0916087, 1e-7);
  EXPECT_NEAR(first["probability"].get<double>(), 0.75936, 0.002);
  EXPECT_NEAR(second["probability"].get<double>(), 0.80202, 0.002);
  EXPECT_NEAR(first["typicality"].get<double>(), 0.83284, 0.005);
}

TEST_F(XrayDetectorProgram, IsRefusedInOneLine) {
  bundle("0.5");
  const auto refused = [&](const std::string& command, int code) {
    return with_models(command + " -o out", code).err;
  };
  const std::string predict = "predict data/case_000.png --model xray_infection --detector ";
  EXPECT_TRUE(says(refused(predict + "nobody", 2),
                   {"--detector 'nobody'", "expected none", "xray_detector"}));
  EXPECT_TRUE(says(refused(predict + "outliner", 5), {"outliner", "is no classifier"}));
  EXPECT_TRUE(
      says(refused("predict data/case_000.png --model xray_detector", 5),
           {"is a classifier of whole images", "expected a network that outlines", "--detector"}));
  run("groundglass phantom ct --cases 1 --slices 4 --side 32 --format nifti -q");
  EXPECT_TRUE(says(refused("predict ct --model outliner --detector xray_detector", 2),
                   {"--detector xray_detector", "for chest X-rays", "volumes alone"}));
  set_note(folder / "models/xray_detector.safetensors", "image_cutoff", "half");
  EXPECT_TRUE(says(refused("predict data/case_000.png --model xray_infection", 5),
                   {"xray_detector.safetensors", "'image_cutoff' is 'half'", "from 0 to 1"}));
  EXPECT_TRUE(says(run("groundglass export --model detector -o d.onnx", 2).err,
                   {"-o d.onnx", "is a classifier", "ends in .safetensors"}));
  run("groundglass train d.toml --data data/labelled.csv -o three --set model.classes=3 -q");
  EXPECT_TRUE(says(refused(predict + "three", 5), {"three", "tells 3 classes apart", "of two"}));
}

}  // namespace
}  // namespace groundglass
