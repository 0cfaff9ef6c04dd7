// MetaImages and NRRDs whose voxels are text: libraries took "3,5" for two numbers, wrapped 70000
// in 16 bits, and crashed where commas stood between the numbers.
#include "groundglass/io/text_voxels.h"

#include "groundglass/core/files.h"
#include "groundglass/io/itk_volume.h"
#include "tests/complaint.h"
#include "tests/io/volume_samples.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class TextVoxels : public VolumeTest {
 protected:
  static std::string mha(const std::string& words, const std::string& type = "MET_SHORT",
                         const std::string& more = "", const std::string& file = "LOCAL") {
    return "ObjectType = Image\nNDims = 3\nBinaryData = False\nElementSpacing = 1 1 2\n" + more +
           "DimSize = 3 2 2\nElementType = " + type + "\nElementDataFile = " + file + "\n" + words;
  }
  static std::string nrrd(const std::string& words, const std::string& type = "short",
                          const std::string& encoding = "ascii", const std::string& more = "") {
    return "NRRD0004\ntype: " + type +
           "\ndimension: 3\nspace: left-posterior-superior\nsizes: 3 2 2\n"
           "space directions: (1,0,0) (0,1,0) (0,0,2)\nspace origin: (0,0,0)\n" +
           more + "encoding: " + encoding + "\n\n" + words;
  }
  torch::Tensor values(const std::string& name, const std::string& bytes) {
    write_file(folder / name, bytes);
    const auto reader = open_itk_volume(folder / name);
    warnings_ = reader->info().warnings;
    return torch::cat({reader->read_slice(0), reader->read_slice(1)}).flatten();
  }
  std::string complaint(const std::string& name, const std::string& bytes) const {
    write_file(folder / name, bytes);
    return groundglass::complaint(ErrorKind::data, [&] { open_itk_volume(folder / name); });
  }
  static torch::Tensor twelve(torch::ScalarType type = torch::kInt16) {
    return torch::arange(-6, 6).to(type);
  }

  std::vector<std::string> warnings_;
};

const std::string kTwelve = "-6 -5 -4 -3 -2 -1\n0 1 2\r\n3\t4 +5\n";

TEST_F(TextVoxels, AreReadFromTheHeadersFileAndFromAnother) {
  EXPECT_TRUE(torch::equal(values("v.mha", mha(kTwelve)), twelve()));
  EXPECT_TRUE(warnings_.empty());
  for (const char* encoding : {"ascii", "text", "txt"}) {
    EXPECT_TRUE(torch::equal(values("v.nrrd", nrrd(kTwelve, "short", encoding)), twelve()));
    EXPECT_TRUE(warnings_.empty());
  }
  write_file(folder / "v.txt", "a line\n" + kTwelve);
  EXPECT_TRUE(
      torch::equal(values("v.mhd", mha("", "MET_SHORT", "HeaderSize = 7\n", "v.txt")), twelve()));
  for (const char* skip : {"line skip: 1\n", "byte skip: 7\n"}) {
    EXPECT_TRUE(torch::equal(
        values("v.nhdr", nrrd("", "short", "ascii", skip + std::string("data file: v.txt\n"))),
        twelve()))
        << skip;
  }
}

TEST_F(TextVoxels, AreReadInEveryType) {
  const std::string positive = "0 1 2 3 4 5 6 7 8 9 10 127";
  for (const char* type : {"CHAR", "UCHAR", "SHORT", "USHORT", "INT", "UINT", "LONG", "ULONG",
                           "LONG_LONG", "ULONG_LONG", "FLOAT", "DOUBLE"}) {
    const auto found = values("v.mha", mha(positive, std::string("MET_") + type));
    EXPECT_EQ(found[11].item<double>(), 127) << type;
    EXPECT_EQ(found.sum().item<double>(), 55 + 127) << type;
  }
  const auto found = values("v.nrrd", nrrd("-6.5 -5 -4 -3 -2 -1 0 1 2 3 4 1e-3", "float"));
  EXPECT_EQ(found[0].item<float>(), -6.5f);
  EXPECT_EQ(found[11].item<float>(), 1e-3f);
}

TEST_F(TextVoxels, ThatAreNoNumbersOfTheirTypeAreRefused) {
  const auto with = [](const std::string& word) {
    std::string text = kTwelve;
    return text.replace(text.find("-5"), 2, word);
  };
  for (const char* word : {"3,5", "12mm", "70000", "-32769", "3.7", "nan", "0x10", "abc"}) {
    for (const bool metaimage : {true, false}) {
      const std::string said =
          metaimage ? complaint("v.mha", mha(with(word))) : complaint("v.nrrd", nrrd(with(word)));
      const std::string quoted = "voxel 2 is '" + std::string(word) + "'";
      EXPECT_TRUE(says(said, {quoted.c_str(), "expected a whole number of 16 bits with a sign"}));
    }
  }
  EXPECT_TRUE(says(complaint("v.mha", mha(with("-1"), "MET_UCHAR")),
                   {"voxel 1 is '-6', expected a whole number of 8 bits without a sign"}));
  EXPECT_TRUE(says(complaint("v.mha", mha(with("1e39"), "MET_FLOAT")), {"'1e39'", "a number,"}));
  std::string commas;
  for (int i = 0; i < 40; ++i) commas += std::to_string(i) + ",";
  EXPECT_TRUE(
      says(complaint("v.nrrd", nrrd(commas)), {"voxel 1 is '0,1,2", "with blanks between"}));
}

TEST_F(TextVoxels, AreAsManyAsTheHeaderSays) {
  EXPECT_TRUE(says(complaint("v.mha", mha("-600 -500 -400 -300 1 2 3\n")),
                   {"holds 7 voxels as text, expected 12"}));
  EXPECT_TRUE(says(complaint("v.nrrd", nrrd("1 2 3\n")), {"6 characters", "expected 12 numbers"}));
  EXPECT_TRUE(torch::equal(values("v.mha", mha(kTwelve + "7 8")), twelve()));
  EXPECT_TRUE(says(warnings_.at(0), {"holds 2 numbers more than its header tells of"}));
}

TEST_F(TextVoxels, InPlacesThatTextCannotHaveAreRefused) {
  EXPECT_TRUE(says(complaint("v.mha", mha(kTwelve, "MET_SHORT", "CompressedData = True\n")),
                   {"text and packed"}));
  EXPECT_TRUE(says(complaint("v.mhd", mha("a.txt\nb.txt\n", "MET_SHORT", "", "LIST")),
                   {"in several files, expected one"}));
  EXPECT_TRUE(says(complaint("v.mha", mha(kTwelve, "MET_SHORT", "HeaderSize = -1\n")),
                   {"at the end of their file"}));
  EXPECT_TRUE(says(complaint("v.mhd", mha("", "MET_SHORT", "", "gone.txt")),
                   {"'gone.txt', which cannot be opened"}));
}

}  // namespace
}  // namespace groundglass
