#include <atomic>
#include <csignal>

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/rng.h"
#include "groundglass/data/phantom_files.h"
#include "groundglass/data/prepare.h"
#include "groundglass/data/read_pair.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/picture.h"
#include "groundglass/preprocess/slice.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

fs::path phantom_table(const ScratchFolder& folder) {
  PhantomSetOptions options;
  options.cases = 2;
  options.phantom = {.slices = 6, .side = 64};
  return write_phantom_set(folder / "data", options);
}

PrepareJob prepare_job(const fs::path& data, const fs::path& output) {
  PrepareJob job;
  job.dataset = read_dataset(data);
  job.preprocess.size = {32, 48};
  job.preprocess_text = "text";
  job.output = output;
  return job;
}

/// Asks for a stop after some rows.
class Stopper final : public Observer {
 public:
  void on(const Progress& e) override {
    if (e.done >= 5) request_stop(SIGTERM);
  }
};

TEST(Prepare, StoresEachSliceAsTheRecipeMakesIt) {
  const ScratchFolder folder;
  const auto table = phantom_table(folder);
  const PrepareJob job = prepare_job(table, folder / "set.ggset");
  EXPECT_EQ(prepare(job), 12);
  const PreparedSet set(folder / "set.ggset");
  ASSERT_EQ(set.size(), 12);
  EXPECT_EQ(set.rows()[7].id, "case_001/z001");
  EXPECT_EQ(set.rows()[7].domain, "phantom_wide_window");
  EXPECT_EQ(set.header().preprocess, "text");
  const Image image = read_picture(folder / "data/case_001/z001.png");
  EXPECT_TRUE(torch::equal(set.image(7), to_network_grid(image, job.preprocess).pixels));
  const auto mask = read_mask_picture(folder / "data/case_001/z003_infection.png") / 255;
  EXPECT_TRUE(torch::equal(
      set.mask(9), mask_to_network_grid(mask.to(torch::kUInt8), {0, 0, 64, 64}, job.preprocess)));
}

TEST(Prepare, GivesTheSameFileOnOneThreadAndOnFour) {
  const ScratchFolder folder;
  const auto table = phantom_table(folder);
  PrepareJob job = prepare_job(table, folder / "one.ggset");
  job.threads = 1;
  prepare(job);
  job.threads = 4;
  job.output = folder / "four.ggset";
  prepare(job);
  EXPECT_EQ(read_file(folder / "one.ggset"), read_file(folder / "four.ggset"));
}

TEST(Prepare, GoesOnAfterAnInterruption) {
  const ScratchFolder folder;
  const auto table = phantom_table(folder);
  PrepareJob job = prepare_job(table, folder / "whole.ggset");
  prepare(job);
  job.output = folder / "interrupted.ggset";
  job.threads = 1;
  Stopper stopper;
  EXPECT_THROW(prepare(job, stopper), Stopped);
  request_stop(0);
  EXPECT_FALSE(fs::exists(folder / "interrupted.ggset"));
  EXPECT_TRUE(fs::exists(folder / "interrupted.ggset.partial"));
  prepare(job);
  EXPECT_EQ(read_file(folder / "whole.ggset"), read_file(folder / "interrupted.ggset"));
}

TEST(Prepare, ListsAllThatIsWrongAtOnce) {
  const ScratchFolder folder;
  const auto table = phantom_table(folder);
  const auto at = [&](const char* name) { return folder / ("data/case_000/" + std::string(name)); };
  write_file(at("z000.png"), "");
  write_file(at("z001.png"), read_file(at("z001.png")).substr(0, 900));
  write_png(at("z002_infection.png"), torch::zeros({64, 60}, torch::kUInt8));
  write_png(at("z003_infection.png"), torch::full({64, 64}, 37, torch::kUInt8));
  write_file(at("z004.png"), "not a picture at all");
  const PrepareJob job = prepare_job(table, folder / "set.ggset");
  const std::string text = complaint(ErrorKind::data, [&] { prepare(job); });
  EXPECT_TRUE(says(
      text, {"5 problems", "z000.png: is empty", "z001.png: is truncated",
             "z002_infection.png: is 64 x 60 and its image is 64 x 64",
             "z003_infection.png: holds the label 37", "0 and 255", "z004.png: is no picture"}));
  const auto found = find_problems(job.dataset, job.data, UnitsAsked::as_stored, 2);
  EXPECT_EQ(found.size(), 5U);
  EXPECT_FALSE(fs::exists(folder / "set.ggset"));
}

