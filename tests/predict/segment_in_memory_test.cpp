#include "groundglass/predict/segment_in_memory.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "groundglass/data/phantom_files.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/predict.h"
#include "groundglass/preprocess/axial_source.h"
#include "tests/complaint.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

PredictJob job_of_one(const fs::path& input, const fs::path& output) {
  PredictJob job;
  job.inputs = find_inputs(input).inputs;
  job.output = output;
  job.save_probabilities = true;
  return job;
}

/// The same volume through files and through memory gives the same.
void expect_same_answer(const fs::path& input, int64_t side) {
  const ScratchFolder folder;
  Segmenter by_file = bright_segmenter(side), in_memory = bright_segmenter(side);
  const PredictJob job = job_of_one(input, folder.path());
  const auto written = predict(by_file, job).cases.at(0);
  const auto kept = segment_in_memory(in_memory, read_volume(input), {"memory", "bright"});
  const LabelMap mask = read_label_volume(folder / written.output);
  EXPECT_TRUE(torch::equal(kept.labels, mask.labels)) << input;
  EXPECT_GT(written.lesion_pixels, 0);
  EXPECT_EQ(kept.summary.lesion_pixels, written.lesion_pixels);
  EXPECT_EQ(kept.summary.lesion_ml, written.lesion_ml);
  EXPECT_EQ(kept.summary.lung_ml, written.lung_ml);
  EXPECT_EQ(kept.summary.lesion_fraction_of_lung, written.lesion_fraction_of_lung);
  EXPECT_EQ(kept.summary.top_slice, written.top_slice);
  EXPECT_EQ(kept.summary.size, written.size);
  EXPECT_EQ(kept.summary.modality, written.modality);
  EXPECT_EQ(kept.summary.warnings.size(), written.warnings.size());
  ASSERT_EQ(kept.probabilities.dim(), 4);
  const auto file = input.filename() == "v.nii.gz" ? "v" : "case_000";
  const auto probability =
      read_volume(folder / (std::string(file) + "_probability.nii.gz"), UnitsAsked::probability)
          .voxels;
  EXPECT_LT((kept.probabilities[0] - probability).abs().max().item<double>(), 1e-4) << input;
}

TEST(SegmentInMemory, GivesTheMaskThatPredictWritesForADicomSeries) {
  const ScratchFolder folder;
  PhantomSetOptions options;
  options.cases = 1;
  options.format = PhantomFormat::dicom;
  options.phantom = {.slices = 12, .side = 96};
  expect_same_answer(write_phantom_set(folder / "data", options), 96);
}

TEST(SegmentInMemory, GivesTheMaskThatPredictWritesOnEveryGrid) {
  const ScratchFolder folder;
  auto voxels = torch::full({12, 48, 64}, -900, torch::kInt16);
  voxels.narrow(0, 3, 4).narrow(1, 6, 12).narrow(2, 40, 16).fill_(-100);
  const std::array<std::array<double, 9>, 3> directions = {{
      {1, 0, 0, 0, 1, 0, 0, 0, 1},
      {-1, 0, 0, 0, -1, 0, 0, 0, 1},  // the usual NIfTI
      {0, 0, 1, 0, -1, 0, 1, 0, 0},   // sagittal slices, a flip
  }};
  for (const auto& direction : directions) {
    Volume volume{voxels, {}, Units::hu, 255, {}};
    volume.geometry.spacing_mm = {0.8, 0.9, 2.5};
    volume.geometry.direction = direction;
    write_volume(folder / "v.nii.gz", volume);
    expect_same_answer(folder / "v.nii.gz", 64);
  }
}

