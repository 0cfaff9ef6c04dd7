// `evaluate` as scripts see it: the masks of a phantom held against themselves.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "tests/cli/program_test.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
using nlohmann::json;

/// A phantom of 2 patients whose masks are also its predictions, once as 0 and 255 and once as
/// class numbers.
class Evaluate : public ProgramTest {
 protected:
  void SetUp() override {
    run("groundglass phantom data --cases 2 --slices 6 --side 64 -q");
    run("for f in data/case_*/z00?.png; do mkdir -p out/$(basename $(dirname $f)); "
        "cp ${f%.png}_infection.png out/${f#data/}; "
        "mkdir -p classes/$(basename $(dirname $f)); cp ${f%.png}_class.png classes/${f#data/}; "
        "done");
  }
};

TEST_F(Evaluate, ReportsLesionsAlwaysAndDistancesWithASpacing) {
  const json blind = json::parse(run("groundglass evaluate out data/cases.csv --json -q").out);
  EXPECT_EQ(blind["pooled"]["lesion_sensitivity"], 1);
  EXPECT_EQ(blind["pooled"]["false_positives"], 0);
  EXPECT_GT(blind["pooled"]["lesions"]["reference"].get<int>(), 0);
  EXPECT_TRUE(blind["pooled"]["hd95_mm"].is_null());
  EXPECT_EQ(blind["cases"][0]["distance_status"], "no_spacing");
  const json j = json::parse(
      run("groundglass evaluate --spacing-mm 0.7,0.8 out data/cases.csv --json -q -o scores").out);
  EXPECT_EQ(j["pooled"]["hd95_mm"], 0);
  EXPECT_EQ(j["mean"]["surface_dice"], 1);
  EXPECT_EQ(j["definitions"]["picture_spacing_mm"], (json{0.7, 0.8}));
  const std::string table = read_file(folder / "scores/cases.csv");
  EXPECT_TRUE(says(
      table, {"case,domain,patient,status,soft_dice", ",specificity,lesions,", "lesion_sensitivity",
              "hd95_mm,assd_mm,surface_dice,distance_status\n", ",ok\n"}));
  const Outcome text = run("groundglass evaluate out data/cases.csv -q");
  EXPECT_TRUE(says(text.out, {"HD95 mm", "surface Dice", "counted in each slice", "--spacing-mm"}));
}

TEST_F(Evaluate, ScoresEachClass) {
  const std::string words = " data/cases.csv --mask classes --labels classes --classes 3 ";
  const json j = json::parse(run("groundglass evaluate classes" + words + "--json -q -o s").out);
  ASSERT_EQ(j["classes"].size(), 2U);
  EXPECT_EQ(j["classes"]["1"]["pooled"]["dice"], 1);
  EXPECT_TRUE(j["cases"][0]["classes"]["2"].contains("dice"));
  EXPECT_TRUE(says(read_file(folder / "s/cases.csv"), {"dice_class_1", "specificity_class_2\n"}));
  EXPECT_TRUE(says(run("groundglass evaluate classes" + words + "-q").out,
                   {"class 1 alone", "class 2 alone"}));
  const Outcome refused = run("groundglass evaluate out" + words + "-q", 4);
  EXPECT_TRUE(says(refused.err, {"holds the value 255", "below 3", "--labels any"}));
}

TEST_F(Evaluate, RefusesOptionsThatMeanNothing) {
  const auto refusal = [&](const std::string& words) {
    return run("groundglass evaluate out data/cases.csv -q " + words, 2).err;
  };
  EXPECT_TRUE(says(refusal("--spacing-mm 0.7"), {"count of spacings", "rows and columns"}));
  EXPECT_TRUE(says(refusal("--spacing-mm 0.7,x"), {"'0.7,x'", "like 0.7,0.7"}));
  EXPECT_TRUE(says(refusal("--spacing-mm 0.7,"), {"like 0.7,0.7"}));
  EXPECT_TRUE(says(refusal("--spacing-mm 0.7,0.7mm"), {"'0.7,0.7mm'", "like 0.7,0.7"}));
  EXPECT_TRUE(says(refusal("--spacing-mm 0,-0.7"), {"'0,-0.7'", "like 0.7,0.7"}));
  EXPECT_TRUE(says(refusal("--tolerance-mm -1"), {"tolerance", "0 or more"}));
  EXPECT_TRUE(says(refusal("--smallest-lesion 0"), {"smallest lesion", "1 pixel"}));
  EXPECT_TRUE(says(refusal("--smallest-lesion-mm3 5"), {"is a picture", "in pixels"}));
  EXPECT_TRUE(says(refusal("--lesion-overlap 2"), {"0 to 1"}));
}

TEST_F(Evaluate, MeasuresVolumes) {
  run("groundglass phantom volumes --format nifti --cases 2 --slices 8 --side 64 -q");
  run("cp -r volumes/labelsTr predicted");
  const Outcome outcome = run("groundglass evaluate predicted volumes/labelsTr --json");
  const json j = json::parse(outcome.out);
  EXPECT_EQ(j["cases"].size(), 2U);
  EXPECT_EQ(j["mean"]["hd95_mm"], 0);
  EXPECT_EQ(j["mean"]["defined"]["hd95_mm"], 2);
  EXPECT_EQ(j["pooled"]["lesions"]["found"], j["pooled"]["lesions"]["reference"]);
  EXPECT_EQ(j["cases"][0]["distance_masks"], 1);
}

}  // namespace
}  // namespace groundglass
