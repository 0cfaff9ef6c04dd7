// Numbers in headers that are not what they should be, and fields that contradict each other: both
// were read without a word by other programs, and once by this one.

#include "groundglass/core/files.h"
#include "groundglass/core/number_text.h"
#include "groundglass/io/itk_volume.h"
#include "groundglass/io/nifti.h"
#include "tests/complaint.h"
#include "tests/io/nifti_samples.h"
#include "tests/io/volume_samples.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

TEST(NumberInText, IsReadToItsEnd) {
  EXPECT_EQ(number_in(" 2.5 "), 2.5);
  EXPECT_EQ(number_in("+1e-3"), 1e-3);
  EXPECT_EQ(number_in("-7"), -7);
  for (const char* text :
       {"", " ", "2,5", "2.5mm", "2.5 3", "0x10", "nan", "inf", "1e999", "+-1", "--1", "2.5."}) {
    EXPECT_FALSE(number_in(text)) << text;
  }
}

class HeaderNumbers : public VolumeTest {
 protected:
  static std::string mha(const std::string& changed) {
    std::string text =
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n" +
        changed;
    if (changed.find("DimSize") == std::string::npos) text += "DimSize = 2 2 2\n";
    if (changed.find("ElementSpacing") == std::string::npos) text += "ElementSpacing = 1 1 2\n";
    return text + "ElementType = MET_SHORT\nElementDataFile = LOCAL\n" + std::string(16, '\1');
  }
  static std::string nrrd_with(const std::string& fields) {
    return "NRRD0004\ntype: short\ndimension: 3\n" + fields +
           "sizes: 2 2 2\nendian: little\nencoding: raw\n\n" + std::string(16, '\1');
  }
  VolumeInfo info(const std::string& name, const std::string& bytes) const {
    write_file(folder / name, bytes);
    return open_itk_volume(folder / name)->info();
  }
  std::string complaint(const std::string& name, const std::string& bytes) const {
    write_file(folder / name, bytes);
    return groundglass::complaint(ErrorKind::data, [&] { open_itk_volume(folder / name); });
  }
};

TEST_F(HeaderNumbers, OfMetaImageAreReadToTheirEnd) {
  EXPECT_EQ(info("v.mha", mha("")).geometry.spacing_mm[2], 2);
  for (const char* line :
       {"ElementSpacing = 0,7 0,7 5", "ElementSpacing = 0.7 0.7", "ElementSpacing = 0.7 0.7 -5",
        "ElementSpacing = 0.7 0.7 0", "ElementSpacing = 0.7mm 0.7mm 5mm", "Offset = 1,5 0 0",
        "TransformMatrix = 1 0 0 0 1 0 0 0 1,0", "DimSize = 2 2 2x",
        "ElementToIntensityFunctionSlope = 0"}) {
    const std::string text(line), name = text.substr(0, text.find(' ')),
                                  value = text.substr(text.find('=') + 2);
    EXPECT_TRUE(
        says(complaint("v.mha", mha(text + "\n")), {name.c_str(), value.c_str(), "expected"}))
        << line;
  }
}

TEST_F(HeaderNumbers, OfNrrdAreReadToTheirEnd) {
  for (const char* line : {"spacings: 0,7 0,7 5", "spacings: 0.7 0.7", "spacings: 0.7 0.7 -5",
                           "spacings: 0 1 1", "space directions: (0,7,0,0) (0,0,7,0) (0,0,5)",
                           "space origin: (1mm,0,0)", "space units: \"cm\" \"cm\" \"cm\""}) {
    const std::string text(line), name = text.substr(0, text.find(':')),
                                  value = text.substr(text.find(':') + 2);
    const std::string space = name.starts_with("space ") ? "space: left-posterior-superior\n" : "";
    EXPECT_TRUE(says(complaint("v.nrrd", nrrd_with(space + text + "\n")),
                     {name.c_str(), value.c_str(), "expected"}))
        << line;
  }
  const auto odd = info("v.nrrd", nrrd_with("space: scanner-xyz\nspace directions: (1,0,0) (0,1,0) "
                                            "(0,0,2)\nspace origin: (0,0,0)\n"));
  ASSERT_EQ(odd.warnings.size(), 1U);
  EXPECT_TRUE(says(odd.warnings[0], {"scanner-xyz"}));
}

