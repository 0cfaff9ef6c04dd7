#include "groundglass/io/hu_check.h"

#include "groundglass/io/dicom_writer.h"
#include "groundglass/io/nifti.h"
#include "tests/complaint.h"
#include "tests/io/dicom_samples.h"
#include "tests/io/volume_samples.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// Slices of a chest in a few numbers: air, lungs, fat, muscle and bone with noise. [4,64,64]
/// int16.
torch::Tensor chest_like() {
  torch::manual_seed(1);
  auto hu = torch::full({4, 64, 64}, -1000, torch::kFloat32);
  hu.slice(1, 8, 56).slice(2, 8, 56).fill_(-90);
  hu.slice(1, 12, 52).slice(2, 12, 52).fill_(45);
  hu.slice(1, 18, 46).slice(2, 16, 30).fill_(-850);
  hu.slice(1, 18, 46).slice(2, 34, 48).fill_(-850);
  hu.slice(1, 47, 51).slice(2, 30, 34).fill_(600);
  return (hu + torch::randn_like(hu) * 15).round().clamp(-1024, 3000).to(torch::kInt16);
}

torch::Tensor ringed(const torch::Tensor& voxels, int padding) {
  auto out = voxels.clone();
  out.slice(2, 0, 6).fill_(padding);
  return out;
}

std::string why(const torch::Tensor& voxels) {
  return why_not_hu({voxels[1], voxels[2]});
}

TEST(HuCheck, LetsHuPass) {
  const auto hu = chest_like();
  EXPECT_EQ(why(hu), "");
  for (const int padding : {-3024, -2000, -1024, 3071})
    EXPECT_EQ(why(ringed(hu, padding)), "") << padding;
  EXPECT_EQ(why(hu.clamp(-1000, 400)), "");
}

TEST(HuCheck, FindsStoredNumbers) {
  const auto hu = chest_like();
  for (const int offset : {1024, 1000, 2048}) {
    EXPECT_NE(why(hu + offset), "") << offset;
    for (const int padding : {-3024, -2000, -1024, -1000, -500}) {
      EXPECT_NE(why(ringed(hu + offset, padding)), "") << offset << " " << padding;
    }
  }
  EXPECT_NE(why(hu - 1024), "") << "the intercept twice";
  EXPECT_NE(why(ringed(hu / 10, -2000)), "") << "another scale";
  EXPECT_NE(why(torch::where(hu < 0, 32767, hu)), "") << "the wrong sign";
  for (const int times : {2, 10}) EXPECT_NE(why(hu * times), "") << "HU times " << times;
}

std::string corners(const torch::Tensor& voxels) {
  return corners_beyond_air({voxels[1], voxels[2]});
}

torch::Tensor framed(const torch::Tensor& voxels, int padding) {
  auto out = ringed(voxels, padding);
  out.slice(2, 58, 64).fill_(padding);
  return out;
}

TEST(HuCheck, FindsCornersThatHoldNeitherAirNorTissue) {
  const auto hu = chest_like();
  for (const int air : {-3024, -2000, -1024, -1000}) EXPECT_EQ(corners(framed(hu, air)), "") << air;
  EXPECT_EQ(corners(hu), "");
  EXPECT_EQ(corners(hu.slice(1, 12, 52).slice(2, 12, 52)), "") << "cropped to the body";
  for (const int padding : {0, 3071}) {
    EXPECT_EQ(corners(framed(hu, padding)),
              "18.8 % of a slice and all of its corners hold just " + std::to_string(padding) +
                  " HU, expected air there; if that is padding, write -1024 in its place: it is "
                  "segmented as tissue");
  }
}

class UnitsOfVolumes : public VolumeTest {};

TEST_F(UnitsOfVolumes, WarnOfPaddingThatIsTakenForTissue) {
  write_volume(folder / "v.nii.gz", volume_in_hu(framed(chest_like(), 0), Geometry{}));
  const auto warnings = open_volume(folder / "v.nii.gz")->info().warnings;
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("v.nii.gz: 18.8 % of a slice"), std::string::npos) << warnings[0];
}

TEST_F(UnitsOfVolumes, AreDoubtedInEveryFormat) {
  const auto stored = ringed(chest_like() + 1024, -2000);
  write_volume(folder / "v.nii.gz", volume_in_hu(stored, Geometry{}));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { open_volume(folder / "v.nii.gz"); }),
                   {"units are unclear", "near air", "near water", "-1024"}));
  EXPECT_EQ(open_volume(folder / "v.nii.gz", UnitsAsked::hu)->info().units, Units::hu);

  write_dicom_series(folder / "s", volume_in_hu(chest_like(), Geometry{}), {});
  EXPECT_EQ(open_volume(folder / "s")->info().units, Units::hu);
  for (const auto& file : fs::directory_iterator(folder / "s")) {
    edit_dicom(file.path(), [](DcmDataset& data) {
      data.findAndDeleteElement(DCM_RescaleSlope);
      data.findAndDeleteElement(DCM_RescaleIntercept);
    });
  }
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { open_volume(folder / "s"); }),
                   {"no HU", "RescaleIntercept", "PixelRepresentation"}));
}

}  // namespace
}  // namespace groundglass
