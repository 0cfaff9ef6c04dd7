#include "groundglass/io/nifti.h"

#include <numeric>

#include "groundglass/core/process.h"
#include "groundglass/core/rng.h"
#include "tests/complaint.h"
#include "tests/io/nifti_samples.h"
#include "tests/io/volume_samples.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class Nifti : public VolumeTest {
 protected:
  /// What reading every slice complains about.
  std::string complaint(const fs::path& path) const {
    return groundglass::complaint(ErrorKind::data, [&] {
      const auto reader = open_nifti(path);
      for (int64_t k = 0; k < reader->info().depth; ++k) reader->read_slice(k);
    });
  }

  /// The same numbers 1..24 in the type T, in both byte orders, plain and compressed.
  template <class T>
  void expect_reads(int datatype, torch::ScalarType type) {
    std::vector<T> numbers(24);
    std::iota(numbers.begin(), numbers.end(), T{1});
    const auto file = HandmadeNifti::of<T>(datatype, 4, 3, 2, numbers);
    for (const bool swapped : {false, true}) {
      file.save(folder / "v.nii", swapped);
      write_file(folder / "v.nii.gz", gzipped(file.bytes(swapped)));
      for (const char* name : {"v.nii", "v.nii.gz"}) {
        const auto reader = open_nifti(folder / name);
        EXPECT_EQ(reader->info().type, type);
        EXPECT_EQ(reader->info().depth, 2);
        const auto slice = reader->read_slice(1);  // [H,W] = [3,4]
        ASSERT_EQ(slice.scalar_type(), type);
        EXPECT_TRUE(
            slice.to(torch::kInt32).equal(torch::arange(13, 25, torch::kInt32).view({3, 4})))
            << name << " datatype " << datatype << " swapped " << swapped;
      }
    }
  }
};

TEST_F(Nifti, ReadsEveryTypeInBothByteOrders) {
  expect_reads<uint8_t>(DT_UINT8, torch::kUInt8);
  expect_reads<int8_t>(DT_INT8, torch::kInt16);
  expect_reads<int16_t>(DT_INT16, torch::kInt16);
  expect_reads<uint16_t>(DT_UINT16, torch::kFloat32);
  expect_reads<int32_t>(DT_INT32, torch::kFloat32);
  expect_reads<uint32_t>(DT_UINT32, torch::kFloat32);
  expect_reads<int64_t>(DT_INT64, torch::kFloat32);
  expect_reads<uint64_t>(DT_UINT64, torch::kFloat32);
  expect_reads<float>(DT_FLOAT32, torch::kFloat32);
  expect_reads<double>(DT_FLOAT64, torch::kFloat32);
}

TEST_F(Nifti, KeepsTheEndsOfEachType) {
  const auto read = [&](auto lowest, auto highest, int datatype) {
    using T = decltype(lowest);
    HandmadeNifti::of<T>(datatype, 2, 1, 1, {lowest, highest}).save(folder / "v.nii");
    const auto slice = open_nifti(folder / "v.nii")->read_slice(0).to(torch::kFloat64);
    EXPECT_EQ(slice[0][0].item<double>(), static_cast<double>(lowest));
    EXPECT_EQ(slice[0][1].item<double>(), static_cast<double>(highest));
  };
  read(int8_t{-128}, int8_t{127}, DT_INT8);
  read(uint8_t{0}, uint8_t{255}, DT_UINT8);
  read(int16_t{-32768}, int16_t{32767}, DT_INT16);
  read(uint16_t{0}, uint16_t{65535}, DT_UINT16);
}

TEST_F(Nifti, AppliesSlopeAndInterceptUnlessTheSlopeIsZero) {
  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 2, 1, 1, {0, 100});
  file.header.scl_slope = 2;
  file.header.scl_inter = -1024;
  file.save(folder / "v.nii");
  const auto scaled = open_nifti(folder / "v.nii")->read_slice(0);
  EXPECT_EQ(scaled.scalar_type(), torch::kFloat32);
  EXPECT_EQ(scaled[0][0].item<float>(), -1024);
  EXPECT_EQ(scaled[0][1].item<float>(), -824);

  file.header.scl_slope = 0;
  file.save(folder / "v.nii");
  const auto plain = open_nifti(folder / "v.nii")->read_slice(0);
  EXPECT_EQ(plain.scalar_type(), torch::kInt16);
  EXPECT_EQ(plain[0][1].item<int16_t>(), 100);
}

