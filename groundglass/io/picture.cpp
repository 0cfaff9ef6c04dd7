#include "groundglass/io/picture.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// OpenCV fills what a cut-off file lacks with gray and says nothing; formats end with a mark.
bool ends_properly(const std::string& bytes) {
  const auto begins = [&](std::string_view mark) {
    return bytes.compare(0, mark.size(), mark) == 0;
  };
  if (begins("\x89PNG"))
    return bytes.find("IEND", bytes.size() - std::min<size_t>(64, bytes.size())) !=
           std::string::npos;
  if (begins("\xff\xd8")) return bytes.rfind("\xff\xd9") != std::string::npos;
  return true;
}

cv::Mat decode(const fs::path& path) {
  const std::string bytes = read_file(path);
  if (bytes.empty()) refuse(path, "is empty");
  if (!ends_properly(bytes)) refuse(path, "is truncated: the end mark of the format is missing");
  const bool tiff = bytes.compare(0, 2, "II") == 0 || bytes.compare(0, 2, "MM") == 0;
  if (tiff && cv::imcount(path.string()) > 1) refuse(path, "has several pages, expected one image");
  const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
  cv::Mat image;
  try {
    image = cv::imdecode(buffer, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception& e) {
    refuse(path, "cannot be decoded (" + std::string(e.err) + ")");
  }
  if (image.empty())
    refuse(path, "is no picture that can be read (PNG, JPEG, TIFF, BMP), or damaged");
  return image;
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

Image read_picture(const fs::path& path) {
  cv::Mat decoded = decode(path);
  Image image;
  if (decoded.channels() >= 3) {
    if (has_colour(decoded)) {
      image.warnings.push_back(path.string() + ": is coloured; its brightness is used");
    }
    cv::cvtColor(decoded, decoded,
                 decoded.channels() == 4 ? cv::COLOR_BGRA2GRAY : cv::COLOR_BGR2GRAY);
  } else if (decoded.channels() == 2) {
    refuse(path, "has two channels, expected one (gray), three or four (colour)");
  }
  switch (decoded.depth()) {
    case CV_8U:
      image.white = 255;
      break;
    case CV_16U:
      image.white = 65535;
      break;
    case CV_32F:
    case CV_64F:
      image.white = 1;
      break;
    default:
      refuse(path, "holds signed whole numbers, expected 8 or 16 bit gray; store HU as NIfTI");
  }
  image.pixels = to_tensor(decoded);
  return image;
}

torch::Tensor read_mask_picture(const fs::path& path) {
  const cv::Mat decoded = decode(path);
  cv::Mat gray = decoded;
  if (decoded.channels() >= 3) {
    if (has_colour(decoded)) refuse(path, "is coloured, expected a mask of gray class numbers");
    cv::extractChannel(decoded, gray, 0);
  }
  if (gray.depth() != CV_8U) refuse(path, "has more than 8 bits, expected a mask of class numbers");
  return to_tensor(gray).squeeze(0);
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
