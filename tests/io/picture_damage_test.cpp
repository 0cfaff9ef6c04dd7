// Pictures that other programs read without a word and wrongly: cut off behind a thumbnail, damaged
// inside, turned, of fewer bits than their words have, or with 0 as white.

#include <sys/stat.h>

#include <gtest/gtest.h>
#include <opencv2/imgcodecs.hpp>

#include "groundglass/core/files.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/picture_file.h"
#include "groundglass/io/volume_reader.h"
#include "tests/complaint.h"
#include "tests/io/picture_samples.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

/// A picture without symmetry.
cv::Mat slope(int rows, int columns) {
  cv::Mat image(rows, columns, CV_8U);
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < columns; ++x) image.at<uint8_t>(y, x) = static_cast<uint8_t>(3 * x + 2 * y);
  }
  return image;
}

std::string encoded_as(const char* ending, const cv::Mat& image, const std::vector<int>& how = {}) {
  std::vector<uint8_t> bytes;
  cv::imencode(ending, image, bytes, how);
  return {bytes.begin(), bytes.end()};
}

/// A segment of a JPEG, put behind its first mark.
std::string with_segment(const std::string& jpeg, char mark, const std::string& inside) {
  return jpeg.substr(0, 2) + '\xff' + mark + big16(inside.size() + 2) + inside + jpeg.substr(2);
}

/// A TIFF file of bytes without compression.
/// How the bytes of a TIFF file are told to be.
struct TiffNumbers {
  size_t bits = 8, format = 1, strip_at = 146;
};

std::string tiff_of(const torch::Tensor& pixels, int orientation, TiffNumbers numbers = {}) {
  const auto little = [](size_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i & 0xff);
    return text;
  };
  const auto rows = static_cast<size_t>(pixels.size(0)),
             bytes = static_cast<size_t>(pixels.size(1));
  const std::vector<std::array<size_t, 2>> tags = {{256, bytes * 8 / numbers.bits},
                                                   {257, rows},
                                                   {258, numbers.bits},
                                                   {259, 1},
                                                   {262, 1},
                                                   {273, numbers.strip_at},
                                                   {274, static_cast<size_t>(orientation)},
                                                   {277, 1},
                                                   {278, rows},
                                                   {279, rows * bytes},
                                                   {339, numbers.format}};
  std::string file = std::string("II*\0", 4) + little(8, 4) + little(tags.size(), 2);
  for (const auto& [tag, value] : tags) {
    const bool wide = tag == 273 || tag == 279;
    file += little(tag, 2) + little(wide ? 4 : 3, 2) + little(1, 4) + little(value, 4);
  }
  file += little(0, 4);
  const auto stored = pixels.contiguous();
  return file + std::string(static_cast<const char*>(stored.data_ptr()), rows * bytes);
}

std::string complaint_about(const std::filesystem::path& path) {
  testing::internal::CaptureStderr();
  const std::string text = complaint(ErrorKind::data, [&] { read_picture(path); });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  return text;
}

TEST(DamagedPicture, IsRefusedWhereAThumbnailHoldsTheOnlyEndMark) {
  const ScratchFolder folder;
  const std::string thumbnail = encoded_as(".jpg", slope(16, 16));
  const std::string whole = with_segment(encoded_as(".jpg", slope(120, 160)), '\xed',
                                         std::string("Photoshop 3.0\0", 14) + thumbnail);
  write_file(folder / "a.jpg", whole);
  EXPECT_EQ(read_picture(folder / "a.jpg").pixels.size(1), 120);
  write_file(folder / "a.jpg", whole.substr(0, whole.size() * 2 / 3));
  EXPECT_TRUE(says(complaint_about(folder / "a.jpg"), {"a.jpg", "truncated", "end mark"}));
}

TEST(DamagedPicture, IsRefusedWhereItsMiddleIsDamaged) {
  const ScratchFolder folder;
  cv::Mat noise(200, 300, CV_8U);
  cv::randu(noise, 0, 255);
  for (const char* ending : {".jpg", ".png", ".tif"}) {
    std::string bytes = encoded_as(ending, noise);
    bytes.replace(bytes.size() / 2, 400, std::string(400, '\0'));
    write_file(folder / (std::string("a") + ending), bytes);
    EXPECT_TRUE(says(complaint_about(folder / (std::string("a") + ending)), {"damaged"})) << ending;
  }
}

TEST(DamagedPicture, MayHaveBytesBehindItsEnd) {
  const ScratchFolder folder;
  for (const char* name : {".jpg", ".png"}) {
    const std::string bytes = encoded_as(name, slope(40, 50));
    write_file(folder / name, bytes + std::string(300, 'x'));
    EXPECT_EQ(read_picture(folder / name).pixels.size(2), 50);
  }
}

