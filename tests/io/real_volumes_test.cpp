#include "groundglass/io/nifti.h"
#include "tests/complaint.h"
#include "tests/io/volume_samples.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// Files of real patients, which are not part of the project.
class RealVolumes : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    data = fs::path(GROUNDGLASS_SOURCE_DIR) / ".." / "shared" / "data" / "ct";
    if (!fs::is_directory(data)) GTEST_SKIP() << data.string() << " is not on this machine";
  }
  fs::path data;
};

TEST_F(RealVolumes, OfCoronacasesAreInHuWithTheirMask) {
  const Volume image = read_volume(data / "volumes" / "coronacases_003_ct.nii.gz");
  const LabelMap mask = read_label_volume(data / "volumes" / "coronacases_003_infection.nii.gz");
  EXPECT_EQ(shape_text(image.voxels), "[200, 128, 128]");
  EXPECT_EQ(image.voxels.scalar_type(), torch::kInt16);
  EXPECT_EQ(image.units, Units::hu);
  EXPECT_EQ(describe(image.geometry), "1.00 x 1.00 x 1.00 mm, axes L P S");
  EXPECT_TRUE(same_geometry(image.geometry, mask.geometry));
  EXPECT_EQ(mask.labels.max().item<int>(), 1);
  EXPECT_GT(mask.labels.sum().item<int64_t>(), 1000);
}

TEST_F(RealVolumes, OfRadiopaediaAreGray) {
  const Volume image = read_volume(data / "volumes" / "radiopaedia_14_85914_0_ct.nii.gz");
  EXPECT_EQ(shape_text(image.voxels), "[110, 81, 128]");
  EXPECT_EQ(image.units, Units::gray);
  EXPECT_EQ(image.voxels.scalar_type(), torch::kUInt8);
}

TEST_F(RealVolumes, OfLidcAreSortedByHeight) {
  const Volume image = read_volume(data / "dicom" / "LIDC-IDRI-0003");
  EXPECT_EQ(shape_text(image.voxels), "[11, 512, 512]");
  EXPECT_EQ(image.voxels.scalar_type(), torch::kInt16);
  EXPECT_NEAR(image.geometry.origin_mm[2], -204, 1e-6);
  EXPECT_NEAR(image.geometry.spacing_mm[2], 2.5, 1e-6);
  EXPECT_NEAR(image.geometry.spacing_mm[0], 0.820312, 1e-6);
  EXPECT_TRUE(image.warnings.empty());
  const auto air = ((image.voxels > -1100) & (image.voxels < -900)).sum().item<int64_t>();
  EXPECT_GT(air, image.voxels.numel() / 20);
}

TEST_F(RealVolumes, OfLungmaskLackTheModality) {
  const Volume image = read_volume(data / "dicom" / "lungmask");
  EXPECT_EQ(image.voxels.size(0), 2);
  ASSERT_EQ(image.warnings.size(), 1U);
  expect_contains(image.warnings[0], "no Modality, CT is assumed, in 2 of 2 files");
  EXPECT_LT(image.voxels.min().item<int>(), -900);
}

TEST_F(RealVolumes, SurviveTheWayThroughNifti) {
  const Volume image = read_volume(data / "dicom" / "LIDC-IDRI-0003");
  write_volume(folder / "v.nii.gz", image);
  const Volume back = read_volume(folder / "v.nii.gz");
  EXPECT_TRUE(back.voxels.equal(image.voxels));
  expect_same_grid(back.geometry, image.geometry);
}

}  // namespace
}  // namespace groundglass