TEST_F(HeaderNumbers, OfNrrdAreThereForEveryAxis) {
  EXPECT_TRUE(says(complaint("v.nrrd", nrrd_with("space: left-posterior-superior\nspace "
                                                 "directions: none (0,0.7,0) (0,0,5)\n")),
                   {"none (0,0.7,0) (0,0,5)", "expected a vector for each of three axes"}));
}

TEST_F(HeaderNumbers, OfNrrdThatAreUnknownAreSaid) {
  const auto unknown = info("v.nrrd", nrrd_with("spacings: 0.7 0.7 nan\n"));
  ASSERT_FALSE(unknown.warnings.empty());
  EXPECT_TRUE(says(unknown.warnings[0], {"spacings '0.7 0.7 nan'", "1 mm is assumed"}));
}

TEST_F(HeaderNumbers, OfMetaImageScaleTheValues) {
  write_file(
      folder / "v.mha",
      mha("ElementToIntensityFunctionSlope = 2\nElementToIntensityFunctionOffset = -1024\n"));
  EXPECT_EQ(open_itk_volume(folder / "v.mha")->read_slice(0)[0][0].item<float>(), 257 * 2 - 1024);
}

TEST_F(HeaderNumbers, OfMetaImageMayNotContradictItsLetters) {
  EXPECT_TRUE(
      info("a.mha", mha("TransformMatrix = 1 0 0 0 1 0 0 0 1\nAnatomicalOrientation = RAI\n"))
          .warnings.empty());
  EXPECT_TRUE(
      info("b.mha", mha("TransformMatrix = 1 0 0 0 1 0 0 0 1\nAnatomicalOrientation = LPS\n"))
          .warnings.empty());
  EXPECT_TRUE(
      info("c.mha", mha("TransformMatrix = 1 0 0 0 1 0 0 0 1\nAnatomicalOrientation = ???\n"))
          .warnings.empty());
  const auto other =
      info("d.mha", mha("TransformMatrix = 1 0 0 0 1 0 0 0 1\nAnatomicalOrientation = RPI\n"));
  ASSERT_EQ(other.warnings.size(), 1U);
  EXPECT_TRUE(says(other.warnings[0], {"AnatomicalOrientation RPI", "TransformMatrix", "RAI"}));
  const auto letters = info("e.mha", mha("AnatomicalOrientation = LPI\n"));
  ASSERT_EQ(letters.warnings.size(), 1U);
  expect_near(to_patient_mm(letters.geometry, {1, 1, 1}), {-1, -1, 2}, 1e-9);
}

TEST_F(HeaderNumbers, AreNotSaidTwiceInTwoWays) {
  for (const char* lines :
       {"ElementSpacing = 1 1 2\nElementSpacing = 1 1 3\n",
        "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOrientation = -1 0 0 0 -1 0 0 0 1\n",
        "Offset = 1 2 3\nPosition = 0 0 0\n"}) {
    const std::string text(lines), name = text.substr(0, text.find(' '));
    EXPECT_TRUE(says(complaint("v.mha", mha(lines)), {"its header says " + name, "expected"}))
        << lines;
  }
  EXPECT_TRUE(info("v.mha", mha("Offset = 1 2 3\nPosition = 1 2 3\n")).warnings.empty());
  EXPECT_TRUE(says(complaint("v.nrrd", nrrd_with("spacings: 1 1 2\nspacings: 1 1 3\n")),
                   {"its header says spacings twice, '1 1 2' and '1 1 3'"}));
}

TEST_F(HeaderNumbers, OfMetaImageThatMakeVoxelsDoubtfulAreSaid) {
  EXPECT_TRUE(says(complaint("v.mha", mha("DistanceUnits = cm\n")), {"DistanceUnits 'cm'", "mm"}));
  const auto warning = [&](const std::string& lines) {
    const auto warnings = info("v.mha", mha(lines)).warnings;
    return warnings.size() == 1 ? warnings[0] : std::to_string(warnings.size()) + " warnings";
  };
  EXPECT_TRUE(says(warning("ElementSize = 1 1 3\n"), {"ElementSize 1 1 3 differs"}));
  EXPECT_TRUE(says(warning("TransformMatrix = 2 0 0 0 2 0 0 0 2\n"), {"not of length 1"}));
  EXPECT_TRUE(says(warning("Modality = MET_MOD_MR\n"), {"MET_MOD_MR", "CT"}));
  EXPECT_EQ(warning("ElementSize = 1 1 2\nModality = MET_MOD_CT\nDistanceUnits = mm\n"),
            "0 warnings");
  std::string bare = mha("");
  bare.erase(bare.find("ElementSpacing"), std::string("ElementSpacing = 1 1 2\n").size());
  EXPECT_TRUE(says(info("v.mha", bare).warnings.at(0), {"no ElementSpacing", "assumed"}));
}

