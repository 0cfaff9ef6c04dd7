#include <gtest/gtest.h>
#include <opencv2/imgcodecs.hpp>

#include "groundglass/core/files.h"
#include "groundglass/io/picture.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

TEST(Picture, ReadsEightBitPngJpegAndTiff) {
  const ScratchFolder folder;
  cv::Mat image(9, 13, CV_8U);
  cv::randu(image, 0, 255);
  for (const char* name : {"a.png", "a.tif", "a.bmp"}) {
    cv::imwrite(folder / name, image);
    const Image read = read_picture(folder / name);
    EXPECT_EQ(read.pixels.scalar_type(), torch::kUInt8) << name;
    EXPECT_EQ(read.white, 255);
    EXPECT_EQ(std::memcmp(read.pixels.data_ptr(), image.data, 9 * 13), 0) << name;
  }
  cv::imwrite(folder / "a.jpg", cv::Mat(16, 16, CV_8U, cv::Scalar(90)));
  EXPECT_EQ(read_picture(folder / "a.jpg").pixels[0][3][3].item<int>(), 90);
}

TEST(Picture, KeepsSixteenBits) {
  const ScratchFolder folder;
  cv::Mat image(4, 5, CV_16U);
  cv::randu(image, 0, 65535);
  image.at<uint16_t>(1, 2) = 54321;
  for (const char* name : {"a.png", "a.tif"}) {
    cv::imwrite(folder / name, image);
    const Image read = read_picture(folder / name);
    EXPECT_EQ(read.white, 65535) << name;
    EXPECT_EQ(read.pixels[0][1][2].item<float>(), 54321) << name;
  }
}

TEST(Picture, WritesWhatItReads) {
  const ScratchFolder folder;
  const auto gray = torch::randint(0, 256, {7, 6}, torch::kUInt8);
  write_png(folder / "g.png", gray);
  EXPECT_TRUE(torch::equal(read_picture(folder / "g.png").pixels[0], gray));
  EXPECT_TRUE(torch::equal(read_mask_picture(folder / "g.png"), gray));
  write_png(folder / "p.png", torch::tensor({{0.0F, 0.5F, 1.0F, 2.0F}}));
  EXPECT_TRUE(torch::equal(read_picture(folder / "p.png").pixels[0],
                           torch::tensor({{0.0F, 32768.0F, 65535.0F, 65535.0F}})));
}

TEST(Picture, UsesTheBrightnessOfColourAndSaysSo) {
  const ScratchFolder folder;
  auto rgb = torch::full({3, 4, 4}, 100, torch::kUInt8);
  write_png(folder / "gray.png", rgb);
  EXPECT_TRUE(read_picture(folder / "gray.png").warnings.empty());
  rgb[0].fill_(200);
  write_png(folder / "red.png", rgb);
  const Image red = read_picture(folder / "red.png");
  ASSERT_EQ(red.warnings.size(), 1U);
  EXPECT_TRUE(says(red.warnings[0], {"coloured"}));
  EXPECT_EQ(red.pixels[0][0][0].item<int>(), 130);  // 0.299 * 200 + 0.701 * 100
}

TEST(Picture, RefusesBrokenFilesInOneLine) {
  const ScratchFolder folder;
  const auto refusal = [&](const std::string& name) {
    const std::string text = complaint(ErrorKind::data, [&] { read_picture(folder / name); });
    EXPECT_EQ(text.find('\n'), std::string::npos);
    return text;
  };
  cv::Mat image(64, 64, CV_8U);
  cv::randu(image, 0, 255);
  for (const char* name : {"x.png", "x.jpg", "x.tif"}) {
    cv::imwrite(folder / name, image);
    const std::string whole = read_file(folder / name);
    write_file(folder / name, whole.substr(0, whole.size() / 2));
    EXPECT_TRUE(says(refusal(name), {name}));
  }
  EXPECT_TRUE(says(refusal("nowhere.png"), {"nowhere.png", "cannot be opened"}));
  write_file(folder / "e.png", "");
  EXPECT_TRUE(says(refusal("e.png"), {"e.png: is empty"}));
  write_file(folder / "t.png", "just words");
  EXPECT_TRUE(says(refusal("t.png"), {"is no picture"}));
  cv::imwrite(folder / "s.tif", cv::Mat(4, 4, CV_16S, cv::Scalar(-5)));
  EXPECT_TRUE(says(refusal("s.tif"), {"signed", "NIfTI"}));
  cv::imwritemulti((folder / "m.tif").string(), std::vector<cv::Mat>{image, image});
  EXPECT_TRUE(says(refusal("m.tif"), {"several pages"}));
  std::filesystem::create_directory(folder / "d.png");
  EXPECT_TRUE(says(refusal("d.png"), {"is a folder"}));
}

TEST(Picture, RefusesMasksThatAreNoClassNumbers) {
  const ScratchFolder folder;
  const auto refusal = [&](const std::string& name) {
    return complaint(ErrorKind::data, [&] { read_mask_picture(folder / name); });
  };
  cv::imwrite(folder / "deep.png", cv::Mat(4, 4, CV_16U, cv::Scalar(1)));
  EXPECT_TRUE(says(refusal("deep.png"), {"more than 8 bits"}));
  auto rgb = torch::zeros({3, 4, 4}, torch::kUInt8);
  rgb[1].fill_(200);
  write_png(folder / "green.png", rgb);
  EXPECT_TRUE(says(refusal("green.png"), {"coloured"}));
}

}  // namespace
}  // namespace groundglass
