// The face of the library, linked as a program of somebody else links it: against
// libgroundglass.so.
#include "groundglass/groundglass.h"

#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/io/volume_reader.h"
#include "tests/cli/program_test.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

using Library = ProgramTest;

OpenOptions in_fp32() {
  OpenOptions options;
  options.precision = "fp32";
  return options;
}

/// A body of water with two lungs of air and a bright spot, [8,128,128] in HU.
Volume small_chest() {
  auto voxels = torch::full({8, 128, 128}, -1000, torch::kInt16);
  voxels.narrow(1, 16, 96).narrow(2, 8, 112).fill_(40);
  voxels.narrow(1, 36, 56).narrow(2, 20, 36).fill_(-850);
  voxels.narrow(1, 36, 56).narrow(2, 72, 36).fill_(-850);
  voxels.narrow(0, 2, 4).narrow(1, 60, 20).narrow(2, 28, 16).fill_(-400);
  Volume volume;
  volume.voxels = voxels;
  volume.geometry.spacing_mm = {2.5, 2.5, 6};
  return volume;
}

TEST_F(Library, KnowsItsModel) {
  const Model model = open_model("ct_infection", in_fp32());
  EXPECT_EQ(model.name(), "ct_infection");
  EXPECT_EQ(model.weights_sha256().size(), 64U);
  EXPECT_EQ(model.classes(), 1);
  EXPECT_EQ(model.class_names().size(), 1U);
  EXPECT_GT(model.threshold(), 0);
  EXPECT_LT(model.threshold(), 1);
}

TEST_F(Library, SaysWhatItCannotOpen) {
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [] { open_model("ct_nowhere"); }),
                   {"ct_nowhere", "ct_infection"}));
  OpenOptions options;
  options.device = "tpu";
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { open_model("ct_infection", options); }),
                   {"tpu", "cuda:n"}));
  options = {};
  options.precision = "fp8";
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { open_model("ct_infection", options); }),
                   {"fp8", "bf16"}));
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { read_study(folder / "nowhere"); }), {"nowhere"}));
}

TEST_F(Library, KeepsMarksOutsideTheLungsWhereItIsAsked) {
  OpenOptions options = in_fp32();
  options.outside_lungs = "perhaps";
  Model model = open_model("ct_infection", options);
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { segment(model, small_chest()); }),
                   {"--outside-lungs 'perhaps'", "drop or keep"}));
  const auto marked = [&](const std::string& outside) {
    options.outside_lungs = outside;
    Model one = open_model("ct_infection", options);
    return segment(one, small_chest()).labels.labels != 0;
  };
  EXPECT_FALSE((marked("") & ~marked("keep")).any().item<bool>());
}

TEST_F(Library, GivesTheMaskAndTheMeasuresThatTheProgramWrites) {
  run("groundglass phantom data --kind ct --cases 1 --slices 10 --side 128 --format dicom");
  const auto series = run("dirname \"$(find data -name '*.dcm' | grep -v mask | head -n 1)\"").out;
  const std::string name = series.substr(0, series.size() - 1);
  run("groundglass predict '" + name +
      "' --model ct_infection -o out --plans none --save-probabilities");
  const auto summary = nlohmann::json::parse(read_file(folder / "out/summary.json"))["cases"][0];
  const auto stem = summary["output"].get<std::string>();

  Model model = open_model("ct_infection");
  const Volume volume = read_study(folder / name);
  const Segmentation found = segment(model, volume);
  EXPECT_TRUE(
      torch::equal(found.labels.labels, read_label_volume(folder / ("out/" + stem)).labels));
  EXPECT_EQ(found.labels.geometry, volume.geometry);
  EXPECT_GT(found.measures.lesion_pixels, 0);
  EXPECT_EQ(found.measures.lesion_pixels, summary["lesion_pixels"]);
  EXPECT_EQ(found.measures.lesion_ml.value(), summary["lesion_ml"].get<double>());
  EXPECT_EQ(found.measures.lung_ml.value(), summary["lung_ml"].get<double>());
  EXPECT_EQ(found.measures.top_slice, summary["top_slice"]);
  EXPECT_EQ(found.warnings.size(), summary["warnings"].size());
  EXPECT_EQ(found.probabilities.sizes(), (torch::IntArrayRef{1, 10, 128, 128}));
  EXPECT_GE(found.probabilities.min().item<float>(), 0);
  EXPECT_LE(found.probabilities.max().item<float>(), 1);
}

TEST_F(Library, SegmentsPicturesAndWritesNothing) {
  Model model = open_model("xray_infection", in_fp32());
  Image image;
  image.pixels = torch::full({1, 90, 70}, 120, torch::kUInt8);
  const Segmentation found = segment(model, image);
  EXPECT_EQ(found.labels.labels.sizes(), (torch::IntArrayRef{90, 70}));
  EXPECT_EQ(found.probabilities.sizes(), (torch::IntArrayRef{1, 90, 70}));
  EXPECT_FALSE(found.measures.lesion_ml);
  ASSERT_TRUE(found.measures.typicality);
  EXPECT_GT(*found.measures.typicality, 1) << "an even gray is no chest";
  EXPECT_FALSE(found.warnings.empty());
  ASSERT_TRUE(found.measures.detector);
  EXPECT_EQ(found.measures.detector->name, "xray_detector");
  EXPECT_FALSE(found.measures.detector->trusted) << "neither to the detector";
  EXPECT_EQ(found.measures.detector->withheld_pixels, 0);

  OpenOptions options = in_fp32();
  options.detector = "none";
  Model alone = open_model("xray_infection", options);
  const Segmentation all = segment(alone, image);
  EXPECT_FALSE(all.measures.detector);
  EXPECT_TRUE(torch::equal(all.labels.labels, found.labels.labels));
  options.detector = "nobody";
  Model wrong = open_model("xray_infection", options);
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { segment(wrong, image); }),
                   {"--detector 'nobody'", "expected none"}));
}

TEST_F(Library, AnswersSeveralThreadsAlike) {
  Model model = open_model("ct_infection", in_fp32());
  const Volume volume = small_chest();
  const auto expected = segment(model, volume).labels.labels;
  std::vector<torch::Tensor> found(3);
  std::vector<std::thread> threads;
  for (auto& labels : found) {
    threads.emplace_back([&] { labels = segment(model, volume).labels.labels; });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& labels : found) EXPECT_TRUE(torch::equal(labels, expected));
}

}  // namespace
}  // namespace groundglass