TEST_F(Nifti, SaysWhereSlopeAndInterceptAreNothingToScaleBy) {
  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 2, 1, 1, {0, 100});
  const std::pair<float, float> pairs[] = {{INFINITY, 0}, {2, NAN}};
  for (const auto& [slope, intercept] : pairs) {
    file.header.scl_slope = slope;
    file.header.scl_inter = intercept;
    file.save(folder / "v.nii");
    const auto info = open_nifti(folder / "v.nii")->info();
    ASSERT_EQ(info.warnings.size(), 1U) << slope;
    expect_contains(info.warnings[0], "are nothing to scale by; the stored values are taken");
  }
  file.header.scl_slope = file.header.scl_inter = NAN;  // as some programs write "not scaled"
  file.save(folder / "v.nii");
  EXPECT_TRUE(open_nifti(folder / "v.nii")->info().warnings.empty());
}

TEST_F(Nifti, ReadsSlicesInAnyOrder) {
  const auto voxels = counted_voxels(6, 5, 4);
  write_volume(folder / "v.nii.gz", volume_in_hu(voxels, {}));
  const auto reader = open_nifti(folder / "v.nii.gz");
  for (const int64_t k : {2, 3, 0, 5, 5, 1, 0, 4}) {
    EXPECT_TRUE(reader->read_slice(k).equal(voxels[k])) << k;
  }
}

TEST_F(Nifti, PrefersTheSformAndTurnsItIntoLps) {
  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 2, 2, 2, std::vector<int16_t>(8));
  file.header.qform_code = 1;
  file.header.pixdim[1] = 9;
  file.header.srow_x[0] = -0.5f;  // right to left
  file.header.srow_x[3] = 10;
  file.header.srow_y[3] = 20;
  file.header.srow_z[3] = 30;
  file.save(folder / "v.nii");
  const Geometry g = open_nifti(folder / "v.nii")->info().geometry;
  EXPECT_EQ(g.spacing_mm, (std::array<double, 3>{0.5, 1, 1}));
  EXPECT_EQ(g.origin_mm, (std::array<double, 3>{-10, -20, 30}));
  EXPECT_EQ(g.direction, (std::array<double, 9>{1, 0, 0, 0, -1, 0, 0, 0, 1}));
}

TEST_F(Nifti, FallsBackToTheQformThenToTheVoxelSizes) {
  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 2, 2, 2, std::vector<int16_t>(8));
  file.header.sform_code = 0;
  file.header.qform_code = 1;
  file.header.pixdim[0] = 1;
  file.header.pixdim[1] = 0.75;
  file.header.qoffset_x = 7;
  file.save(folder / "q.nii");
  const auto q = open_nifti(folder / "q.nii")->info();
  EXPECT_NEAR(q.geometry.spacing_mm[0], 0.75, 1e-6);
  EXPECT_EQ(q.geometry.origin_mm[0], -7);
  EXPECT_TRUE(q.warnings.empty());

  file.header.qform_code = 0;
  file.header.pixdim[2] = 0;
  file.save(folder / "n.nii");
  const auto none = open_nifti(folder / "n.nii")->info();
  EXPECT_NEAR(none.geometry.spacing_mm[0], 0.75, 1e-6);
  EXPECT_EQ(none.geometry.spacing_mm[1], 1);
  EXPECT_EQ(none.geometry.direction, (std::array<double, 9>{-1, 0, 0, 0, -1, 0, 0, 0, 1}));
  ASSERT_EQ(none.warnings.size(), 2U);
  expect_contains(none.warnings[0], "neither sform nor qform");
  expect_contains(none.warnings[1], "no voxel size along axis 2");
}

TEST_F(Nifti, TurnsMetresAndMicrometresIntoMillimetres) {
  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 1, 1, 1, {0});
  file.header.srow_x[0] = file.header.srow_y[1] = file.header.srow_z[2] = 0.002f;
  file.header.srow_z[3] = 0.1f;
  file.header.xyzt_units = NIFTI_UNITS_METER;
  file.save(folder / "v.nii");
  const Geometry g = open_nifti(folder / "v.nii")->info().geometry;
  EXPECT_NEAR(g.spacing_mm[2], 2, 1e-6);
  EXPECT_NEAR(g.origin_mm[2], 100, 1e-4);
}

TEST_F(Nifti, KeepsShearedAxesAndSaysSo) {
  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 2, 2, 2, std::vector<int16_t>(8));
  file.header.srow_y[2] = 0.2f;  // slices shifted as by gantry tilt
  file.save(folder / "v.nii");
  const auto info = open_nifti(folder / "v.nii")->info();
  ASSERT_EQ(info.warnings.size(), 1U);
  expect_contains(info.warnings[0], "not at right angles (cosine 0.196)");
  expect_near(to_patient_mm(info.geometry, {0, 0, 1}), {0, -0.2, 1}, 1e-6);
  EXPECT_NEAR(voxel_mm3(info.geometry), 1, 1e-6);
}

