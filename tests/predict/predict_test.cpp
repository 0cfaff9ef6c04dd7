#include <cmath>
#include <csignal>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/rng.h"
#include "groundglass/data/phantom_files.h"
#include "groundglass/io/dicom_writer.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/predict.h"
#include "tests/complaint.h"
#include "tests/io/picture_samples.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

PredictJob job_for(const fs::path& input, const fs::path& output) {
  PredictJob job;
  job.inputs = find_inputs(input).inputs;
  job.output = output;
  job.model_name = "bright";
  job.weights_sha256 = "none";
  return job;
}

void write_gray(const fs::path& path, int64_t height, int64_t width, uint8_t value = 30) {
  auto image = torch::full({height, width}, value, torch::kUInt8);
  image.narrow(0, height / 4, height / 2).narrow(1, width / 4, width / 2).fill_(220);
  write_png(path, image);
}

nlohmann::json summary_in(const fs::path& folder) {
  return nlohmann::json::parse(read_file(folder / "summary.json"));
}

/// Centre of a mask in the patient, mm.
std::array<double, 3> centroid_mm(const LabelMap& map) {
  const auto places = map.labels.nonzero().to(torch::kFloat64).mean(0);  // k, j, i
  return to_patient_mm(
      map.geometry, {places[2].item<double>(), places[1].item<double>(), places[0].item<double>()});
}

TEST(Predict, WritesMasksOfTheImagesOwnSizesUnderTheirOwnPaths) {
  const ScratchFolder folder;
  write_gray(folder / "in/a.png", 64, 64);
  write_gray(folder / "in/sub/b.png", 128, 128);
  write_gray(folder / "in/sub/c.png", 64, 192);
  Segmenter segmenter = bright_segmenter();
  const PredictSummary summary = predict(segmenter, job_for(folder / "in", folder / "out"));
  EXPECT_EQ(summary.cases.size(), 3U);
  const auto mask = read_mask_picture(folder / "out/a_mask.png");
  EXPECT_TRUE(torch::equal(mask != 0, read_picture(folder / "in/a.png").pixels[0] > 127));
  EXPECT_EQ(mask.max().item<int>(), 255);
  EXPECT_EQ(read_mask_picture(folder / "out/sub/c_mask.png").sizes(),
            (torch::IntArrayRef{64, 192}));
  const auto j = summary_in(folder / "out");
  EXPECT_EQ(j["model"], "bright");
  EXPECT_EQ(j["cases"][0]["output"], "a_mask.png");
  EXPECT_EQ(j["cases"][0]["lesion_pixels"], 32 * 32);
  EXPECT_EQ(j["cases"][0]["size"], (std::vector<int>{64, 64}));
  EXPECT_TRUE(j["cases"][0]["lesion_ml"].is_null());
  EXPECT_TRUE(j["cases"][0]["lesion_fraction_of_lung"].is_null());
  EXPECT_GT(j["peak_rss_mib"].get<double>(), 0);
  EXPECT_TRUE(says(j["note"].get<std::string>(), {"not a medical device"}));
  EXPECT_FALSE(fs::exists(folder / "out/.unfinished.jsonl"));
}

TEST(Predict, WritesProbabilitiesAndOverlaysOnRequest) {
  const ScratchFolder folder;
  write_gray(folder / "a.png", 64, 64);
  PredictJob job = job_for(folder / "a.png", folder / "out");
  job.save_probabilities = job.overlay = job.class_numbers = true;
  Segmenter segmenter = bright_segmenter();
  predict(segmenter, job);
  EXPECT_EQ(read_mask_picture(folder / "out/a_mask.png").max().item<int>(), 1);
  const Image p = read_picture(folder / "out/a_probability.png");
  EXPECT_EQ(p.white, 65535);
  EXPECT_NEAR(p.pixels[0][32][32].item<double>() / 65535, 1, 1e-3);
  EXPECT_EQ(read_picture(folder / "out/a_overlay.png").pixels.sizes(),
            (torch::IntArrayRef{1, 64, 64}));
}

