#include "groundglass/io/picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_slice.h"
#include "groundglass/io/dicom_xray.h"
#include "groundglass/io/file_kind.h"
#include "groundglass/io/jpeg_picture.h"
#include "groundglass/io/library_noise.h"
#include "groundglass/io/picture_file.h"
#include "groundglass/io/png_check.h"
#include "groundglass/io/refuse.h"
#include "groundglass/io/tiff_check.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// A decoded file and what its bytes say besides.
struct Decoded {
  cv::Mat pixels;
  PictureFile file;
  std::string warning;
};

cv::Mat decode_with_opencv(const fs::path& path, const std::string& bytes) {
  const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
  const LibraryNoise noise;
  try {
    return cv::imdecode(buffer, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception& e) {
    refuse(path, "cannot be decoded (" + std::string(e.err) + ")");
  }
}

/// The pixels of a JPEG file; empty for kinds that are left to OpenCV.
cv::Mat decode_as_jpeg(const fs::path& path, const std::string& bytes, std::string& warning) {
  JpegPicture jpeg = decode_jpeg(bytes);
  if (!jpeg.damage.empty())
    refuse(path, "is damaged, or no JPEG that can be read (" + jpeg.damage + ")");
  if (!jpeg.warning.empty()) warning = "may be damaged (" + jpeg.warning + ")";
  if (jpeg.channels == 0) return {};
  return cv::Mat(jpeg.height, jpeg.width, jpeg.channels == 1 ? CV_8UC1 : CV_8UC3,
                 jpeg.pixels.data())
      .clone();
}

Decoded decode(const fs::path& path) {
  refuse_pipe(path);
  const std::string bytes = read_file(path);
  if (bytes.empty()) refuse(path, "is empty");
  Decoded out{{}, inspect_picture_file(bytes), ""};
  if (!out.file.damage.empty()) refuse(path, out.file.damage);
  const bool png = out.file.format == PictureFile::Format::png;
  if (const std::string damage = png ? png_damage(bytes) : ""; !damage.empty()) {
    refuse(path, damage);
  }
  if (out.file.animated) refuse(path, "is an animated PNG, expected one image");
  if (out.file.format == PictureFile::Format::tiff) {
    const std::string damage = tiff_damage(path);
    if (!damage.empty()) refuse(path, damage);
  }
  if (out.file.format == PictureFile::Format::jpeg) {
    out.pixels = decode_as_jpeg(path, bytes, out.warning);
  }
  if (out.pixels.empty()) {
    out.pixels = decode_with_opencv(path, png ? png_essentials(bytes) : bytes);
  }
  if (out.pixels.empty())
    refuse(path, "is no picture that can be read (PNG, JPEG, TIFF, BMP), or damaged");
  return out;
}

/// OpenCV turns TIFF files itself.
int left_to_turn(const PictureFile& file) {
  return file.format == PictureFile::Format::tiff ? 1 : file.orientation;
}

bool has_colour(const cv::Mat& image) {
  std::array<cv::Mat, 4> channels;
  cv::split(image, channels.data());
  return cv::norm(channels[0], channels[1], cv::NORM_INF) > 0 ||
         cv::norm(channels[1], channels[2], cv::NORM_INF) > 0;
}

torch::Tensor to_tensor(const cv::Mat& gray) {
  const auto type = gray.depth() == CV_8U ? torch::kUInt8 : torch::kFloat32;
  auto pixels = torch::empty({1, gray.rows, gray.cols}, type);
  cv::Mat view(gray.rows, gray.cols, type == torch::kUInt8 ? CV_8U : CV_32F, pixels.data_ptr());
  gray.convertTo(view, view.type());
  return pixels;
}

/// The white of a picture of 16 bits: of the fewest usual bits that hold its numbers, since
/// detectors of 12 bits write 0 to 4095 into words of 16.
void settle_bits(const fs::path& path, double most, Image& image) {
  image.white = 65535;
  for (const int bits : {8, 10, 12, 14}) {
    const double white = std::exp2(bits) - 1;
    if (most <= 0 || most > white) continue;
    image.white = white;
    image.warnings.push_back(path.string() + ": its 16-bit numbers end at " + shortest(most) +
                             "; they are taken as " + std::to_string(bits) +
                             " bits with white at " + shortest(white));
    return;
  }
}

/// What white is, by the type of the numbers and how far they reach.
void settle_white(const fs::path& path, const cv::Mat& pixels, Image& image) {
  if (pixels.depth() == CV_8U) {
    image.white = 255;
    return;
  }
  double least = 0, most = 0;
  cv::minMaxLoc(pixels, &least, &most);
  if (pixels.depth() == CV_16U) return settle_bits(path, most, image);
  if (pixels.depth() != CV_32F && pixels.depth() != CV_64F) {
    refuse(path, "holds signed whole numbers, expected 8 or 16 bit gray; store HU as NIfTI");
  }
  constexpr double kRounding = 1e-4;
  image.white = 1;
  if (!cv::checkRange(pixels)) {
    refuse(path,
           "holds floating-point values that are no numbers (NaN or infinite), expected 0 (black) "
           "to 1 "
           "(white) everywhere");
  }
  if (least < -kRounding || most > 1 + kRounding) {
    refuse(path,
           "holds floating-point numbers from " + shortest(least) + " to " + shortest(most) +
               ", expected 0 (black) to 1 (white) everywhere; scale them, or store HU as NIfTI");
  }
}

std::string encoded(const cv::Mat& image) {
  std::vector<uint8_t> bytes;
  cv::imencode(".png", image, bytes, {cv::IMWRITE_PNG_COMPRESSION, 3});
  return {bytes.begin(), bytes.end()};
}

}  // namespace

