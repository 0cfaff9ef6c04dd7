#include "groundglass/preprocess/slice_lungs.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "groundglass/preprocess/disc.h"

namespace groundglass {
namespace {

constexpr double kLungHu = -320;
constexpr double kSmallestShare = 0.005;
constexpr double kBorderContact = 1.75;
constexpr double kClosingShare = 1.0 / 40;

cv::Mat dark_pixels(const Image& image) {
  const auto slice = image.pixels[0].to(torch::kFloat32).contiguous();
  const int height = static_cast<int>(slice.size(0)), width = static_cast<int>(slice.size(1));
  const cv::Mat values(height, width, CV_32F, slice.data_ptr());
  if (image.units == Units::hu) return values < kLungHu;
  cv::Mat gray, dark;
  values.convertTo(gray, CV_8U, 255 / image.white);
  cv::threshold(gray, dark, 0, 255, cv::THRESH_BINARY_INV | cv::THRESH_OTSU);
  return dark;
}

/// Pixels of each labelled piece on the border of the picture.
std::vector<int64_t> border_contact(const cv::Mat& pieces, int count) {
  std::vector<int64_t> contact(static_cast<size_t>(count), 0);
  const auto touch = [&](int y, int x) { ++contact[static_cast<size_t>(pieces.at<int>(y, x))]; };
  for (int x = 0; x < pieces.cols; ++x) {
    touch(0, x);
    touch(pieces.rows - 1, x);
  }
  for (int y = 1; y + 1 < pieces.rows; ++y) {
    touch(y, 0);
    touch(y, pieces.cols - 1);
  }
  return contact;
}

cv::Mat lung_pieces(const cv::Mat& dark) {
  cv::Mat pieces, stats, centres;
  const int count = cv::connectedComponentsWithStats(dark, pieces, stats, centres, 4);
  const auto contact = border_contact(pieces, count);
  std::vector<uint8_t> kept(static_cast<size_t>(count), 0);
  const double smallest = kSmallestShare * static_cast<double>(dark.total());
  for (int piece = 1; piece < count; ++piece) {
    const double area = stats.at<int>(piece, cv::CC_STAT_AREA);
    const bool along_border =
        static_cast<double>(contact[static_cast<size_t>(piece)]) > kBorderContact * std::sqrt(area);
    kept[static_cast<size_t>(piece)] = area >= smallest && !along_border ? 1 : 0;
  }
  cv::Mat lungs(dark.size(), CV_8U);
  std::transform(pieces.begin<int>(), pieces.end<int>(), lungs.begin<uint8_t>(),
                 [&](int piece) { return kept[static_cast<size_t>(piece)]; });
  return lungs;
}

/// Everything that cannot be reached from outside the picture without crossing the mask.
cv::Mat filled(const cv::Mat& mask) {
  cv::Mat framed;
  cv::copyMakeBorder(mask, framed, 1, 1, 1, 1, cv::BORDER_CONSTANT, 0);
  cv::floodFill(framed, cv::Point(0, 0), 2);
  return (framed != 2)(cv::Rect(1, 1, mask.cols, mask.rows)) / 255;
}

}  // namespace

torch::Tensor lungs_by_threshold(const Image& image, const torch::Tensor& lesions) {
  cv::Mat lungs = lung_pieces(dark_pixels(image));
  const auto out = torch::zeros({lungs.rows, lungs.cols}, torch::kUInt8);
  if (cv::countNonZero(lungs) == 0) return out;
  if (lesions.defined()) {
    const auto added = lesions.to(torch::kUInt8).contiguous();
    lungs.setTo(1, cv::Mat(lungs.rows, lungs.cols, CV_8U, added.data_ptr()) != 0);
  }
  const int radius =
      std::max(1, static_cast<int>(std::lround(kClosingShare * std::max(lungs.rows, lungs.cols))));
  const auto found = torch::from_blob(lungs.data, {lungs.rows, lungs.cols}, torch::kUInt8);
  const auto closed = closed_by_disc(found, radius, Beyond::mask);
  filled(cv::Mat(lungs.rows, lungs.cols, CV_8U, closed.data_ptr()))
      .copyTo(cv::Mat(lungs.rows, lungs.cols, CV_8U, out.data_ptr()));
  return out;
}

namespace {

/// A stretch [begin, end) with `margin` on both sides, grown about its centre to `least`, then
/// moved and cut so that it lies in [0, whole).
std::pair<int64_t, int64_t> widened(int64_t begin, int64_t end, int64_t margin, int64_t least,
                                    int64_t whole) {
  const int64_t length = std::min(whole, std::max(end - begin + 2 * margin, least));
  const int64_t first = (begin + end - length) / 2;
  const int64_t start = std::clamp<int64_t>(first, 0, whole - length);
  return {start, length};
}

}  // namespace

Box lung_box(const Image& image, const Box& body) {
  const auto lungs = lungs_by_threshold(image, {});
  const int height = static_cast<int>(lungs.size(0)), width = static_cast<int>(lungs.size(1));
  const cv::Rect found = cv::boundingRect(cv::Mat(height, width, CV_8U, lungs.data_ptr()));
  if (found.empty()) return body;
  const auto [top, tall] =
      widened(found.y, found.y + found.height, body.height / 16, 3 * body.height / 5, height);
  const auto [left, wide] =
      widened(found.x, found.x + found.width, body.width / 16, 3 * body.width / 5, width);
  return {top, left, tall, wide};
}

}  // namespace groundglass