TEST_F(HeaderNumbers, OfNrrdThatAreNotThereOrScaledAreSaid) {
  EXPECT_TRUE(says(info("v.nrrd", nrrd_with("")).warnings.at(0),
                   {"neither space directions nor spacings", "1 x 1 x 1 mm"}));
  EXPECT_TRUE(says(info("v.nrrd", nrrd_with("spacings: 1 1 2\nold min: -1000\n")).warnings.at(0),
                   {"old min", "as they are stored"}));
}

TEST_F(HeaderNumbers, AreHeldAgainstTheBytesOfTheVoxels) {
  const auto surplus_in = [&](const std::string& name, const std::string& bytes) {
    for (const auto& text : info(name, bytes).warnings) {
      if (text.find("of voxels more than its header tells of") != std::string::npos) return true;
    }
    return false;
  };
  EXPECT_FALSE(surplus_in("v.mha", mha("")));
  EXPECT_TRUE(surplus_in("v.mha", mha("") + "more"));
  EXPECT_FALSE(surplus_in("v.mha", mha("HeaderSize = -1\n")));  // from the end of the file
  EXPECT_FALSE(surplus_in("v.nrrd", nrrd_with("")));
  EXPECT_TRUE(surplus_in("v.nrrd", nrrd_with("") + "more"));
  // in a file of its own
  write_file(folder / "v.raw", std::string(20, '\1'));
  const auto apart = [](std::string text, const std::string& local, const std::string& named) {
    text.resize(text.size() - 16);
    return text.replace(text.find(local), local.size(), named);
  };
  EXPECT_TRUE(surplus_in("v.mhd", apart(mha(""), "LOCAL", "v.raw")));
  EXPECT_FALSE(surplus_in("v.mhd", apart(mha("HeaderSize = 4\n"), "LOCAL", "v.raw")));
  const std::string raw = "encoding: raw\n";
  EXPECT_TRUE(surplus_in("v.nhdr", apart(nrrd_with(""), raw, raw + "data file: v.raw\n")));
  EXPECT_FALSE(
      surplus_in("v.nhdr", apart(nrrd_with("byte skip: 4\n"), raw, raw + "data file: v.raw\n")));
}

TEST_F(HeaderNumbers, AreHeldAgainstCompressedVoxels) {
  const std::string raw = "encoding: raw\n", packed = "encoding: gzip\n";
  const auto warnings_for = [&](size_t bytes) {
    std::string text = nrrd_with("spacings: 1 1 2\n");
    text.resize(text.size() - 16);
    text.replace(text.find(raw), raw.size(), packed);
    return info("v.nrrd", text + gzipped(std::string(bytes, '\1'))).warnings;
  };
  EXPECT_EQ(warnings_for(16).size(), 1U);  // the space that it does not name
  ASSERT_EQ(warnings_for(24).size(), 2U);
  EXPECT_TRUE(says(warnings_for(24)[0], {"8 B of voxels more"}));
  EXPECT_TRUE(says(complaint("v.mha", mha("CompressedData = True\nCompressedDataSize = 10\n")),
                   {"CompressedDataSize 10 and 16 bytes are there"}));
}

TEST_F(HeaderNumbers, OfMetaImageAreHeldAgainstItsListOfFiles) {
  const auto listed = [](const std::string& files) {
    std::string text = mha("");
    text.resize(text.size() - 16);
    return text.replace(text.find("LOCAL"), 5, files);
  };
  for (const char* name : {"s1.raw", "s2.raw"}) write_file(folder / name, std::string(8, '\1'));
  for (const char* files : {"LIST\ns1.raw\ns2.raw", "LIST 2\ns1.raw\ns2.raw", "s%d.raw 1 2 1"}) {
    EXPECT_TRUE(info("v.mhd", listed(files)).warnings.empty()) << files;
  }
  for (const char* files : {"LIST\ns1.raw", "LIST\ns1.raw\ns2.raw\ns2.raw", "s%d.raw 1 1 1",
                            "LIST 3\ns1.raw\ns2.raw"}) {
    EXPECT_TRUE(says(complaint("v.mhd", listed(files)), {"ElementDataFile names", "expected"}))
        << files;
  }
  write_file(folder / "s2.raw", std::string(9, '\1'));
  EXPECT_TRUE(says(info("v.mhd", listed("LIST\ns1.raw\ns2.raw")).warnings.at(0),
                   {"s2.raw: holds 1 B of voxels more"}));
}