TEST_F(Nifti, PassesOverAnSformThatIsNoGrid) {
  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 2, 2, 2, std::vector<int16_t>(8));
  file.header.srow_z[2] = 0;
  file.header.qform_code = 1;
  file.header.pixdim[3] = 4;
  file.save(folder / "v.nii");
  const auto info = open_nifti(folder / "v.nii")->info();
  EXPECT_NEAR(info.geometry.spacing_mm[2], 4, 1e-6);
  ASSERT_EQ(info.warnings.size(), 1U);
  expect_contains(info.warnings[0], "sform is no grid");
}

TEST_F(Nifti, PassesOverAQformThatIsNoRotation) {
  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 2, 2, 2, std::vector<int16_t>(8));
  file.header.sform_code = 0;
  file.header.qform_code = 1;
  for (const float b : {NAN, 1.5F}) {
    file.header.quatern_b = b;
    file.save(folder / "v.nii");
    const auto info = open_nifti(folder / "v.nii")->info();
    ASSERT_EQ(info.warnings.size(), 2U) << b;
    expect_contains(info.warnings[0], "its qform is no grid and is passed over");
    expect_contains(info.warnings[1], "has neither sform nor qform");
  }
}

TEST_F(Nifti, WarnsOfVoxelsOfNoCredibleSize) {
  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 1, 1, 1, {0});
  file.header.srow_z[2] = file.header.pixdim[3] = 2.5F;
  file.header.xyzt_units = NIFTI_UNITS_METER;  // and the numbers are in mm
  file.save(folder / "v.nii");
  const auto metres = open_nifti(folder / "v.nii")->info().warnings;
  ASSERT_EQ(metres.size(), 1U);
  expect_contains(metres[0], "its voxels measure 1000 x 1000 x 2500 mm, unlike those of any chest");
  file.header.xyzt_units = NIFTI_UNITS_MM;
  file.header.sform_code = 0;
  file.header.pixdim[1] = file.header.pixdim[2] = 0.001F;  // metres under "mm"
  file.save(folder / "v.nii");
  expect_contains(open_nifti(folder / "v.nii")->info().warnings.back(), "0.001 x 0.001 x 2.5 mm");
}

TEST_F(Nifti, CountsTheBytesWhereFewAreMissing) {
  const auto file =
      HandmadeNifti::of<int16_t>(DT_INT16, 32, 32, 10, std::vector<int16_t>(32 * 32 * 10));
  const std::string whole = file.bytes();
  write_file(folder / "v.nii", whole.substr(0, whole.size() - 1));
  expect_contains(complaint(folder / "v.nii"),
                  "its header promises 20832 bytes and the file has 20831 bytes");
  write_file(folder / "v.nii", whole + std::string(2048, 'x'));  // a slice more
  const auto warnings = open_nifti(folder / "v.nii")->info().warnings;
  ASSERT_EQ(warnings.size(), 1U);
  expect_contains(warnings[0],
                  "holds 2.0 KiB more than its header tells of; slices may be missing");
}

TEST_F(Nifti, RefusesATruncatedFileWithTheSlice) {
  Rng rng(1);  // noise, so that the compressed bytes spread over the slices
  std::vector<int16_t> numbers(32 * 32 * 10);
  for (auto& n : numbers) n = static_cast<int16_t>(rng.below(4000));
  const auto file = HandmadeNifti::of<int16_t>(DT_INT16, 32, 32, 10, numbers);
  const std::string whole = gzipped(file.bytes());
  write_file(folder / "cut.nii.gz", whole.substr(0, whole.size() / 2));
  const std::string said = complaint(folder / "cut.nii.gz");
  expect_contains(said, "cut.nii.gz: slice ");
  expect_contains(said, " of 10 (counted from 0) cannot be read: the file is truncated");

  write_file(folder / "trailer.nii.gz", whole.substr(0, whole.size() - 6));
  expect_contains(complaint(folder / "trailer.nii.gz"), "slice 9 of 10");

  write_file(folder / "cut.nii", file.bytes().substr(0, 5000));
  EXPECT_EQ(complaint(folder / "cut.nii"),
            (folder / "cut.nii").string() +
                ": is truncated: its header promises 20.3 KiB and the file has 4.9 KiB");
}