bool is_picture_name(const fs::path& path) {
  const std::array<const char*, 6> endings = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"};
  return std::any_of(endings.begin(), endings.end(),
                     [&](auto e) { return ends_with(path.string(), e); });
}

int stored_orientation(const fs::path& path) {
  return inspect_picture_file(read_file(path)).orientation;
}

torch::Tensor upright(const torch::Tensor& stored, int orientation) {
  switch (orientation) {
    case 2:
      return stored.flip({-1});
    case 3:
      return stored.flip({-2, -1});
    case 4:
      return stored.flip({-2});
    case 5:
      return stored.transpose(-2, -1);
    case 6:
      return stored.transpose(-2, -1).flip({-1});
    case 7:
      return stored.transpose(-2, -1).flip({-2, -1});
    case 8:
      return stored.transpose(-2, -1).flip({-2});
    default:
      return stored;
  }
}

torch::Tensor as_stored(const torch::Tensor& pixels, int orientation) {
  const bool quarter = orientation == 6 || orientation == 8;  // the others undo themselves
  return upright(pixels, quarter ? 14 - orientation : orientation);
}

Image read_picture(const fs::path& path) {
  if (!is_picture_name(path) && has_dicom_mark(path)) return read_dicom_xray(path);
  Decoded decoded = decode(path);
  cv::Mat& pixels = decoded.pixels;
  Image image;
  if (!decoded.warning.empty()) image.warnings.push_back(path.string() + ": " + decoded.warning);
  if (pixels.channels() >= 3) {
    if (has_colour(pixels)) {
      image.warnings.push_back(path.string() + ": is coloured; its brightness is used");
    }
    cv::cvtColor(pixels, pixels, pixels.channels() == 4 ? cv::COLOR_BGRA2GRAY : cv::COLOR_BGR2GRAY);
  } else if (pixels.channels() == 2) {
    refuse(path, "has two channels, expected one (gray), three or four (colour)");
  }
  settle_white(path, pixels, image);
  image.pixels = to_tensor(pixels);
  // libtiff turns pictures of bytes itself where their 0 is white.
  if (decoded.file.zero_is_white && image.pixels.is_floating_point()) {
    image.pixels = image.white - image.pixels;
    image.warnings.push_back(path.string() + ": says that its 0 is white; it is turned round");
  }
  image.pixels = upright(image.pixels, left_to_turn(decoded.file)).contiguous();
  return image;
}

torch::Tensor read_mask_picture(const fs::path& path) {
  const Decoded decoded = decode(path);
  cv::Mat gray = decoded.pixels;
  if (gray.channels() >= 3) {
    if (has_colour(gray)) refuse(path, "is coloured, expected a mask of gray class numbers");
    cv::extractChannel(decoded.pixels, gray, 0);
  }
  if (gray.depth() != CV_8U) refuse(path, "has more than 8 bits, expected a mask of class numbers");
  return upright(to_tensor(gray), left_to_turn(decoded.file)).contiguous().squeeze(0);
}

torch::Tensor read_mask_of_picture(const fs::path& mask, const fs::path& picture, int64_t height,
                                   int64_t width, std::vector<std::string>& warnings) {
  const auto stored = read_mask_picture(mask);
  if (stored_orientation(mask) != 1) return stored;  // turned upright by what it says itself
  const int orientation = stored_orientation(picture);
  if (orientation == 1) return stored;
  const auto fits = [&](const torch::Tensor& t) {
    return t.size(0) == height && t.size(1) == width;
  };
  const auto lying = upright(stored, orientation).contiguous();
  if (!fits(lying)) return stored;
  if (fits(stored)) {
    warnings.push_back(mask.string() + ": does not say how it is turned, and " + picture.string() +
                       " is stored turned (orientation " + std::to_string(orientation) +
                       ", as EXIF counts); the mask is taken to lie as that file does; if it was "
                       "drawn on the upright picture, store the picture upright, too");
  }
  return lying;
}

std::string encode_png(const torch::Tensor& pixels) {
  if (pixels.is_floating_point()) {
    const auto wide = (pixels.clamp(0, 1) * 65535).round().to(torch::kInt32).cpu().contiguous();
    cv::Mat image;
    cv::Mat(static_cast<int>(wide.size(0)), static_cast<int>(wide.size(1)), CV_32S, wide.data_ptr())
        .convertTo(image, CV_16U);
    return encoded(image);
  }
  const auto bytes = pixels.to(torch::kUInt8).cpu().contiguous();
  cv::Mat image;
  if (bytes.dim() == 2) {
    image = cv::Mat(static_cast<int>(bytes.size(0)), static_cast<int>(bytes.size(1)), CV_8U,
                    bytes.data_ptr());
  } else {
    const auto bgr = bytes.flip(0).permute({1, 2, 0}).contiguous();  // [H,W,3]
    image = cv::Mat(static_cast<int>(bgr.size(0)), static_cast<int>(bgr.size(1)), CV_8UC3,
                    bgr.data_ptr())
                .clone();
  }
  return encoded(image);
}

void write_png(const fs::path& path, const torch::Tensor& pixels) {
  write_file(path, encode_png(pixels), Flush::to_system);
}

}  // namespace groundglass