TEST(Predict, TakesFinishedCasesFromAKilledCall) {
  const ScratchFolder folder;
  for (int i = 0; i < 10; ++i) write_gray(folder / ("in/" + std::to_string(i) + ".png"), 64, 64);
  PredictJob job = job_for(folder / "in", folder / "out");
  job.batch = 3;  // the first alone, then three: four are done when it stops
  class StopAfter final : public Observer {
    void on(const Progress& e) override {
      if (e.done >= 4) request_stop(SIGINT);
    }
  } stopper;
  Segmenter first = bright_segmenter();
  try {
    predict(first, job, stopper);
    FAIL() << "was not stopped";
  } catch (const Stopped& e) {
    EXPECT_EQ(e.exit_code(), 130);
  }
  request_stop(0);
  EXPECT_FALSE(fs::exists(folder / "out/summary.json"));
  std::ofstream(folder / "out/.unfinished.jsonl", std::ios::app)
      << "{\"stem\":\"half a li";               // kill -9
  write_gray(folder / "in/1.png", 64, 64, 40);  // changed meanwhile: must be done again
  fs::last_write_time(folder / "in/1.png",
                      fs::file_time_type::clock::now() + std::chrono::seconds(5));
  fs::remove(folder / "out/2_mask.png");
  Segmenter second = bright_segmenter();
  const PredictSummary summary = predict(second, job);
  EXPECT_EQ(summary.reused, 2);
  EXPECT_EQ(summary.cases.size(), 10U);
  EXPECT_TRUE(fs::exists(folder / "out/2_mask.png"));
  EXPECT_EQ(summary_in(folder / "out")["cases"].size(), 10U);
}

TEST(Predict, DoesWhatItCanAndThenListsWhatItCouldNot) {
  const ScratchFolder folder;
  write_gray(folder / "in/good.png", 64, 64);
  write_file(folder / "in/empty.png", "");
  write_file(folder / "in/cut.png", read_file(folder / "in/good.png").substr(0, 60));
  write_file(folder / "in/words.nii.gz", "not a volume");
  const std::string text = complaint(ErrorKind::data, [&] {
    Segmenter segmenter = bright_segmenter();
    predict(segmenter, job_for(folder / "in", folder / "out"));
  });
  EXPECT_TRUE(says(text, {"1 of 4 inputs", "3 problems", "empty.png", "cut.png", "words.nii.gz"}));
  EXPECT_TRUE(fs::exists(folder / "out/good_mask.png"));
  const auto summary = summary_in(folder / "out");
  ASSERT_EQ(summary["cases"].size(), 1U);
  EXPECT_EQ(summary["cases"][0]["output"], "good_mask.png");
  ASSERT_EQ(summary["failed"].size(), 3U);
  EXPECT_EQ(summary["failed"][0]["input"], (folder / "in/cut.png").string());
  EXPECT_TRUE(says(summary["failed"][1]["problem"].get<std::string>(), {"empty.png"}));
  Segmenter again = bright_segmenter();
  fs::remove(folder / "in/empty.png");
  fs::remove(folder / "in/cut.png");
  fs::remove(folder / "in/words.nii.gz");
  const auto second = predict(again, job_for(folder / "in", folder / "out"));
  EXPECT_EQ(second.reused, 1) << "what was done is not done again";
  EXPECT_TRUE(summary_in(folder / "out")["failed"].empty());
}

TEST(Predict, LeavesASummaryWhenMemoryDoesNotSufficeInTheMiddle) {
  const ScratchFolder folder;
  write_gray(folder / "in/a.png", 64, 64);
  write_gray(folder / "in/b.png", 4000, 4000);
  write_gray(folder / "in/c.png", 64, 64);
  PredictJob job = job_for(folder / "in", folder / "out");
  job.batch = 1;
  job.memory_limit = static_cast<int64_t>(rss_mib() + 60) << 20;
  Segmenter segmenter = bright_segmenter();
  complaint(ErrorKind::device, [&] { predict(segmenter, job); });
  const auto summary = summary_in(folder / "out");
  EXPECT_EQ(summary["cases"].size(), 1U);
  ASSERT_EQ(summary["failed"].size(), 2U);
  EXPECT_TRUE(says(summary["failed"][0]["problem"].get<std::string>(), {"not done: "}));
}