TEST(TurnedPicture, IsReadUprightAndItsMaskComesBackAsStored) {
  const auto straight = torch::arange(6 * 4, torch::kUInt8).view({6, 4});
  for (int o = 1; o <= 8; ++o) {
    const auto stored = as_stored(straight, o).contiguous();
    EXPECT_EQ(stored.size(0), o < 5 ? 6 : 4) << o;
    EXPECT_TRUE(torch::equal(upright(stored, o), straight)) << o;
  }
  // The definition: with 6, the first stored row is the upright picture's right column.
  EXPECT_TRUE(torch::equal(as_stored(straight, 6)[0], straight.select(1, 3)));
  EXPECT_TRUE(torch::equal(as_stored(straight, 8)[0], straight.select(1, 0).flip(0)));
}

TEST(TurnedPicture, IsReadUprightFromJpegPngAndTiff) {
  const ScratchFolder folder;
  const cv::Mat stored = slope(24, 40);
  const auto pixels = torch::from_blob(stored.data, {24, 40}, torch::kUInt8).clone();
  const std::string png = encoded_as(".png", stored),
                    jpeg = encoded_as(".jpg", stored, {cv::IMWRITE_JPEG_QUALITY, 100});
  for (int o = 1; o <= 8; ++o) {
    write_file(folder / "a.jpg", with_segment(jpeg, '\xe1', std::string("Exif\0\0", 6) + exif(o)));
    EXPECT_EQ(stored_orientation(folder / "a.jpg"), o);
    const auto read = read_picture(folder / "a.jpg").pixels[0];
    ASSERT_EQ(read.sizes(), upright(pixels, o).sizes()) << o;
    EXPECT_LE(
        (read.to(torch::kInt32) - upright(pixels, o).to(torch::kInt32)).abs().max().item<int>(), 4)
        << o;

    write_file(folder / "a.png", turned_png(png, o));
    EXPECT_TRUE(torch::equal(read_picture(folder / "a.png").pixels[0], upright(pixels, o))) << o;
    EXPECT_TRUE(torch::equal(read_mask_picture(folder / "a.png"), upright(pixels, o))) << o;

    write_file(folder / "a.tif", tiff_of(pixels, o));
    EXPECT_EQ(stored_orientation(folder / "a.tif"), o);
    EXPECT_TRUE(torch::equal(read_picture(folder / "a.tif").pixels[0], upright(pixels, o))) << o;
  }
}

