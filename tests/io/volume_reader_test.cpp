#include "groundglass/io/volume_reader.h"

#include "groundglass/core/files.h"
#include "groundglass/io/nifti.h"
#include "tests/complaint.h"
#include "tests/io/nifti_samples.h"
#include "tests/io/volume_samples.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class Volumes : public VolumeTest {
 protected:
  fs::path save(const torch::Tensor& voxels) const {
    const fs::path path = folder / "v.nii.gz";
    write_volume(path, volume_in_hu(voxels, {}));
    return path;
  }
  std::string complaint(const fs::path& path, UnitsAsked units = UnitsAsked::as_stored) const {
    return groundglass::complaint(ErrorKind::data, [&] { open_volume(path, units); });
  }
};

TEST_F(Volumes, AreKnownByTheirNames) {
  for (const char* name : {"a.nii", "a.NII.GZ", "a.nrrd", "a.nhdr", "a.mha", "a.mhd"}) {
    EXPECT_TRUE(is_volume_name(name)) << name;
  }
  for (const char* name : {"a.png", "a.gz", "nii", "a.dcm", "a.nii.txt"}) {
    EXPECT_FALSE(is_volume_name(name)) << name;
  }
  EXPECT_TRUE(is_volume_name(folder));
}

TEST_F(Volumes, OfBytesAreGray) {
  const auto path = save(torch::full({2, 3, 4}, 200, torch::kUInt8));
  const auto info = open_volume(path)->info();
  EXPECT_EQ(info.units, Units::gray);
  EXPECT_EQ(info.white, 255);
  EXPECT_EQ(open_volume(path, UnitsAsked::gray)->info().units, Units::gray);
  EXPECT_EQ(open_volume(path, UnitsAsked::hu)->info().units, Units::hu);
}

TEST_F(Volumes, ThatReachIntoAirAreInHu) {
  auto voxels = torch::zeros({5, 3, 4}, torch::kInt16);
  voxels[0][0][0] = -201;
  EXPECT_EQ(open_volume(save(voxels))->info().units, Units::hu);
  voxels[0][0][0] = 0;
  voxels[2][1][1] = -1000;  // only the middle slice holds air
  const auto reader = open_volume(save(voxels));
  EXPECT_EQ(reader->info().units, Units::hu);
  EXPECT_TRUE(reader->read_slice(0).equal(voxels[0]));  // looking ahead does no harm
  const auto floats = voxels.to(torch::kFloat32);
  EXPECT_EQ(open_volume(save(floats))->info().units, Units::hu);
}

TEST_F(Volumes, OfUnclearUnitsAreRefusedUntilSomebodyInsists) {
  auto voxels = torch::zeros({5, 3, 4}, torch::kInt16);
  voxels.fill_(-200);
  const auto path = save(voxels);
  expect_contains(complaint(path), "v.nii.gz: units are unclear: int16 values not below -200");
  expect_contains(complaint(path), "set preprocess.units to hu or gray");
  EXPECT_EQ(open_volume(path, UnitsAsked::hu)->info().units, Units::hu);
  expect_contains(complaint(path, UnitsAsked::gray),
                  "holds int16 values, expected uint8 for units 'gray'");
  expect_contains(complaint(path, UnitsAsked::probability),
                  "expected float32 for units 'probability'");
}

TEST_F(Volumes, AreReadWholeInTheirType) {
  const auto voxels = counted_voxels(3, 4, 5);
  const Volume volume = read_volume(save(voxels));
  EXPECT_EQ(volume.voxels.scalar_type(), torch::kInt16);
  EXPECT_TRUE(volume.voxels.equal(voxels));
  EXPECT_EQ(volume.units, Units::hu);
}

TEST_F(Volumes, AreRefusedWithTheReason) {
  expect_contains(complaint(folder / "none.nii"), "none.nii: no such file or folder");
  write_file(folder / "empty.mha", "");
  EXPECT_EQ(complaint(folder / "empty.mha"), (folder / "empty.mha").string() + ": is empty");
  write_file(folder / "notes.txt", "hello");
  expect_contains(complaint(folder / "notes.txt"), "is no volume: expected .nii");
}

TEST_F(Volumes, KnowTheirSlices) {
  const auto reader = open_volume(save(counted_voxels(2, 3, 4)));
  expect_contains(groundglass::complaint(ErrorKind::internal, [&] { reader->read_slice(2); }),
                  "slice 2 of 2");
  EXPECT_THROW(reader->read_slice(-1), Error);
}

TEST_F(Volumes, OfLabelsMayBeOfAnyTypeButHoldWholeNumbersTo255) {
  const auto labels = torch::tensor({0, 1, 2, 255}).view({1, 2, 2});
  for (const auto type : {torch::kUInt8, torch::kInt16, torch::kFloat32}) {
    const LabelMap map = read_label_volume(save(labels.to(type)));
    EXPECT_EQ(map.labels.scalar_type(), torch::kUInt8);
    EXPECT_TRUE(map.labels.to(torch::kInt64).equal(labels));
  }
  const auto refusal = [&](std::vector<float> values) {
    const auto n = static_cast<int64_t>(values.size());
    const auto path = save(torch::tensor(values).view({1, 1, n}));
    return groundglass::complaint(ErrorKind::data, [&] { read_label_volume(path); });
  };
  expect_contains(refusal({0, 1, -1}), "slice 0 holds the value -1, expected class numbers");
  expect_contains(refusal({0, 0.5, 1}), "slice 0 holds the value 0.5, expected");
  expect_contains(refusal({0, 256, 1}), "slice 0 holds the value 256, expected");
  expect_contains(refusal({9.5, 7.5, 6.5, 5.5, 3.5, 2.5, 1}),
                  "holds the values 2.5, 3.5, 5.5, 6.5 and 7.5, ..., expected");
  expect_contains(refusal({0, NAN}), "no numbers");
}

}  // namespace
}  // namespace groundglass
