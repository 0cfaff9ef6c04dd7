#include "groundglass/preprocess/slice.h"

#include <opencv2/imgproc.hpp>

#include "groundglass/core/error.h"
#include "groundglass/preprocess/slice_lungs.h"

namespace groundglass {
namespace {

/// A tensor [H,W] seen as a matrix; no copy.
cv::Mat as_mat(const torch::Tensor& t) {
  const int type = t.scalar_type() == torch::kUInt8 ? CV_8U : CV_32F;
  return {static_cast<int>(t.size(-2)), static_cast<int>(t.size(-1)), type, t.data_ptr()};
}

torch::Tensor cropped(const torch::Tensor& slice, const Box& box) {
  return slice.narrow(-2, box.top, box.height).narrow(-1, box.left, box.width).contiguous();
}

cv::Size network_size(const PreprocessOptions& options) {
  return {static_cast<int>(options.size[1]), static_cast<int>(options.size[0])};
}

}  // namespace

torch::Tensor window_hu(const torch::Tensor& hu, double low, double high) {
  const auto clamped = hu.to(torch::kFloat32).clamp(low, high);
  return ((clamped - low) * (255 / (high - low))).round().to(torch::kUInt8);
}

torch::Tensor to_gray(const Image& image, const PreprocessOptions& options) {
  const bool hu = image.units == Units::hu;
  if ((options.units == UnitsAsked::hu && !hu) || (options.units == UnitsAsked::gray && hu)) {
    fail(ErrorKind::data, "the image is in " + to_string(image.units) +
                              " and the recipe's [preprocess] units are '" +
                              word_of(options.units) + "'");
  }
  if (hu) return window_hu(image.pixels, options.window_hu[0], options.window_hu[1]);
  if (image.pixels.scalar_type() == torch::kUInt8) return image.pixels;
  return (image.pixels * (255 / image.white)).round().clamp(0, 255).to(torch::kUInt8);
}

torch::Tensor tissue_window(const torch::Tensor& gray) {
  constexpr int kBright = 200;
  const auto source = gray.contiguous();
  const cv::Mat image = as_mat(source);
  cv::Mat unused;
  const double otsu = cv::threshold(image, unused, 0, 255, cv::THRESH_BINARY | cv::THRESH_OTSU);
  std::array<int64_t, 256> histogram{};
  for (const uint8_t v : cv::Mat_<uint8_t>(image)) ++histogram[v];
  // The gray value under which `share` of the pixels from `first` on lie.
  const auto quantile_from = [&](int first, double share) {
    int64_t total = 0, below = 0;
    for (int v = first; v < 256; ++v) total += histogram[static_cast<size_t>(v)];
    int v = first;
    for (; v < 255; ++v) {
      below += histogram[static_cast<size_t>(v)];
      if (static_cast<double>(below) >= share * static_cast<double>(total)) break;
    }
    return v;
  };
  const int black = quantile_from(0, 0.01);
  const int tissue = quantile_from(static_cast<int>(otsu) + 1, 0.5);
  if (tissue - black < 16) return gray;
  cv::Mat table(1, 256, CV_8U);
  for (int v = 0; v < 256; ++v) {
    table.at<uint8_t>(v) =
        cv::saturate_cast<uint8_t>(kBright * (v - black) / double(tissue - black));
  }
  auto out = torch::empty_like(source);
  cv::Mat result = as_mat(out);
  cv::LUT(image, table, result);
  return out;
}

torch::Tensor clahe(const torch::Tensor& gray, const ClaheOptions& options) {
  const auto source = gray.contiguous();
  auto out = torch::empty_like(source);
  const auto tiles = static_cast<int>(options.tiles);
  cv::Mat result = as_mat(out);
  cv::createCLAHE(options.clip, {tiles, tiles})->apply(as_mat(source), result);
  return out;
}

torch::Tensor clahe_of_regions(const torch::Tensor& gray, const torch::Tensor& regions,
                               const ClaheOptions& options) {
  const auto source = gray.contiguous(), marked = (regions != 0).to(torch::kUInt8).contiguous();
  auto out = source.clone();
  cv::Mat pieces, statistics, centres, result = as_mat(out);
  const int count =
      cv::connectedComponentsWithStats(as_mat(marked), pieces, statistics, centres, 8);
  for (int piece = 1; piece < count; ++piece) {
    const auto side = [&](int which) { return statistics.at<int>(piece, which); };
    const cv::Rect box(side(cv::CC_STAT_LEFT), side(cv::CC_STAT_TOP), side(cv::CC_STAT_WIDTH),
                       side(cv::CC_STAT_HEIGHT));
    if (std::min(box.width, box.height) < options.tiles) continue;
    cv::Mat equalised;
    // a copy: of a part of a matrix OpenCV's borders would show the pixels beside it
    const auto tiles = static_cast<int>(options.tiles);
    cv::createCLAHE(options.clip, {tiles, tiles})->apply(as_mat(source)(box).clone(), equalised);
    equalised.copyTo(result(box), pieces(box) == piece);
  }
  return out;
}

Box body_box(const torch::Tensor& gray) {
  const auto source = gray.contiguous();
  const cv::Mat image = as_mat(source);
  const Box whole{0, 0, gray.size(0), gray.size(1)};
  cv::Mat bright, pieces, statistics, centres;
  cv::threshold(image, bright, 0, 255, cv::THRESH_BINARY | cv::THRESH_OTSU);
  const int count = cv::connectedComponentsWithStats(bright, pieces, statistics, centres, 8);
  int largest = 0;
  for (int i = 1; i < count; ++i) {  // piece 0 is what is dark
    const auto area = [&](int piece) { return statistics.at<int>(piece, cv::CC_STAT_AREA); };
    if (largest == 0 || area(i) > area(largest)) largest = i;
  }
  if (largest == 0) return whole;
  const auto side = [&](int which) {
    return static_cast<int64_t>(statistics.at<int>(largest, which));
  };
  const int64_t margin_y = side(cv::CC_STAT_HEIGHT) / 50, margin_x = side(cv::CC_STAT_WIDTH) / 50;
  const int64_t top = std::max<int64_t>(0, side(cv::CC_STAT_TOP) - margin_y);
  const int64_t left = std::max<int64_t>(0, side(cv::CC_STAT_LEFT) - margin_x);
  const int64_t bottom =
      std::min(whole.height, side(cv::CC_STAT_TOP) + side(cv::CC_STAT_HEIGHT) + margin_y);
  const int64_t right =
      std::min(whole.width, side(cv::CC_STAT_LEFT) + side(cv::CC_STAT_WIDTH) + margin_x);
  const Box box{top, left, bottom - top, right - left};
  return 5 * box.height * box.width < whole.height * whole.width ? whole : box;
}

namespace {

/// The lungs that the options need [H,W], given or found; undefined where they need none.
torch::Tensor needed_lungs(const Image& image, const PreprocessOptions& options,
                           const torch::Tensor& given) {
  if (!options.needs_lungs()) return {};
  if (!given.defined()) {
    if (options.lungs_from == LungsBy::threshold) return lungs_by_threshold(image, {});
    fail(ErrorKind::usage, "the recipe's [preprocess] needs the lungs of each image, lungs_from " +
                               word_of(options.lungs_from) +
                               ", and here nobody finds them; expected lungs_from 'threshold'");
  }
  if (given.size(0) != image.pixels.size(1) || given.size(1) != image.pixels.size(2)) {
    fail(ErrorKind::data, "the lung mask is " + std::to_string(given.size(0)) + " x " +
                              std::to_string(given.size(1)) + " and its image " +
                              std::to_string(image.pixels.size(1)) + " x " +
                              std::to_string(image.pixels.size(2)) + " (height x width)");
  }
  return (given != 0).to(torch::kUInt8);
}

}  // namespace

NetworkSlice to_network_grid(const Image& image, const PreprocessOptions& options,
                             const torch::Tensor& given_lungs) {
  // Callers work on slices side by side; OpenCV's own threads would only get in their way.
  [[maybe_unused]] static const bool once = (cv::setNumThreads(1), true);
  const auto gray = to_gray(image, options).contiguous();
  NetworkSlice out{torch::empty({gray.size(0), options.size[0], options.size[1]}, torch::kUInt8),
                   {0, 0, gray.size(1), gray.size(2)}};
  if (options.crop != Crop::none) out.box = body_box(gray[0]);
  if (options.crop == Crop::lungs) out.box = lung_box(image, out.box);
  auto lungs = needed_lungs(image, options, given_lungs);
  if (lungs.defined()) lungs = cropped(lungs, out.box);
  for (int64_t c = 0; c < gray.size(0); ++c) {
    auto channel = cropped(gray[c], out.box);
    if (options.gray_window == GrayWindow::tissue) channel = tissue_window(channel);
    if (options.contrast == Contrast::clahe) {
      const ClaheOptions how = {options.clahe_clip, options.clahe_tiles};
      channel = options.contrast_region == ContrastRegion::lungs
                    ? clahe_of_regions(channel, lungs, how)
                    : clahe(channel, how);
    }
    if (options.mask == Mask::lungs) channel = channel * lungs;
    cv::Mat resized = as_mat(out.pixels[c]);
    cv::resize(as_mat(channel), resized, network_size(options), 0, 0,
               options.resize == Resize::area ? cv::INTER_AREA : cv::INTER_LINEAR);
  }
  return out;
}

torch::Tensor mask_to_network_grid(const torch::Tensor& labels, const Box& box,
                                   const PreprocessOptions& options) {
  const auto source = cropped(labels, box);
  const cv::Mat classes = as_mat(source);
  auto out = torch::empty({options.size[0], options.size[1]}, torch::kUInt8);
  cv::Mat resized = as_mat(out);
  double top = 0;
  cv::minMaxIdx(classes, nullptr, &top);
  if (top > 1) {
    cv::resize(classes, resized, network_size(options), 0, 0, cv::INTER_NEAREST_EXACT);
    return out;
  }
  cv::Mat scaled;
  classes.convertTo(scaled, CV_8U, 254);  // 127 is one half
  cv::resize(scaled, resized, network_size(options), 0, 0, cv::INTER_LINEAR);
  cv::threshold(resized, resized, 126, 1, cv::THRESH_BINARY);
  return out;
}

torch::Tensor to_slice_grid(const torch::Tensor& probabilities, const Box& box, int64_t height,
                            int64_t width) {
  const auto source = probabilities.contiguous();
  const bool whole = box == Box{0, 0, height, width};
  auto out = torch::zeros({source.size(0), height, width}, torch::kFloat32);
  for (int64_t f = 0; f < source.size(0); ++f) {
    auto part = whole ? out[f] : torch::empty({box.height, box.width}, torch::kFloat32);
    cv::Mat resized = as_mat(part);
    cv::resize(as_mat(source[f]), resized, resized.size(), 0, 0, cv::INTER_LINEAR);
    if (!whole) out[f].narrow(0, box.top, box.height).narrow(1, box.left, box.width).copy_(part);
  }
  return out;
}

}  // namespace groundglass