TEST(Prepare, TakesEveryAxialSliceOfAVolume) {
  const ScratchFolder folder;
  PhantomSetOptions options;
  options.cases = 2;
  options.format = PhantomFormat::nifti;
  options.phantom = {.slices = 5, .side = 64};
  const auto data = write_phantom_set(folder / "nnunet", options);
  EXPECT_EQ(prepare(prepare_job(data, folder / "set.ggset")), 10);
  const PreparedSet set(folder / "set.ggset");
  EXPECT_EQ(set.rows()[6].id, "case_001#z001");
  EXPECT_EQ(set.rows()[6].patient, "case_001");
  const Phantom phantom({.seed = mix_keys(1, 1), .slices = 5, .side = 64});
  PreprocessOptions preprocess;
  preprocess.size = {32, 48};
  const Image slice{phantom.slice(1).hu.unsqueeze(0), Units::hu, 255, {}};
  EXPECT_TRUE(torch::equal(set.image(6), to_network_grid(slice, preprocess).pixels));
}

/// A volume [4,6,5] in HU, its mask beside it, both with sagittal slices (axial depth 6), as a
/// table.
fs::path sagittal_table(const ScratchFolder& folder) {
  Geometry geometry;
  geometry.direction = {0, 0, 1, 0, -1, 0, 1, 0, 0};
  geometry.spacing_mm = {2, 2, 2};
  const auto voxels = torch::arange(-1000, -1000 + 4 * 6 * 5, torch::kInt16).view({4, 6, 5});
  write_volume(folder / "v.nii.gz", {voxels.clone(), geometry, Units::hu, 255, {}});
  write_label_volume(folder / "m.nii.gz", {voxels.gt(-940).to(torch::kUInt8), geometry});
  write_file(folder / "cases.csv", "image,mask,patient\nv.nii.gz,m.nii.gz,p\n");
  return folder / "cases.csv";
}

TEST(Prepare, CountsTheAxialSlicesOfAVolumeThatIsStoredOtherwise) {
  const ScratchFolder folder;
  PrepareJob job = prepare_job(sagittal_table(folder), folder / "set.ggset");
  job.preprocess.size = {6, 4};
  EXPECT_EQ(prepare(job), 5);
  const PreparedSet set(folder / "set.ggset");
  ASSERT_EQ(set.size(), 5);
  AxialSource source(folder / "v.nii.gz", UnitsAsked::hu);
  const auto masks = source.view().apply(read_label_volume(folder / "m.nii.gz").labels);
  for (int64_t z = 0; z < 5; ++z) {
    const NetworkSlice slice = to_network_grid(source.read(z), job.preprocess);
    EXPECT_TRUE(torch::equal(set.image(z), slice.pixels)) << z;
    EXPECT_TRUE(torch::equal(
        set.mask(z), mask_to_network_grid(masks[z].contiguous(), slice.box, job.preprocess)))
        << z;
  }
}

TEST(Prepare, ReadsManyVolumesOfWhichOnlySomeStayOpen) {
  const ScratchFolder folder;
  sagittal_table(folder);
  std::string table = "image,mask,patient\n";
  for (int64_t i = 0; i < 70; ++i) {
    const std::string name = std::to_string(i) + ".nii.gz";
    fs::copy_file(folder / "v.nii.gz", folder / ("v" + name));
    fs::copy_file(folder / "m.nii.gz", folder / ("m" + name));
    table += "v" + name + ",m" + name + ",p" + std::to_string(i) + "\n";
  }
  write_file(folder / "many.csv", table);
  PrepareJob job = prepare_job(folder / "many.csv", folder / "set.ggset");
  ASSERT_EQ(prepare(job), 350);
  const PreparedSet set(folder / "set.ggset");
  for (int64_t row = 5; row < 350; ++row) {
    ASSERT_TRUE(torch::equal(set.image(row), set.image(row % 5))) << row;
    ASSERT_TRUE(torch::equal(set.mask(row), set.mask(row % 5))) << row;
  }
}

TEST(Prepare, RefusesAVolumeWhoseMaskIsUnknownInItsLastSliceBeforeItWritesTheFirst) {
  const ScratchFolder folder;
  const auto table = sagittal_table(folder);
  auto labels = torch::zeros({4, 6, 5}, torch::kUInt8);
  labels[1][1][1] = 1;
  labels[3][5][4] = 2;
  const auto geometry = open_volume(folder / "v.nii.gz")->info().geometry;
  write_label_volume(folder / "m.nii.gz", {labels, geometry});
  const PrepareJob job = prepare_job(table, folder / "set.ggset");
  for (int again = 0; again < 2; ++again) {
    EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { prepare(job); }),
                     {"m.nii.gz: holds the labels 1 and 2", "0 and 255"}));
  }
  write_label_volume(folder / "m.nii.gz", {labels.narrow(0, 0, 3), geometry});
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { prepare(prepare_job(table, job.output)); }),
                   {"m.nii.gz: is [3, 6, 5] and its image is [4, 6, 5]"}));
}