TEST(Predict, WritesNamesThatAreNotUtf8) {
  const ScratchFolder folder;
  write_gray(folder / "in/M\xFCller.png", 64, 64);
  write_gray(folder / "in/M\xE4ller.png", 64, 64);
  write_gray(folder / "in/ok.png", 64, 64);
  write_file(folder / "in/\xFF.png", "no picture");
  Segmenter segmenter = bright_segmenter();
  complaint(ErrorKind::data, [&] { predict(segmenter, job_for(folder / "in", folder / "out")); });
  EXPECT_TRUE(fs::exists(folder / "out/M\xFCller_mask.png"));
  const auto summary = summary_in(folder / "out");
  ASSERT_EQ(summary["cases"].size(), 3U);
  EXPECT_EQ(summary["cases"][0]["output"], "M\\xE4ller_mask.png");
  EXPECT_EQ(summary["cases"][1]["output"], "M\\xFCller_mask.png");
  fs::remove(folder / "in/\xFF.png");
  Segmenter again = bright_segmenter();
  EXPECT_EQ(predict(again, job_for(folder / "in", folder / "out")).reused, 3);
}

TEST(Predict, TakesEveryNameThatFitsAndTellsTheOthers) {
  const ScratchFolder folder;
  write_gray(folder / ("in/" + std::string(246, 'f') + ".png"), 64, 64);  // with _mask.png: 255
  write_gray(folder / ("in/" + std::string(247, 'g') + ".png"), 64, 64);
  write_gray(folder / "in/short.png", 64, 64);
  Segmenter segmenter = bright_segmenter();
  const std::string text = complaint(
      ErrorKind::data, [&] { predict(segmenter, job_for(folder / "in", folder / "out")); });
  EXPECT_TRUE(says(text, {"ggg.png: is left out", "has 256 bytes, expected at most 255",
                          "give it a shorter name"}));
  const auto summary = summary_in(folder / "out");
  EXPECT_EQ(summary["cases"].size(), 2U);
  EXPECT_EQ(summary["failed"].size(), 1U);
}

TEST(Predict, PutsTheMaskWhereTheLesionIsOnEveryGrid) {
  const ScratchFolder folder;
  auto voxels = torch::full({12, 48, 64}, -900, torch::kInt16);
  voxels.narrow(0, 3, 4).narrow(1, 6, 12).narrow(2, 40, 16).fill_(-100);
  const double c = std::cos(0.3), s = std::sin(0.3);
  const std::array<std::array<double, 9>, 5> directions = {{
      {1, 0, 0, 0, 1, 0, 0, 0, 1},
      {-1, 0, 0, 0, -1, 0, 0, 0, 1},  // the usual NIfTI
      {c, -s, 0, s, c, 0, 0, 0, 1},   // oblique in the plane
      {c, 0, s, 0, 1, 0, -s, 0, c},   // tilted
      {0, 0, 1, 0, -1, 0, 1, 0, 0},   // sagittal slices, a flip
  }};
  for (size_t i = 0; i < directions.size(); ++i) {
    Volume volume{voxels, {}, Units::hu, 255, {}};
    volume.geometry.spacing_mm = {0.8, 0.9, 2.5};
    volume.geometry.origin_mm = {-12, 30, 200};
    volume.geometry.direction = directions[i];
    const std::string name = "v" + std::to_string(i);
    write_volume(folder / (name + ".nii.gz"), volume);
    Segmenter segmenter = bright_segmenter(64);
    const auto summary = predict(segmenter, job_for(folder / (name + ".nii.gz"), folder / "out"));
    const LabelMap found = read_label_volume(folder / ("out/" + name + "_mask.nii.gz"));
    EXPECT_TRUE(same_geometry(found.geometry, read_volume(folder / (name + ".nii.gz")).geometry));
    ASSERT_EQ(found.labels.sizes(), voxels.sizes());
    const LabelMap truth{(voxels > -500).to(torch::kUInt8), found.geometry};
    const auto a = centroid_mm(found), b = centroid_mm(truth);
    for (size_t axis = 0; axis < 3; ++axis) EXPECT_NEAR(a[axis], b[axis], 0.35) << name;
    const double ml = (voxels > -500).sum().item<double>() * 0.8 * 0.9 * 2.5 / 1000;
    EXPECT_NEAR(*summary.cases[0].lesion_ml, ml, 0.06 * ml);
  }
}