TEST(TurnedPicture, IsFoundInEveryWholeNumberThatHoldsTheOrientation) {
  const ScratchFolder folder;
  const std::string jpeg = encoded_as(".jpg", slope(24, 40));
  const std::string directories[] = {
      {"II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 26},  // 32 bits
      {"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x06\0\0\0\0", 26},
      {"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x01\0\0\0\x01\x06\0\0\0\0\0\0\0", 26}};  // a byte
  for (const auto& directory : directories) {
    write_file(folder / "a.jpg",
               with_segment(jpeg, '\xe1', std::string("Exif\0\0", 6) + directory));
    EXPECT_EQ(stored_orientation(folder / "a.jpg"), 6);
    EXPECT_EQ(read_picture(folder / "a.jpg").pixels.size(1), 40);
  }
}

TEST(TiffNumbers, OfUnknownKindsAreRefusedInOneLine) {
  const ScratchFolder folder;
  const auto bytes = torch::arange(16 * 24, torch::kInt32).remainder(60).to(torch::kUInt8);
  const auto about = [&](TiffNumbers numbers) {
    write_file(folder / "a.tif", tiff_of(bytes.view({16, 24}), 1, numbers));
    return complaint_about(folder / "a.tif");
  };
  constexpr size_t kWhole = 1, kFloating = 3;
  EXPECT_TRUE(says(about({32, kWhole}), {"holds whole numbers of 32 bits, expected whole ones of 8 "
                                         "to 16 bits or floating-point ones of 32 or 64"}));
  EXPECT_TRUE(says(about({16, kFloating}), {"holds floating-point numbers of 16 bits"}));
  EXPECT_TRUE(says(about({3, kWhole}), {"holds whole numbers of 3 bits"}));
  EXPECT_TRUE(says(about({8, kWhole, 0}), {"strip 0 of 1 (counted from 0) cannot be unpacked"}));
}

TEST(FloatingPicture, WithNumbersThatAreNoneIsRefusedForThem) {
  const ScratchFolder folder;
  cv::imwrite(folder / "a.tif", cv::Mat(4, 5, CV_32F, cv::Scalar(NAN)));
  EXPECT_TRUE(says(complaint_about(folder / "a.tif"), {"no numbers (NaN or infinite)"}));
}

/// The file with another width and height in its header.
std::string png_told_as(const std::string& png, size_t width, size_t height) {
  const std::string inside = big16(0) + big16(width) + big16(0) + big16(height) + png.substr(24, 5);
  return png.substr(0, 8) + png_part("IHDR", inside) + png.substr(33);
}

TEST(DamagedPicture, IsRefusedWhereAPngHoldsOtherPixelsThanItsHeaderTellsOf) {
  const ScratchFolder folder;
  const std::string png = encoded_as(".png", slope(24, 40));
  const auto about = [&](size_t width, size_t height) {
    write_file(folder / "a.png", png_told_as(png, width, height));
    return complaint_about(folder / "a.png");
  };
  EXPECT_TRUE(says(about(40, 25), {"is truncated: it holds 984 bytes of pixels, expected 1025 of "
                                   "40 x 25"}));
  EXPECT_TRUE(says(about(40, 20), {"holds more pixels than the 40 x 20"}));
  EXPECT_TRUE(says(about(0, 24), {"its header tells of 0 x 24 pixels of 8 bits"}));
  EXPECT_TRUE(says(about(60000, 60000), {"has 60000 x 60000 pixels, more than can be read"}));
}

TEST(Png, WithChunksThatLibpngComplainsAboutIsReadWithoutAWord) {
  const ScratchFolder folder;
  const std::string png = encoded_as(".png", slope(24, 40));
  constexpr size_t kBehindHeader = 33;
  write_file(folder / "a.png", png.substr(0, kBehindHeader) + png_part("iCCP", "sRGB") +
                                   png_part("gAMA", "xx") + png.substr(kBehindHeader));
  testing::internal::CaptureStderr();
  EXPECT_EQ(read_picture(folder / "a.png").pixels.size(2), 40);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Png, IsUnpackedToItsSizeWhereItIsInterlaced) {
  // 3 x 2 pixels of 8 bits in the passes that are not empty: rows of 1, 1, 1 and 3 pixels
  const std::string rows(
      "\0\1"
      "\0\2"
      "\0\3"
      "\0\4\5\6",
      10);
  std::string packed(64, '\0');
  uLongf length = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &length,
           reinterpret_cast<const Bytef*>(rows.data()), rows.size());
  packed.resize(length);
  const ScratchFolder folder;
  write_file(folder / "a.png", "\x89PNG\r\n\x1a\n" +
                                   png_part("IHDR", big16(0) + big16(3) + big16(0) + big16(2) +
                                                        std::string("\x08\0\0\0\x01", 5)) +
                                   png_part("IDAT", packed) + png_part("IEND", ""));
  const auto pixels = read_picture(folder / "a.png").pixels[0];
  EXPECT_TRUE(torch::equal(pixels, torch::tensor({{1, 3, 2}, {4, 5, 6}}, torch::kUInt8)));
}

TEST(TurnedPicture, HasAMaskThatMayTellItselfHowItIsTurned) {
  const ScratchFolder folder;
  const auto upright_mask = (torch::arange(16, torch::kUInt8).view({4, 4}) < 3).to(torch::kUInt8);
  write_png(folder / "stored.png", as_stored(upright_mask, 6).contiguous());
  write_file(folder / "tells.png", turned_png(read_file(folder / "stored.png"), 6));
  for (const char* mask : {"stored.png", "tells.png"}) {
    std::vector<std::string> warnings;
    EXPECT_TRUE(torch::equal(
        read_mask_of_picture(folder / mask, folder / "tells.png", 4, 4, warnings), upright_mask))
        << mask;
    // only the mask that does not tell is doubtful
    EXPECT_EQ(warnings.size(), mask == std::string("stored.png") ? 1U : 0U) << mask;
  }
}

TEST(TurnedPicture, HasADoubtfulMaskOnlyWhereNothingTellsHowThatLies) {
  const ScratchFolder folder;
  const auto mask = torch::zeros({4, 6}, torch::kUInt8);
  write_png(folder / "mask.png", mask);
  const auto warnings_beside = [&](int orientation, int64_t height, int64_t width) {
    write_file(folder / "x.png", turned_png(encode_png(mask), orientation));
    std::vector<std::string> warnings;
    read_mask_of_picture(folder / "mask.png", folder / "x.png", height, width, warnings);
    return warnings;
  };
  EXPECT_TRUE(warnings_beside(1, 4, 6).empty());
  EXPECT_TRUE(warnings_beside(6, 6, 4).empty());  // its size is that of the stored picture
  EXPECT_TRUE(warnings_beside(6, 4, 6).empty());  // and here that of the upright one
  for (const int half_turn_or_mirrored : {2, 3, 4}) {
    const auto doubt = warnings_beside(half_turn_or_mirrored, 4, 6);
    ASSERT_EQ(doubt.size(), 1U);
    EXPECT_TRUE(says(doubt[0], {"mask.png: does not say how it is turned", "x.png",
                                "orientation " + std::to_string(half_turn_or_mirrored)}));
  }
}

