// Networks that tell several lesions apart, from the image to what is written.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/io/legend.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/paint.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/predict.h"
#include "tests/predict/class_segmenter.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Dark with 16 x 16 gray pixels (class 1) on the left and 16 x 8 bright ones (class 2) right.
torch::Tensor two_lesions() {
  auto gray = torch::full({64, 64}, 20, torch::kUInt8);
  gray.narrow(0, 8, 16).narrow(1, 8, 16).fill_(128);
  gray.narrow(0, 40, 16).narrow(1, 40, 8).fill_(230);
  return gray;
}

torch::Tensor their_classes() {
  auto classes = torch::zeros({64, 64}, torch::kUInt8);
  classes.narrow(0, 8, 16).narrow(1, 8, 16).fill_(1);
  classes.narrow(0, 40, 16).narrow(1, 40, 8).fill_(2);
  return classes;
}

PredictJob classes_job(const fs::path& input, const fs::path& output) {
  PredictJob job;
  job.inputs = find_inputs(input).inputs;
  job.output = output;
  job.model_name = "gray";
  job.weights_sha256 = "none";
  job.class_names = {"ground glass", "consolidation"};
  return job;
}

nlohmann::json classes_summary(const fs::path& folder) {
  return nlohmann::json::parse(read_file(folder / "summary.json"));
}

TEST(PredictClasses, WritesNumbersIfAskedAndOtherwiseOneLesion) {
  const ScratchFolder folder;
  write_png(folder / "a.png", two_lesions());
  Segmenter segmenter = class_segmenter();
  PredictJob job = classes_job(folder / "a.png", folder / "one");
  predict(segmenter, job);
  EXPECT_TRUE(torch::equal(read_mask_picture(folder / "one/a_mask.png"),
                           (their_classes() != 0).to(torch::kUInt8) * 255));
  job.output = folder / "numbers";
  job.class_numbers = true;
  predict(segmenter, job);
  EXPECT_TRUE(torch::equal(read_mask_picture(folder / "numbers/a_mask.png"), their_classes()));
}

TEST(PredictClasses, CountsEachClassBesideAllLesions) {
  const ScratchFolder folder;
  write_png(folder / "a.png", two_lesions());
  Segmenter segmenter = class_segmenter();
  predict(segmenter, classes_job(folder / "a.png", folder / "out"));
  const auto summary = classes_summary(folder / "out");
  EXPECT_TRUE(summary["threshold"].is_null());  // of several classes the likeliest wins
  const auto& c = summary["cases"][0];
  EXPECT_EQ(c["lesion_pixels"], 256 + 128);
  ASSERT_EQ(c["classes"].size(), 2U);
  EXPECT_EQ(c["classes"][0],
            nlohmann::json::parse(
                R"({"class":1,"name":"ground glass","pixels":256,"ml":null,"attenuation":null})"));
  EXPECT_EQ(c["classes"][1],
            nlohmann::json::parse(
                R"({"class":2,"name":"consolidation","pixels":128,"ml":null,"attenuation":null})"));
}

TEST(PredictClasses, SavesTheProbabilityOfAnyLesionAndOfEachClass) {
  const ScratchFolder folder;
  write_png(folder / "a.png", two_lesions());
  PredictJob job = classes_job(folder / "a.png", folder.path());
  job.save_probabilities = true;
  Segmenter segmenter = class_segmenter();
  predict(segmenter, job);
  const auto at = [&](const std::string& name, int64_t y, int64_t x) {
    return read_picture(folder / name).pixels[0][y][x].item<double>() / 65535;
  };
  EXPECT_NEAR(at("a_probability.png", 16, 16), 0.9, 1e-3);
  EXPECT_NEAR(at("a_probability_1.png", 16, 16), 0.8, 1e-3);
  EXPECT_NEAR(at("a_probability_2.png", 16, 16), 0.1, 1e-3);
  EXPECT_NEAR(at("a_probability_1.png", 48, 44), 0.1, 1e-3);
  EXPECT_NEAR(at("a_probability_2.png", 48, 44), 0.8, 1e-3);
  EXPECT_EQ(find_inputs(folder.path()).inputs.size(), 1U) << "our own outputs are no inputs";
}

TEST(PredictClasses, ShowsEachClassInItsColourWithALegendBelow) {
  const ScratchFolder folder;
  write_png(folder / "a.png", two_lesions());
  Segmenter segmenter = class_segmenter();
  const auto labels = segmenter.segment({read_picture(folder / "a.png")})[0].labels;
  const auto picture = overlay(two_lesions(), labels);
  const auto is = [&](int64_t y, int64_t x, int64_t label) {
    const auto c = class_colour(label);
    return picture[0][y][x].item<int>() == c[0] && picture[1][y][x].item<int>() == c[1] &&
           picture[2][y][x].item<int>() == c[2];
  };
  EXPECT_TRUE(is(8, 16, 1));  // the outlines are opaque
  EXPECT_TRUE(is(40, 44, 2));
  PredictJob job = classes_job(folder / "a.png", folder / "out");
  job.overlay = true;
  predict(segmenter, job);
  const auto written = read_picture(folder / "out/a_overlay.png").pixels;
  EXPECT_EQ(written.size(1), 64 + 2 * kLegendLine);  // 64 pixels are too few for both names
  EXPECT_EQ(written.size(2), 64);
}

/// A volume in HU: three slices of the lesions, -500 HU class 1 and -100 HU class 2.
TEST(PredictClasses, WritesVolumesWithNumbersMillilitresAndProbabilities) {
  const ScratchFolder folder;
  Geometry geometry;
  geometry.spacing_mm = {2, 2, 5};
  const auto hu =
      (two_lesions().to(torch::kFloat32) * (1000.0 / 255) - 1000).round().to(torch::kInt16);
  NiftiWriter writer(folder / "v.nii.gz", NiftiWriter::Content::image, torch::kInt16, {3, 64, 64},
                     geometry);
  for (int k = 0; k < 3; ++k) writer.write_slice(hu);
  writer.commit();
  PredictJob job = classes_job(folder / "v.nii.gz", folder / "out");
  job.save_probabilities = job.overlay = true;
  Segmenter segmenter = class_segmenter();
  predict(segmenter, job);
  const auto labels = read_label_volume(folder / "out/v_mask.nii.gz").labels;
  EXPECT_EQ((labels == 1).sum().item<int64_t>(), 3 * 256);
  EXPECT_EQ((labels == 2).sum().item<int64_t>(), 3 * 128);
  const auto classes = classes_summary(folder / "out")["cases"][0]["classes"];
  EXPECT_NEAR(classes[0]["ml"], 3 * 256 * 0.02, 1e-9);
  EXPECT_NEAR(classes[1]["ml"], 3 * 128 * 0.02, 1e-9);
  for (const char* name : {"v_probability.nii.gz", "v_probability_1.nii.gz",
                           "v_probability_2.nii.gz", "v_overlay.png"}) {
    EXPECT_TRUE(fs::exists(folder / "out" / name)) << name;
  }
  const auto p = read_volume(folder / "out/v_probability_2.nii.gz", UnitsAsked::probability).voxels;
  const auto where = p > 0.5;
  EXPECT_TRUE(torch::equal(where, labels == 2));
}

}  // namespace
}  // namespace groundglass