TEST(Predict, WritesTheMaskOfATurnedPictureAsThePictureIsStored) {
  const ScratchFolder folder;
  auto upright_pixels = torch::full({64, 128}, 40, torch::kUInt8);
  upright_pixels.narrow(0, 8, 20).narrow(1, 72, 40).fill_(220);
  for (const int o : {1, 3, 6, 8}) {
    const std::string name = "a" + std::to_string(o);
    const auto stored = as_stored(upright_pixels, o).contiguous();
    write_file(folder / (name + ".png"), turned_png(encode_png(stored), o));
    Segmenter segmenter = bright_segmenter();
    predict(segmenter, job_for(folder / (name + ".png"), folder / "out"));
    const auto mask = read_mask_picture(folder / ("out/" + name + "_mask.png"));
    EXPECT_TRUE(torch::equal(mask != 0, stored > 127)) << o;
  }
}

TEST(Predict, MeasuresTheShareOfTheLungsOfADicomSeries) {
  const ScratchFolder folder;
  PhantomSetOptions options;
  options.cases = 1;
  options.format = PhantomFormat::dicom;
  options.phantom = {.slices = 16, .side = 128};
  const auto series = write_phantom_set(folder / "data", options);
  Segmenter segmenter = bright_segmenter(128);
  PredictJob job = job_for(series, folder / "out");
  job.overlay = true;
  const auto summary = predict(segmenter, job);
  ASSERT_EQ(summary.cases.size(), 1U);
  const auto& c = summary.cases[0];
  EXPECT_EQ(c.output, "case_000_mask.nii.gz");
  EXPECT_EQ(c.modality, "CT");
  EXPECT_EQ(c.size, (std::vector<int64_t>{16, 128, 128}));
  ASSERT_TRUE(c.lung_ml && c.lesion_fraction_of_lung);
  EXPECT_GT(*c.lung_ml, 2000);
  EXPECT_LE(*c.lesion_fraction_of_lung, 1);
  EXPECT_TRUE(fs::exists(folder / "out/case_000_overlay.png"));
  const LabelMap written = read_label_volume(folder / "out/case_000_mask.nii.gz");
  EXPECT_TRUE(same_geometry(written.geometry, open_volume(series)->info().geometry, 1e-2));
}

TEST(FindInputs, RefusesWhatCannotBeSegmented) {
  const ScratchFolder folder;
  const auto refusal = [&](const std::string& name) {
    return complaint(ErrorKind::data, [&] { find_inputs(folder / name); });
  };
  EXPECT_TRUE(says(refusal("nowhere"), {"no such file or folder"}));
  write_file(folder / "text.txt", "hello");
  EXPECT_TRUE(says(refusal("text.txt"), {"is no picture", "volume"}));
  fs::create_directory(folder / "empty");
  EXPECT_TRUE(says(refusal("empty"), {"holds no picture"}));
  write_gray(folder / "two/x.png", 16, 16);
  write_gray(folder / "two/x.bmp", 16, 16);
  const std::string same =
      complaint(ErrorKind::data, [&] { check_outputs_differ(find_inputs(folder / "two").inputs); });
  EXPECT_TRUE(says(same, {"x.bmp", "x.png", "both be written as x_mask"}));
}

