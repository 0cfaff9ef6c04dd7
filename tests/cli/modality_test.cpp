// Which bundled model `predict` takes, and what it says of pictures unlike all it was trained on.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/bmp_picture.h"
#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
using nlohmann::json;

std::string stripes() {
  return bmp_picture([](uint32_t pixel) { return pixel % 8 < 4 ? 0x10 : 0x60; });
}

/// A CT model and an X-ray model of phantoms as the only bundled ones.
class Modality : public ProgramTest {
 protected:
  void SetUp() override {
    run("groundglass phantom ct --cases 12 --slices 4 --side 64 --format png -q &&"
        "groundglass phantom xray --kind cxr --cases 48 --side 64 -q && mkdir models");
    write_small_recipe(folder / "ct.toml", "epochs = 1\n");
    write_small_recipe(folder / "xray.toml", "epochs = 1\n");
    run("sed -i '/^epochs = 2/d' ct.toml xray.toml &&"
        "printf '[evaluate]\ncaution = \"marks healthy lungs, too\"\n' >> xray.toml");
    for (const std::string kind : {"ct", "xray"}) {
      run("groundglass train " + kind + ".toml --data " + kind + "/cases.csv -o run_" + kind +
          " -q && groundglass export --model run_" + kind + " -o models/" + kind +
          "_infection.safetensors");
    }
  }

  /// `groundglass predict INPUT` with those models.
  Outcome predict(const std::string& input, int code = 0) const {
    return run("rm -rf out && GROUNDGLASS_MODELS=models groundglass predict " + input + " -o out",
               code);
  }
  json summary() const { return json::parse(read_file(folder / "out/summary.json")); }
};

TEST_F(Modality, PredictChoosesTheModelByThePicturesAndSaysWhy) {
  const auto ct = predict("ct/cases.csv");
  EXPECT_TRUE(says(ct.err, {"model ct_infection", "of 8 pictures looked at resemble chest CT",
                            "of its limit) more than chest X-ray"}));
  EXPECT_EQ(summary()["model"], "ct_infection");
  EXPECT_FALSE(summary().contains("caution"));
  const auto xray = predict("xray/cases.csv");
  EXPECT_TRUE(says(xray.err, {"model xray_infection", "resemble chest X-ray"}));
  EXPECT_EQ(summary()["model"], "xray_infection");
  EXPECT_EQ(summary()["outside_lungs"]["marks"], "kept");
  EXPECT_TRUE(says(xray.err, {"warning: xray_infection: marks healthy lungs, too"}));
  EXPECT_EQ(summary()["caution"], "marks healthy lungs, too");
  EXPECT_LT(summary()["cases"][0]["typicality"].get<double>(), 2);

  run("groundglass phantom volume --cases 1 --slices 4 --side 64 --format nifti -q");
  EXPECT_TRUE(says(predict("volume").err, {"model ct_infection", "volumes are CT"}));

  run("mkdir both && cp $(find ct -name '*.png' | grep -v mask | head -4) both/ && "
      "cp $(find xray -name '*.png' | grep -v -e mask -e infection -e lung | head -4) both/");
  EXPECT_TRUE(says(predict("both", 2).err, {"pictures looked at", "resemble chest",
                                            "name the model", "one kind at a time"}));
}

