#include "groundglass/io/itk_volume.h"

#include <itkMetaImageIO.h>
#include <itkNrrdImageIO.h>

#include "groundglass/core/files.h"
#include "tests/complaint.h"
#include "tests/io/volume_samples.h"

#ifdef __SANITIZE_ADDRESS__
/// What ITK's readers leave behind when a file is damaged.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libITKNrrdIO\nleak:libITKMetaIO\n";
}
#endif

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class ItkVolumes : public VolumeTest {
 protected:
  std::string complaint(const std::string& name) const {
    return groundglass::complaint(ErrorKind::data, [&] { open_itk_volume(folder / name); });
  }
};

/// Writes [D,H,W] with ITK, as other programs do.
template <class T>
void write_with(itk::ImageIOBase& io, const fs::path& path, const torch::Tensor& voxels,
                const Geometry& g, bool compressed) {
  io.SetFileName(path.string());
  io.SetNumberOfDimensions(3);
  itk::ImageIORegion all(3);
  for (unsigned c = 0; c < 3; ++c) {
    const auto n = static_cast<itk::SizeValueType>(voxels.size(2 - static_cast<int64_t>(c)));
    io.SetDimensions(c, n);
    all.SetSize(c, n);
    io.SetSpacing(c, g.spacing_mm[c]);
    io.SetOrigin(c, g.origin_mm[c]);
    io.SetDirection(c, std::vector<double>{g.direction[c], g.direction[3 + c], g.direction[6 + c]});
  }
  io.SetPixelType(itk::IOPixelEnum::SCALAR);
  io.SetComponentType(itk::ImageIOBase::MapPixelType<T>::CType);
  io.SetNumberOfComponents(1);
  io.SetIORegion(all);
  io.SetUseCompression(compressed);
  std::vector<T> numbers(static_cast<size_t>(voxels.numel()));
  const auto from = voxels.to(torch::kInt64).contiguous();
  std::transform(from.data_ptr<int64_t>(), from.data_ptr<int64_t>() + from.numel(), numbers.begin(),
                 [](int64_t v) { return static_cast<T>(v); });
  io.Write(numbers.data());
}

template <class T = int16_t>
void write_as(const fs::path& path, const torch::Tensor& voxels, const Geometry& g,
              bool compressed = false) {
  if (path.extension() == ".nrrd" || path.extension() == ".nhdr") {
    write_with<T>(*itk::NrrdImageIO::New(), path, voxels, g, compressed);
  } else {
    write_with<T>(*itk::MetaImageIO::New(), path, voxels, g, compressed);
  }
}

TEST_F(ItkVolumes, ComeBackOnTheSameGrid) {
  const auto voxels = box_in_air();
  for (const char* name : {"v.nrrd", "v.nhdr", "v.mha", "v.mhd"}) {
    for (const bool compressed : {false, true}) {
      for (const auto& grid : all_kinds_of_grids()) {
        SCOPED_TRACE(std::string(name) + " " + describe(grid));
        write_as(folder / name, voxels, grid, compressed);
        const Volume back = read_volume(folder / name);
        EXPECT_TRUE(back.voxels.equal(voxels));
        EXPECT_TRUE(back.warnings.empty());
        EXPECT_EQ(back.units, Units::hu);
        expect_same_grid(back.geometry, grid, 1e-6);
        expect_near(centroid_mm(back.voxels, back.geometry), centroid_mm(voxels, grid), 1e-6);
      }
    }
  }
}

TEST_F(ItkVolumes, KeepTheirTypeWhereATensorHasIt) {
  const auto voxels = torch::arange(24, torch::kInt32).view({2, 3, 4});
  const auto expect_type = [&](auto number, torch::ScalarType type) {
    for (const char* name : {"v.nrrd", "v.mha"}) {
      write_as<decltype(number)>(folder / name, voxels, {});
      const auto reader = open_itk_volume(folder / name);
      EXPECT_EQ(reader->info().type, type);
      EXPECT_TRUE(reader->read_slice(1).to(torch::kInt32).equal(voxels[1]));
    }
  };
  expect_type(uint8_t{}, torch::kUInt8);
  expect_type(int8_t{}, torch::kInt16);
  expect_type(int16_t{}, torch::kInt16);
  expect_type(uint16_t{}, torch::kFloat32);
  expect_type(int32_t{}, torch::kFloat32);
  expect_type(uint32_t{}, torch::kFloat32);
  expect_type(float{}, torch::kFloat32);
  expect_type(double{}, torch::kFloat32);
}

/// 2 x 2 x 2 int16 in a header of ours.
std::string nrrd(const std::string& space) {
  return "NRRD0004\ntype: short\ndimension: 3\n" + space +
         "sizes: 2 2 2\nendian: little\nencoding: raw\n\n" + std::string(16, '\1');
}