TEST(CheckOutputsDiffer, TellsCapitalsApartWhereTheFileSystemDoes) {
  const ScratchFolder folder;
  EXPECT_EQ(file_names_in(folder / "not/made/yet"), FileNames::with_case);
  EXPECT_FALSE(fs::exists(folder / "not"));
  EXPECT_TRUE(fs::is_empty(folder.path()));
  const std::vector<PredictInput> two = {{"in/A.png", "A", false}, {"in/a.png", "a", false}};
  check_outputs_differ(two);
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [&] { check_outputs_differ(two, "_map", FileNames::without_case); }),
                   {"in/a.png and in/A.png", "written as a_map", "capitals"}));
}

TEST(FindInputs, NamesTheWayOnFromHalfOfAPair) {
  const ScratchFolder folder;
  for (const char* name : {"x.hdr", "x.img"}) {
    write_file(folder / name, "Analyze");
    EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { find_inputs(folder / name); }),
                     {name, "one half of a .hdr/.img pair (Analyze, NIfTI)", "expected one .nii",
                      "nifti_tool"}));
  }
}

TEST(FindInputs, LeavesOurOwnOutputsOut) {
  const ScratchFolder folder;
  for (const char* name : {"a.png", "a_mask.png", "a_overlay.png", "a_probability.png"}) {
    write_gray(folder / name, 16, 16);
  }
  const auto inputs = find_inputs(folder.path()).inputs;
  ASSERT_EQ(inputs.size(), 1U);
  EXPECT_EQ(inputs[0].stem, "a");
  const auto left_out = find_inputs(folder.path()).left_out;
  ASSERT_EQ(left_out.size(), 3U);
  EXPECT_TRUE(says(left_out[0].why, {"looks like an output", "name the file itself"}));
  EXPECT_EQ(find_inputs(folder / "a_mask.png").inputs.size(), 1U);
  fs::remove(folder / "a.png");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { find_inputs(folder.path()); }),
                   {"holds no picture", "a_mask.png", "looks like an output"}));
}

class Told final : public Observer {
 public:
  void on(const Warning& e) override { warnings.push_back(e.message); }
  void on(const Note& e) override { notes.push_back(e.message); }
  std::vector<std::string> warnings, notes;
};

TEST(FindInputs, FollowsLinksAndTellsWhatIsNoPicture) {
  const ScratchFolder folder;
  write_gray(folder / "far/x.png", 16, 16);
  write_gray(folder / "in/y.png", 16, 16);
  fs::create_directory_symlink(folder / "far", folder / "in/one");
  fs::create_directory_symlink(".", folder / "in/one_more");
  for (int i = 0; i < 7; ++i) write_file(folder / ("in/" + std::to_string(i) + ".txt"), "");
  const FoundInputs found = find_inputs(folder / "in");
  ASSERT_EQ(found.inputs.size(), 2U);
  EXPECT_EQ(found.inputs[0].stem, "one/x");
  EXPECT_EQ(found.inputs[1].stem, "y");
  Told told;
  tell_left_out(found.left_out, told);
  ASSERT_EQ(told.warnings.size(), 1U);
  EXPECT_TRUE(says(told.warnings[0], {"in/one_more: left out (a link to"}));
  ASSERT_EQ(told.notes.size(), 1U);
  EXPECT_TRUE(says(told.notes[0], {"4.txt and 2 more: left out (no picture, volume"}));
}

TEST(FindInputs, FindsTheSeriesOfAStudyAndOfACd) {
  const ScratchFolder folder;
  PhantomSetOptions options;
  options.cases = 1;
  options.format = PhantomFormat::dicom;
  options.phantom = {.slices = 3, .side = 32};
  const auto series = write_phantom_set(folder / "data", options);
  fs::create_directories(folder / "cd");
  fs::copy(series, folder / "cd/DICOM");
  write_file(folder / "cd/DICOMDIR", std::string(128, '\0') + "DICM");
  const FoundInputs found = find_inputs(folder / "cd");
  ASSERT_EQ(found.inputs.size(), 1U);
  EXPECT_EQ(found.inputs[0].stem, "DICOM");
  ASSERT_EQ(found.left_out.size(), 1U);
  EXPECT_TRUE(says(found.left_out[0].why, {"no DICOM image to segment (1 file: DICOMDIR)"}));
}

}  // namespace
}  // namespace groundglass
