#include <itkNiftiImageIO.h>

#include "groundglass/core/files.h"
#include "groundglass/core/version.h"
#include "groundglass/io/nifti.h"
#include "tests/complaint.h"
#include "tests/io/nifti_samples.h"
#include "tests/io/volume_samples.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class NiftiWriting : public VolumeTest {};

/// The grid as ITK reads it: an opinion of somebody else.
Geometry grid_by_itk(const fs::path& path) {
  const auto io = itk::NiftiImageIO::New();
  io->SetFileName(path.string());
  io->ReadImageInformation();
  Geometry g;
  for (unsigned c = 0; c < 3; ++c) {
    g.spacing_mm[c] = io->GetSpacing(c);
    g.origin_mm[c] = io->GetOrigin(c);
    for (unsigned row = 0; row < 3; ++row) g.direction[3 * row + c] = io->GetDirection(c)[row];
  }
  return g;
}

TEST_F(NiftiWriting, ComesBackOnTheSameGridByOurReaderAndByItk) {
  const auto voxels = box_in_air();
  for (const auto& grid : all_kinds_of_grids()) {
    SCOPED_TRACE(describe(grid));
    const fs::path path = folder / "v.nii.gz";
    write_volume(path, volume_in_hu(voxels, grid));
    const Volume back = read_volume(path);
    EXPECT_TRUE(back.voxels.equal(voxels));
    EXPECT_TRUE(back.warnings.empty());
    expect_same_grid(back.geometry, grid);
    expect_same_grid(grid_by_itk(path), grid);
    expect_near(centroid_mm(back.voxels, back.geometry), centroid_mm(voxels, grid), 1e-4);
  }
}

TEST_F(NiftiWriting, HoldsTheSameGridInQformAndSform) {
  for (const auto& grid : all_kinds_of_grids()) {
    write_label_volume(folder / "m.nii", {torch::zeros({2, 3, 4}, torch::kUInt8), grid});
    std::string bytes = read_file(folder / "m.nii");
    nifti_1_header header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    header.sform_code = 0;
    std::memcpy(bytes.data(), &header, sizeof header);
    write_file(folder / "q.nii", bytes);
    expect_same_grid(open_nifti(folder / "q.nii")->info().geometry, grid);
  }
}

TEST_F(NiftiWriting, SaysWhatItIs) {
  LabelVolumeWriter labels(folder / "m.nii", {1, 2, 3}, {});
  labels.write_slice(torch::ones({2, 3}, torch::kUInt8));
  labels.commit();
  nifti_1_header header{};
  const std::string bytes = read_file(folder / "m.nii");
  std::memcpy(&header, bytes.data(), sizeof header);
  EXPECT_EQ(std::string(header.descrip), "GroundGlass " + version() + "; research use only");
  EXPECT_EQ(header.intent_code, NIFTI_INTENT_LABEL);
  EXPECT_EQ(header.xyzt_units, NIFTI_UNITS_MM);
  EXPECT_EQ(header.qform_code, 1);
  EXPECT_EQ(header.sform_code, 1);
  EXPECT_EQ(bytes.size(), 352U + 6U);
}

TEST_F(NiftiWriting, KeepsLabelsExactlyAndProbabilitiesToAPartIn32768) {
  const auto labels = torch::arange(24, torch::kInt32).view({2, 3, 4}).to(torch::kUInt8) * 10;
  write_label_volume(folder / "m.nii.gz", {labels, oblique_grid()});
  const LabelMap back = read_label_volume(folder / "m.nii.gz");
  EXPECT_TRUE(back.labels.equal(labels));
  expect_same_grid(back.geometry, oblique_grid());

  const auto p = torch::linspace(0, 1, 24).view({2, 3, 4});
  ProbabilityVolumeWriter writer(folder / "p.nii.gz", {2, 3, 4}, oblique_grid());
  for (int64_t k = 0; k < 2; ++k) writer.write_slice(p[k]);
  writer.commit();
  const auto found = read_volume(folder / "p.nii.gz", UnitsAsked::probability).voxels;
  EXPECT_EQ(found.scalar_type(), torch::kFloat32);
  EXPECT_LE((found - p).abs().max().item<double>(), 1.0 / 32768 + 1e-7);
  EXPECT_EQ(found.flatten()[0].item<float>(), 0);
  EXPECT_EQ(found.flatten()[23].item<float>(), 1);
}

TEST_F(NiftiWriting, WritesTheSameBytesAgain) {
  write_volume(folder / "a.nii.gz", volume_in_hu(box_in_air(), {}));
  write_volume(folder / "b.nii.gz", volume_in_hu(box_in_air(), {}));
  EXPECT_EQ(read_file(folder / "a.nii.gz"), read_file(folder / "b.nii.gz"));
}

TEST_F(NiftiWriting, LeavesNothingHalf) {
  {
    LabelVolumeWriter writer(folder / "m.nii.gz", {2, 3, 4}, {});
    writer.write_slice(torch::zeros({3, 4}, torch::kUInt8));
    EXPECT_FALSE(fs::exists(folder / "m.nii.gz"));
  }
  EXPECT_TRUE(fs::is_empty(folder));
}

TEST_F(NiftiWriting, RefusesWhatDoesNotFit) {
  expect_contains(complaint(ErrorKind::usage,
                            [&] {
                              LabelVolumeWriter(folder / "m.png", {1, 1, 1}, {});
                            }),
                  "is written as .nii or .nii.gz");
  expect_contains(complaint(ErrorKind::data,
                            [&] {
                              LabelVolumeWriter(folder / "m.nii", {40000, 1, 1}, {});
                            }),
                  "an axis of 40000 voxels");
  LabelVolumeWriter writer(folder / "m.nii", {1, 3, 4}, {});
  EXPECT_THROW(writer.write_slice(torch::zeros({4, 3}, torch::kUInt8)), Error);
  EXPECT_THROW(writer.write_slice(torch::zeros({3, 4}, torch::kFloat32)), Error);
  EXPECT_THROW(writer.commit(), Error);
  writer.write_slice(torch::zeros({3, 4}, torch::kUInt8));
  EXPECT_THROW(writer.write_slice(torch::zeros({3, 4}, torch::kUInt8)), Error);
  EXPECT_NO_THROW(writer.commit());
}

TEST_F(NiftiWriting, SaysWhenTheDiskIsFull) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  // The temporary file of the next writer is made beforehand as a door to the full device.
  fs::path temporary;
  { temporary = AtomicFile(folder / "m.nii").temporary(); }
  std::string name = temporary.filename().string();  // .tmp-<process>-<counter>-m.nii
  const size_t end = name.rfind("-m.nii"), begin = name.rfind('-', end - 1) + 1;
  const int counter = std::stoi(name.substr(begin, end - begin));
  name.replace(begin, end - begin, std::to_string(counter + 1));
  fs::create_symlink("/dev/full", folder / name);
  expect_contains(complaint(ErrorKind::data,
                            [&] {
                              LabelVolumeWriter writer(folder / "m.nii", {1, 512, 512}, {});
                              writer.write_slice(torch::zeros({512, 512}, torch::kUInt8));
                              writer.commit();
                            }),
                  "m.nii: cannot be written (No space left on device)");
  EXPECT_FALSE(fs::exists(folder / "m.nii"));
}

}  // namespace
}  // namespace groundglass