TEST(KnownLabels, KnowsWhatValuesMean) {
  const auto mask = torch::tensor({0, 1, 2, 255}, torch::kUInt8);
  EXPECT_TRUE(torch::equal(known_labels(mask, {"", MaskLabels::any, 2}, "m"),
                           torch::tensor({0, 1, 1, 1}, torch::kUInt8)));
  EXPECT_TRUE(torch::equal(known_labels(mask, {"", MaskLabels::classes, 3}, "m"), mask));
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [&] {
                               known_labels(mask, {"", MaskLabels::classes, 2}, "m.png");
                             }),
                   {"m.png", "label 2", "below 2"}));
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [&] {
                               known_labels(mask, {"", MaskLabels::binary, 2}, "m.png");
                             }),
                   {"labels 1 and 2", "0 and 255"}));
  const auto ones = torch::tensor({0, 1}, torch::kUInt8);
  EXPECT_TRUE(torch::equal(known_labels(ones, {}, "m"), ones));
}

TEST(Prepare, CutsImagesByTheLungsOfAColumn) {
  const ScratchFolder folder;
  const auto table = phantom_table(folder);
  PrepareJob job = prepare_job(table, folder / "set.ggset");
  job.dataset = read_dataset(table, {.lungs = "lung"});
  job.preprocess.contrast = Contrast::none;
  job.preprocess.mask = Mask::lungs;
  job.preprocess.lungs_from = LungsBy::column;
  job.preprocess.size = {64, 64};
  EXPECT_EQ(prepare(job), 12);
  const PreparedSet set(folder / "set.ggset");
  const Image image = read_picture(folder / "data/case_001/z003.png");
  const auto lungs = read_mask_picture(folder / "data/case_001/z003_lung.png");
  EXPECT_TRUE(torch::equal(set.image(9), to_network_grid(image, job.preprocess, lungs).pixels));
  EXPECT_EQ((set.image(9)[0] != 0).logical_and(lungs == 0).sum().item<int64_t>(), 0);
  EXPECT_NE(fingerprint_of(read_dataset(table), {}), fingerprint_of(job.dataset, {}));
}

TEST(Prepare, CutsImagesByTheLungsOfANetwork) {
  const ScratchFolder folder;
  const auto table = phantom_table(folder);
  PrepareJob job = prepare_job(table, folder / "set.ggset");
  job.preprocess.mask = Mask::lungs;
  job.preprocess.lungs_from = LungsBy::network;
  job.find_lungs = [](const Image& image) {
    auto left = torch::zeros({image.pixels.size(1), image.pixels.size(2)}, torch::kUInt8);
    left.narrow(1, 0, 32).fill_(1);
    return left;
  };
  EXPECT_EQ(prepare(job), 12);
  const PreparedSet set(folder / "set.ggset");
  EXPECT_EQ(set.image(3).narrow(2, 25, 23).max().item<int>(), 0);
  EXPECT_GT(set.image(3).narrow(2, 0, 23).max().item<int>(), 0);
}

TEST(ReadDataset, RefusesLungsThatAreNotThere) {
  const ScratchFolder folder;
  const auto table = phantom_table(folder);
  const auto refusal = [&](const fs::path& source, const std::string& lungs) {
    return complaint(ErrorKind::data, [&] { read_dataset(source, {.lungs = lungs}); });
  };
  EXPECT_TRUE(says(refusal(table, "lungs"), {"cases.csv: has no column 'lungs' with the lungs",
                                             "lungs_from = \"column\"", "did you mean 'lung'"}));
  EXPECT_TRUE(says(refusal(folder.path(), "lung"),
                   {"is a folder", "expects a CSV table with the column 'lung'"}));
  write_file(table, "image,lung\ncase_000/z000.png,\ncase_000/z001.png,none.png\n");
  EXPECT_TRUE(says(refusal(table, "lung"), {"cases.csv:2: the column 'lung' is empty",
                                            "cases.csv:3: ", "none.png: no such file"}));
}

}  // namespace
}  // namespace groundglass