TEST(Pipes, AreRefusedInsteadOfWaitedFor) {
  const ScratchFolder folder;
  for (const char* name : {"x.png", "x.nii"}) {
    ASSERT_EQ(mkfifo((folder / name).c_str(), 0600), 0);
    EXPECT_TRUE(says(complaint(ErrorKind::data,
                               [&] {
                                 is_picture_name(folder / name) ? void(read_picture(folder / name))
                                                                : void(open_volume(folder / name));
                               }),
                     {name, "is a pipe or a device, expected a file"}));
  }
}

TEST(AnimatedPng, IsRefusedWhereItHasSeveralPictures) {
  const ScratchFolder folder;
  const std::string png = encoded_as(".png", slope(24, 40));
  const auto with_pictures = [&](size_t count) {
    constexpr size_t kBehindHeader = 33;
    write_file(folder / "a.png",
               png.substr(0, kBehindHeader) +
                   png_part("acTL", big16(0) + big16(count) + big16(0) + big16(0)) +
                   png.substr(kBehindHeader));
  };
  with_pictures(1);
  EXPECT_EQ(read_picture(folder / "a.png").pixels.size(2), 40);
  with_pictures(2);
  EXPECT_TRUE(says(complaint_about(folder / "a.png"), {"is an animated PNG, expected one image"}));
}

TEST(Bits, FewerThanTheirWordsHaveSetTheWhite) {
  const ScratchFolder folder;
  for (const int bits : {8, 10, 12, 14, 16}) {
    const int white = (1 << bits) - 1;
    cv::Mat image(4, 5, CV_16U, cv::Scalar(white * 0.9));
    cv::imwrite(folder / "a.png", image);
    const Image read = read_picture(folder / "a.png");
    EXPECT_EQ(read.white, white) << bits;
    EXPECT_EQ(read.warnings.size(), bits < 16 ? 1U : 0U);
  }
  cv::imwrite(folder / "a.png", cv::Mat(4, 5, CV_16U, cv::Scalar(0)));
  EXPECT_EQ(read_picture(folder / "a.png").white, 65535);
}

TEST(Bits, OfFloatsLieFromBlackToWhite) {
  const ScratchFolder folder;
  cv::Mat image(4, 5, CV_32F, cv::Scalar(0.5F));
  cv::imwrite(folder / "a.tif", image);
  EXPECT_EQ(read_picture(folder / "a.tif").white, 1);
  for (const float value : {255.F, -0.5F, NAN}) {
    image.at<float>(1, 1) = value;
    cv::imwrite(folder / "a.tif", image);
    EXPECT_TRUE(
        says(complaint_about(folder / "a.tif"), {"floating-point", "0 (black) to 1 (white)"}))
        << value;
  }
}

/// Changes a short tag of a little-endian TIFF file.
std::string with_tag(std::string tiff, int tag, int value) {
  const auto at = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(tiff[i])); };
  const size_t directory = at(4) | at(5) << 8 | at(6) << 16 | at(7) << 24;
  const size_t entries = at(directory) | at(directory + 1) << 8;
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    if ((at(entry) | at(entry + 1) << 8) == static_cast<size_t>(tag))
      tiff[entry + 8] = static_cast<char>(value);
  }
  return tiff;
}

// Found by tools/fuzz: the name of a part stood in the message as it was, line breaks and all.
TEST(PngParts, WithoutANameAreRefusedInOneLine) {
  const ScratchFolder folder;
  std::string png = encoded_as(".png", slope(4, 5));
  png[png.find("IDAT")] = '\n';
  write_file(folder / "x.png", png);
  const std::string said = complaint(ErrorKind::data, [&] { read_picture(folder / "x.png"); });
  EXPECT_TRUE(says(said, {"x.png", "a part of it has no name"}));
  EXPECT_EQ(said.find('\n'), std::string::npos);
}

TEST(Bits, OfAPictureWhoseZeroIsWhiteAreTurnedRound) {
  const ScratchFolder folder;
  cv::Mat wide(4, 5, CV_16U, cv::Scalar(60000));
  wide.at<uint16_t>(0, 0) = 1;
  write_file(folder / "w.tif", with_tag(encoded_as(".tif", wide), 262, 0));
  const Image read = read_picture(folder / "w.tif");
  EXPECT_EQ(read.pixels[0][1][1].item<float>(), 5535);
  EXPECT_EQ(read.pixels[0][0][0].item<float>(), 65534);
  ASSERT_EQ(read.warnings.size(), 1U);
  write_file(folder / "b.tif", with_tag(encoded_as(".tif", slope(4, 5)), 262, 0));
  EXPECT_EQ(read_picture(folder / "b.tif").pixels[0][0][0].item<int>(), 255);
}

}  // namespace
}  // namespace groundglass