TEST(AxialSource, TellsWhereEachVoxelOfATurnedVolumeLies) {
  const ScratchFolder folder;
  Volume volume{torch::arange(0, 3 * 4 * 5, torch::kInt16).view({3, 4, 5}), {}, Units::hu, 255, {}};
  volume.geometry.spacing_mm = {0.8, 0.9, 2.5};
  volume.geometry.origin_mm = {7, -20, 31};
  const std::array<std::array<double, 9>, 3> directions = {{
      {-1, 0, 0, 0, -1, 0, 0, 0, 1},  // the usual NIfTI
      {0, 0, 1, 0, -1, 0, 1, 0, 0},   // sagittal slices, a flip
      {1, 0, 0, 0, 0, 1, 0, -1, 0},   // coronal slices
  }};
  for (const auto& direction : directions) {
    volume.geometry.direction = direction;
    write_volume(folder / "v.nii.gz", volume);
    AxialSource source(folder / "v.nii.gz", UnitsAsked::hu);
    const Geometry upright = source.geometry();
    for (int64_t k = 0; k < source.depth(); ++k) {
      const auto slice = source.read(k).pixels[0].contiguous();
      for (int64_t j = 0; j < slice.size(0); ++j) {
        for (int64_t i = 0; i < slice.size(1); ++i) {
          const auto at = static_cast<int64_t>(std::lround(slice[j][i].item<double>()));
          const auto stored = to_patient_mm(
              volume.geometry, {static_cast<double>(at % 5), static_cast<double>(at / 5 % 4),
                                static_cast<double>(at / 20)});
          const auto shown = to_patient_mm(
              upright, {static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
          for (size_t axis = 0; axis < 3; ++axis) ASSERT_NEAR(shown[axis], stored[axis], 1e-4);
        }
      }
    }
  }
}

TEST(SegmentInMemory, GivesTheMaskThatPredictWritesForAPicture) {
  const ScratchFolder folder;
  auto picture = torch::full({60, 80}, 30, torch::kUInt8);
  picture.narrow(0, 10, 20).narrow(1, 30, 40).fill_(220);
  write_png(folder / "a.png", picture);
  Segmenter by_file = bright_segmenter(), in_memory = bright_segmenter();
  PredictJob job = job_of_one(folder / "a.png", folder / "out");
  job.class_numbers = true;
  const auto written = predict(by_file, job).cases.at(0);
  const auto kept =
      segment_in_memory(in_memory, read_picture(folder / "a.png"), {"memory", "bright"});
  EXPECT_TRUE(torch::equal(kept.labels, read_picture(folder / "out/a_mask.png").pixels[0]));
  EXPECT_EQ(kept.probabilities.sizes(), (torch::IntArrayRef{1, 60, 80}));
  EXPECT_EQ(kept.summary.lesion_pixels, written.lesion_pixels);
  EXPECT_EQ(kept.summary.size, written.size);
  EXPECT_TRUE(says(
      complaint(ErrorKind::data,
                [&] {
                  segment_in_memory(in_memory, Image{picture, Units::gray, 255, {}}, {"x", "b"});
                }),
      {"x: pixels are [60, 80], expected [C,H,W]"}));
}

TEST(SegmentInMemory, RefusesWhatIsNoVolume) {
  Segmenter segmenter = bright_segmenter();
  const auto refused = [&](const Volume& volume) {
    return complaint(ErrorKind::data, [&] {
      segment_in_memory(segmenter, volume, {"memory", "bright"});
    });
  };
  Volume volume{torch::full({4, 32, 32}, -900, torch::kInt16), {}, Units::hu, 255, {}};
  EXPECT_NO_THROW(segment_in_memory(segmenter, volume, {"memory", "bright"}));
  Volume flat = volume;
  flat.voxels = volume.voxels[0];
  EXPECT_TRUE(says(refused(flat), {"[32, 32]", "[D,H,W]"}));
  Volume wide = volume;
  wide.voxels = volume.voxels.to(torch::kFloat64);
  EXPECT_TRUE(says(refused(wide), {"uint8, int16 or float32"}));
  Volume holes = volume;
  holes.voxels = volume.voxels.to(torch::kFloat32);
  holes.voxels[2][3][4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(says(refused(holes), {"slice 2", "NaN"}));
  Volume bent = volume;
  bent.geometry.direction = {1, 0, 0, 1, 0, 0, 0, 0, 1};
  EXPECT_TRUE(says(refused(bent), {"axes"}));
  Volume empty = volume;
  empty.geometry.spacing_mm[2] = 0;
  EXPECT_TRUE(says(refused(empty), {"spacing"}));
  EXPECT_TRUE(says(refused(Volume{}), {"undefined"}));
}

}  // namespace
}  // namespace groundglass