TEST_F(HeaderNumbers, OfNrrdAreHeldAgainstItsListOfFiles) {
  const auto listed = [](const std::string& files) {
    return "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 2 2\n"
           "space directions: (1,0,0) (0,1,0) (0,0,2)\nspace origin: (0,0,0)\nendian: little\n"
           "encoding: raw\ndata file: " +
           files + "\n";
  };
  for (const char* name : {"s1.raw", "s2.raw"}) write_file(folder / name, std::string(8, '\1'));
  for (const char* files : {"LIST\ns1.raw\ns2.raw", "s%d.raw 1 2 1"}) {
    EXPECT_TRUE(info("v.nhdr", listed(files)).warnings.empty()) << files;
  }
  for (const char* files : {"LIST\ns1.raw", "LIST\ns1.raw\ns2.raw\ns2.raw", "s%d.raw 1 1 1"}) {
    EXPECT_TRUE(says(complaint("v.nhdr", listed(files)), {"file"})) << files;
  }
  EXPECT_TRUE(says(complaint("v.nhdr", listed("LIST\ns1.raw\ns2.raw\ns2.raw")),
                   {"v.nhdr", "expected 2 filenames", "got 3"}));
}

TEST_F(HeaderNumbers, OfTypesThatAreUnknownAreRefused) {
  std::string text = mha("");
  text.replace(text.find("MET_SHORT"), 9, "MET_OTHER");
  EXPECT_TRUE(says(complaint("v.mha", text), {"of a type that is not known"}));
}

TEST_F(HeaderNumbers, OfNiftiAreHeldAgainstItsLengthToo) {
  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 4, 4, 4, std::vector<int16_t>(64));
  write_file(folder / "v.nii.gz", gzipped(file.bytes()));
  EXPECT_TRUE(open_nifti(folder / "v.nii.gz")->info().warnings.empty());
  file.header.dim[3] = 3;
  write_file(folder / "v.nii.gz", gzipped(file.bytes()));
  const auto warnings = open_nifti(folder / "v.nii.gz")->info().warnings;
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(says(warnings[0], {"32 B more than its header tells of"}));
}

TEST_F(HeaderNumbers, OfNiftisTwoFormsMayNotContradictEachOther) {
  auto file = HandmadeNifti::of<int16_t>(DT_INT16, 4, 4, 4, std::vector<int16_t>(64));
  file.header.qform_code = 1;
  file.save(folder / "same.nii");
  EXPECT_TRUE(open_nifti(folder / "same.nii")->info().warnings.empty());
  file.header.quatern_d = 1;  // half a turn about the body's axis
  file.save(folder / "turned.nii");
  const auto turned = open_nifti(folder / "turned.nii")->info();
  ASSERT_EQ(turned.warnings.size(), 1U);
  EXPECT_TRUE(says(turned.warnings[0], {"sform", "qform", "contradict", "sform is used"}));
  file.header.qform_code = 0;
  file.header.pixdim[3] = 5;
  file.save(folder / "sizes.nii");
  const auto sizes = open_nifti(folder / "sizes.nii")->info();
  ASSERT_EQ(sizes.warnings.size(), 1U);
  EXPECT_TRUE(says(sizes.warnings[0], {"pixdim", "5.00 mm", "sform is used"}));
}

TEST_F(HeaderNumbers, OfAShearedGridComeBackInItsMask) {
  Geometry g = flipped_grid(false, false, false);
  g.direction = {1, 0, 0, 0, 1, 0.6, 0, 0, 0.8};
  write_label_volume(folder / "m.nii", {torch::zeros({3, 4, 5}, torch::kUInt8), g});
  expect_same_grid(open_nifti(folder / "m.nii")->info().geometry, g);
}

}  // namespace
}  // namespace groundglass