TEST_F(Modality, PredictNamesWhoFoundTheLungsAndLobesOfAVolume) {
  run("groundglass phantom volume --cases 1 --slices 8 --side 128 --format nifti -q");
  const auto lungs = [&](const std::string& asked) {
    predict("volume --model run_ct --lungs " + asked);
    return summary();
  };
  const json by_threshold = lungs("threshold");
  EXPECT_EQ(by_threshold["lungs"]["source"], "threshold");
  EXPECT_EQ(by_threshold["cases"][0]["lungs"], "threshold");
  const json without = lungs("none");
  EXPECT_TRUE(without["cases"][0]["lungs"].is_null());
  EXPECT_TRUE(without["cases"][0]["lung_ml"].is_null());
  const json by_network = lungs("run_ct");
  EXPECT_EQ(by_network["lungs"]["source"], "run_ct");
  EXPECT_EQ(by_network["lungs"]["weights_sha256"], by_network["weights_sha256"]);
  const json by_file = lungs("volume/labelsTr/case_000.nii.gz");
  EXPECT_EQ(by_file["cases"][0]["lungs"], "volume/labelsTr/case_000.nii.gz");

  EXPECT_TRUE(says(predict("volume --lungs nobody", 2).err,
                   {"--lungs 'nobody'", "expected threshold, none", "ct_lungs"}));
  EXPECT_TRUE(says(predict("ct/cases.csv --lungs volume/labelsTr/case_000.nii.gz", 2).err,
                   {"--lungs", "for one volume", "ct/cases.csv"}));

  EXPECT_EQ(by_network["outside_lungs"]["marks"], "kept") << "no bundled model of CT infection";
  predict("volume --model run_ct --lungs run_ct --outside-lungs drop");
  EXPECT_EQ(summary()["outside_lungs"]["lungs"], "run_ct");
  EXPECT_EQ(summary()["outside_lungs"]["weights_sha256"], summary()["weights_sha256"]);
  EXPECT_EQ(summary()["cases"][0]["left_out_outside_lungs"]["lungs"], "run_ct");
  EXPECT_TRUE(says(predict("volume --model run_ct --outside-lungs perhaps", 2).err,
                   {"--outside-lungs 'perhaps'", "expected drop or keep"}));
  EXPECT_TRUE(says(predict("volume --model run_ct --lungs none --outside-lungs drop", 2).err,
                   {"--outside-lungs drop", "no network finds the lungs", "ct_lungs"}));

  predict("volume --model run_ct --lungs threshold --save-lobes");
  const json lobes = summary()["cases"][0]["lobes"];
  EXPECT_EQ(lobes["from"], "lobes by shape, not by fissures");
  EXPECT_EQ(lobes["regions"].size(), 5U);
  EXPECT_TRUE(std::filesystem::exists(folder / "out" / "case_000_lobes.nii.gz"));
  predict("volume --model run_ct --lungs threshold --lobes none");
  EXPECT_TRUE(summary()["cases"][0]["lobes"].is_null());

  EXPECT_TRUE(says(predict("volume --lobes nobody", 2).err,
                   {"--lobes 'nobody'", "expected shape, none", "lungmask"}));
  EXPECT_TRUE(says(predict("volume --lobes none --save-lobes", 2).err,
                   {"--save-lobes", "'none'", "expected shape"}));
  EXPECT_TRUE(says(predict("ct/cases.csv --lobes volume/labelsTr/case_000.nii.gz", 2).err,
                   {"--lobes", "for one volume", "ct/cases.csv"}));
  EXPECT_TRUE(says(predict("volume --model run_ct --lobes volume/labelsTr/case_000.nii.gz", 4).err,
                   {"case_000.nii.gz", "no label", "expected five lobes"}));
}

TEST_F(Modality, APictureUnlikeAllTrainingImagesIsSegmentedWithAWarning) {
  write_file(folder / "odd.bmp", stripes());
  const auto odd = predict("odd.bmp --model run_ct");
  EXPECT_TRUE(says(odd.err, {"odd.bmp", "looks unlike what run_ct was trained on",
                             "times the limit", "its mask may mean nothing"}));
  EXPECT_GT(summary()["cases"][0]["typicality"].get<double>(), 1);
}

TEST_F(Modality, OldWeightsAreToldWhatTheirImagesLookedLike) {
  run("groundglass prepare ct/cases.csv --recipe ct.toml -o ct.ggset -q && "
      "groundglass export --model run_ct --typical-of ct.ggset -o again.safetensors");
  write_file(folder / "odd.bmp", stripes());
  EXPECT_TRUE(says(predict("odd.bmp --model again.safetensors").err, {"looks unlike"}));
  run("groundglass prepare ct/cases.csv --recipe ct.toml --set preprocess.contrast=none "
      "-o other.ggset -q");
  const auto other =
      run("groundglass export --model run_ct --typical-of other.ggset -o x.safetensors", 3);
  EXPECT_TRUE(says(other.err, {"was made with other [preprocess] options"}));
  const auto random =
      run("groundglass export --model unet --random-weights --typical-of ct.ggset "
          "-o x.pt",
          2);
  EXPECT_TRUE(says(random.err, {"--typical-of", "--random-weights"}));
}

}  // namespace
}  // namespace groundglass