TEST_F(ItkVolumes, TurnRightAnteriorSuperiorIntoLps) {
  write_file(folder / "v.nrrd", nrrd("space: right-anterior-superior\nspace directions: (0.5,0,0) "
                                     "(0,2,0) (0,0,3)\nspace origin: (1,2,3)\n"));
  const Geometry g = open_itk_volume(folder / "v.nrrd")->info().geometry;
  expect_near(g.origin_mm, {-1, -2, 3}, 1e-9);
  expect_near(g.spacing_mm, {0.5, 2, 3}, 1e-9);
  expect_near(to_patient_mm(g, {1, 1, 1}), {-1.5, -4, 6}, 1e-9);
}

TEST_F(ItkVolumes, SayThatASpaceIsMissingOrSkewed) {
  write_file(folder / "v.nrrd", nrrd("spacings: 0.5 2 3\n"));
  const auto nowhere = open_itk_volume(folder / "v.nrrd")->info();
  EXPECT_EQ(nowhere.geometry.spacing_mm, (std::array<double, 3>{0.5, 2, 3}));
  ASSERT_EQ(nowhere.warnings.size(), 1U);
  expect_contains(nowhere.warnings[0], "names no space");

  write_file(folder / "s.nrrd", nrrd("space: left-posterior-superior\nspace directions: (1,0,0) "
                                     "(0,1,0) (0,0.2,1)\nspace origin: (0,0,0)\n"));
  const auto skewed = open_itk_volume(folder / "s.nrrd")->info();
  ASSERT_EQ(skewed.warnings.size(), 1U);
  expect_contains(skewed.warnings[0], "not at right angles");
  expect_near(to_patient_mm(skewed.geometry, {0, 0, 1}), {0, 0.2, 1}, 1e-9);
  EXPECT_NEAR(voxel_mm3(skewed.geometry), 1, 1e-9);
}

TEST_F(ItkVolumes, RefuseWhatIsCutOffInOneLine) {
  const auto noise = (torch::arange(8000, torch::kInt32) * 7919 % 4001 - 1000).view({20, 20, 20});
  for (const char* name : {"plain.mha", "small.mha", "plain.nrrd", "small.nrrd"}) {
    write_as(folder / name, noise, {}, name[0] == 's');
    fs::resize_file(folder / name, fs::file_size(folder / name) * 2 / 3);
    const std::string said = complaint(name);
    expect_contains(said, (folder / name).string() + ": cannot be read: it is truncated");
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
    EXPECT_EQ(said.find("0x"), std::string::npos) << said;  // an address out of ITK's report
  }
}

TEST_F(ItkVolumes, RefuseToAskForMemoryThatNoFileCanFill) {
  write_file(folder / "v.nrrd",
             "NRRD0004\ntype: short\ndimension: 3\nsizes: 9000 9000 9000\n"
             "endian: little\nencoding: gzip\n\n1234");
  expect_contains(complaint("v.nrrd"), "its header promises 1.3 TiB and the file has ");
}

TEST_F(ItkVolumes, RefuseWhatIsNoImage) {
  for (const char* name : {"v.mha", "v.nrrd"}) {
    write_file(folder / name, "hello, this is a letter\nand no image\n");
    expect_contains(complaint(name), "cannot be read: it is truncated, damaged or of another");
    write_file(folder / name, "");
    expect_contains(complaint(name), "cannot be read");
    fs::remove(folder / name);
    expect_contains(complaint(name), "No such file or directory");
  }
  write_as(folder / "v.mhd", box_in_air(), {});
  fs::remove(folder / "v.raw");
  expect_contains(complaint("v.mhd"), "cannot be read");
}

TEST_F(ItkVolumes, RefuseTwoAxesAndSeveralComponents) {
  write_file(folder / "v.nrrd",
             "NRRD0004\ntype: short\ndimension: 2\nsizes: 2 2\nendian: "
             "little\nencoding: raw\n\n12345678");
  expect_contains(complaint("v.nrrd"), "has 2 axes (2 x 2), expected three");
  write_file(folder / "v.mha",
             "NDims = 3\nBinaryData = True\nDimSize = 1 1 1\nElementType = MET_UCHAR\n"
             "ElementNumberOfChannels = 3\nElementDataFile = LOCAL\nrgb");
  expect_contains(complaint("v.mha"), "has 3 components per voxel, expected one");
}

TEST_F(ItkVolumes, PrintNothing) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  write_file(folder / "v.mha", "a letter");
  complaint("v.mha");
  write_as(folder / "w.mha", box_in_air(), {});
  fs::resize_file(folder / "w.mha", fs::file_size(folder / "w.mha") - 10);
  complaint("w.mha");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace groundglass