TEST_F(Nifti, RefusesDamagedCompression) {
  Rng rng(1);
  std::vector<int16_t> numbers(256 * 256 * 6);
  for (auto& n : numbers) n = static_cast<int16_t>(rng.below(60000) - 30000);
  const std::string whole =
      gzipped(HandmadeNifti::of<int16_t>(DT_INT16, 256, 256, 6, numbers).bytes());
  std::string checksum = whole;
  checksum[whole.size() - 7] = static_cast<char>(checksum[whole.size() - 7] ^ 1);
  write_file(folder / "v.nii.gz", checksum);
  expect_contains(complaint(folder / "v.nii.gz"),
                  "cannot be read: the compressed data are damaged");

  // Where all fits into one buffer, the beginning is lost with the end.
  std::string small = gzipped(HandmadeNifti::of<int16_t>(DT_INT16, 2, 2, 1, {1, 2, 3, 4}).bytes());
  small[small.size() - 7] = static_cast<char>(small[small.size() - 7] ^ 1);
  write_file(folder / "small.nii.gz", small);
  expect_contains(complaint(folder / "small.nii.gz"), "the compressed data are damaged");
}

TEST_F(Nifti, RefusesWhatIsNoVolume) {
  write_file(folder / "empty.nii", "");
  expect_contains(complaint(folder / "empty.nii"),
                  "of the 348 bytes of a NIfTI header 0 can be read: the file is truncated");
  write_file(folder / "short.nii.gz", gzipped("hello"));
  expect_contains(complaint(folder / "short.nii.gz"),
                  "of a NIfTI header 5 can be read: the file is truncated");
  write_file(folder / "text.nii", std::string(1000, 'x'));
  expect_contains(complaint(folder / "text.nii"), "no NIfTI-1 file, or its header is damaged");
  expect_contains(complaint(folder / "none.nii"), "cannot be opened");

  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 2, 2, 2, std::vector<int16_t>(24));
  file.header.sizeof_hdr = 540;
  file.save(folder / "two.nii");
  expect_contains(complaint(folder / "two.nii"), "is a NIfTI-2 file");
  file.header.sizeof_hdr = 348;
  file.header.dim[0] = 4;
  file.header.dim[4] = 3;
  file.save(folder / "four.nii");
  expect_contains(complaint(folder / "four.nii"), "has 4 axes (2 x 2 x 2 x 3), expected three");
  file.header.dim[2] = -2;
  file.save(folder / "negative.nii");
  expect_contains(complaint(folder / "negative.nii"), "(2 x -2 x 2 x 3): its header is damaged");
  file.header.dim[2] = 2;
  file.header.dim[4] = 1;
  file.save(folder / "three.nii");
  EXPECT_EQ(open_nifti(folder / "three.nii")->info().depth, 2);

  std::memcpy(file.header.magic, "ni1", 4);
  file.save(folder / "half.nii");
  expect_contains(complaint(folder / "half.nii"), "is one half of a .hdr/.img pair");

  HandmadeNifti::of<uint8_t>(DT_RGB24, 2, 2, 2, std::vector<uint8_t>(24)).save(folder / "rgb.nii");
  expect_contains(complaint(folder / "rgb.nii"), "holds values of type 128 (RGB24)");
}

TEST_F(Nifti, RefusesNumbersThatAreNone) {
  HandmadeNifti::of<float>(DT_FLOAT32, 2, 1, 2, {0, 1, 2, NAN}).save(folder / "v.nii");
  expect_contains(complaint(folder / "v.nii"), "slice 1 holds values that are no numbers");
}

TEST_F(Nifti, PrintsNothing) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  write_file(folder / "text.nii", std::string(1000, 'x'));
  complaint(folder / "text.nii");
  write_file(folder / "bad.nii.gz", "\x1f\x8b garbage behind the mark of gzip");
  complaint(folder / "bad.nii.gz");
  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 2, 2, 2, {});
  file.header.dim[1] = -5;
  file.save(folder / "negative.nii");
  complaint(folder / "negative.nii");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

TEST_F(Nifti, StreamsInMemoryThatDoesNotGrowWithTheDepth) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer keeps freed memory";
#endif
  const auto noise = (torch::arange(256 * 256, torch::kInt32) % 997 - 1000).to(torch::kInt16);
  const auto grown_mib = [&](int64_t depth) {
    const fs::path path = folder / (std::to_string(depth) + ".nii.gz");
    NiftiWriter writer(path, NiftiWriter::Content::image, torch::kInt16, {depth, 256, 256}, {});
    for (int64_t k = 0; k < depth; ++k) writer.write_slice((noise + k).view({256, 256}));
    writer.commit();
    const double before = rss_mib();
    const auto reader = open_nifti(path);
    double most = 0;
    for (int64_t k = 0; k < depth; ++k) {
      EXPECT_EQ(reader->read_slice(k)[0][1].item<int16_t>(), -999 + k);
      most = std::max(most, rss_mib() - before);
    }
    return most;
  };
  grown_mib(3);  // what is set up once
  EXPECT_LT(grown_mib(30), 4);
  EXPECT_LT(grown_mib(400), 4);  // the whole volume is 50 MiB
}

}  // namespace
}  // namespace groundglass
