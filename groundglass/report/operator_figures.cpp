#include "groundglass/report/operator_figures.h"

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/paint.h"
#include "groundglass/io/picture.h"
#include "groundglass/models/blocks/spectral_pool.h"
#include "groundglass/preprocess/slice.h"
#include "groundglass/report/canvas.h"
#include "groundglass/report/figure.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

/// A picture pooled both ways and enlarged again, [h,w] uint8, and how far it then lies from
/// itself.
struct Pooled {
  torch::Tensor largest, spectral;
  PoolingError error;
};

torch::Tensor enlarged(const torch::Tensor& small, int64_t factor) {
  return small.repeat_interleave(factor, 2).repeat_interleave(factor, 3);
}

double root_mean_square(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).square().mean().sqrt().item<double>();
}

torch::Tensor as_grays(const torch::Tensor& x) {
  return x[0][0].round().clamp(0, 255).to(torch::kUInt8);
}

std::vector<Pooled> pooled_pictures(const torch::Tensor& gray) {
  const int64_t height = gray.size(0), width = gray.size(1);
  if (std::min(height, width) < 4) {
    fail(ErrorKind::data, "the picture is " + std::to_string(height) + " x " +
                              std::to_string(width) + ", expected four pixels a side at least");
  }
  std::vector<Pooled> all;
  for (int64_t factor = 2; factor <= 64 && std::min(height, width) / factor >= 2; factor *= 2) {
    const int64_t h = height / factor, w = width / factor;
    const auto x = gray.narrow(0, 0, h * factor)
                       .narrow(1, 0, w * factor)
                       .to(torch::kFloat32)
                       .unsqueeze(0)
                       .unsqueeze(0);
    const auto largest = enlarged(torch::max_pool2d(x, factor), factor);
    const auto spectral = enlarged(spectral_pool2d(x, h, w), factor);
    all.push_back({as_grays(largest),
                   as_grays(spectral),
                   {factor, root_mean_square(largest, x), root_mean_square(spectral, x)}});
  }
  return all;
}

/// Bars of the 256 grays, [3,120,width].
torch::Tensor gray_histogram(const torch::Tensor& gray, int64_t width) {
  constexpr int kHeight = 120;
  const auto counts = torch::bincount(gray.flatten().to(torch::kInt64), {}, 256);
  // The root: air alone would flatten all other bars.
  const auto bars = counts.to(torch::kFloat64).sqrt();
  const double highest = std::max(1.0, bars.max().item<double>());
  cv::Mat canvas(kHeight, static_cast<int>(width), CV_8UC3, cv::Scalar(255, 255, 255));
  for (int v = 0; v < 256; ++v) {
    const int left = static_cast<int>(v * width / 256),
              right = static_cast<int>((v + 1) * width / 256);
    const int top = kHeight - 1 -
                    static_cast<int>(std::lround(bars[v].item<double>() / highest * (kHeight - 8)));
    cv::rectangle(canvas, {left, top}, {std::max(left, right - 1), kHeight - 1}, {60, 110, 200},
                  cv::FILLED);
  }
  return to_tensor(canvas);
}

/// A picture as large as the first of its row, with white where it is smaller.
torch::Tensor padded(const torch::Tensor& gray, int64_t height, int64_t width) {
  auto out = torch::full({height, width}, 255, torch::kUInt8);
  out.narrow(0, 0, gray.size(0)).narrow(1, 0, gray.size(1)).copy_(gray);
  return out;
}

Image picture_of(const ChosenInput& chosen) {
  if (chosen.input.volume) {
    fail(ErrorKind::data, chosen.input.path.string() + ": is a volume; this figure takes pictures");
  }
  return read_picture(chosen.input.path);
}

constexpr const char* kComplaint = "the figures";

std::filesystem::path figure_path(const ExplainJob& job, const ChosenInput& chosen,
                                  const std::string& ending) {
  return job.output / (chosen.input.stem + ending);
}

}  // namespace

std::vector<PoolingError> pooling_errors(const torch::Tensor& gray) {
  std::vector<PoolingError> errors;
  for (const auto& p : pooled_pictures(gray)) errors.push_back(p.error);
  return errors;
}

torch::Tensor pooling_figure(const torch::Tensor& gray) {
  const int64_t height = gray.size(0), width = gray.size(1);
  std::vector<torch::Tensor> above = {captioned(gray_to_rgb(gray), "image")}, below = above;
  for (const auto& p : pooled_pictures(gray)) {
    const std::string by = " 1/" + std::to_string(p.error.factor) + ", rms ";
    const auto panel = [&](const torch::Tensor& picture, const std::string& caption) {
      return captioned(gray_to_rgb(padded(picture, height, width)), caption);
    };
    above.push_back(panel(p.largest, "max" + by + fixed(p.error.largest, 1)));
    below.push_back(panel(p.spectral, "spectral" + by + fixed(p.error.spectral, 1)));
  }
  const auto first = side_by_side(above), second = side_by_side(below);
  return torch::cat({first, torch::full({3, 6, first.size(2)}, 255, torch::kUInt8), second}, 1);
}

torch::Tensor contrast_figure(const torch::Tensor& before, const torch::Tensor& after) {
  const auto panel = [](const torch::Tensor& gray, const std::string& caption) {
    return torch::cat({captioned(gray_to_rgb(gray), caption), gray_histogram(gray, gray.size(1))},
                      1);
  };
  return side_by_side({panel(before, "before"), panel(after, "after CLAHE")});
}

ordered_json explain_pooling(const std::vector<ChosenInput>& inputs, const ExplainJob& job) {
  const auto figure_of = [&](const ChosenInput& chosen) {
    const auto gray = to_gray(picture_of(chosen), {})[0].contiguous();
    const auto path = figure_path(job, chosen, "_pooling.png");
    write_png(path, pooling_figure(gray));
    auto errors = ordered_json::array();
    for (const auto& e : pooling_errors(gray)) {
      errors.push_back(
          {{"factor", e.factor}, {"rms_max", e.largest}, {"rms_spectral", e.spectral}});
    }
    return ordered_json{
        {"input", chosen.input.path.string()}, {"figure", path.string()}, {"pooling", errors}};
  };
  return lines_of_each(inputs, figure_of, kComplaint);
}

ordered_json explain_contrast(const PreprocessOptions& options,
                              const std::vector<ChosenInput>& inputs, const ExplainJob& job) {
  if (options.contrast != Contrast::clahe) {
    fail(ErrorKind::recipe,
         "[preprocess] contrast is 'none', so there is nothing to show; expected "
         "'clahe', e.g. --recipe attention_unet_2026");
  }
  const auto figure_of = [&](const ChosenInput& chosen) {
    const Image image = picture_of(chosen);
    // The whole slice at its own size, so that contrast is all that changes.
    PreprocessOptions own = options;
    own.crop = Crop::none;
    own.mask = Mask::none;
    own.size = {image.pixels.size(1), image.pixels.size(2)};
    const auto after = to_network_grid(image, own).pixels[0];
    own.contrast = Contrast::none;
    own.contrast_region = ContrastRegion::slice;
    const auto before = to_network_grid(image, own).pixels[0];
    const auto path = figure_path(job, chosen, "_contrast.png");
    write_png(path, contrast_figure(before, after));
    const auto spread = [](const torch::Tensor& gray) {
      return gray.to(torch::kFloat64).std(c10::IntArrayRef{}, /*unbiased=*/false).item<double>();
    };
    return ordered_json{{"input", chosen.input.path.string()},
                        {"figure", path.string()},
                        {"deviation_before", spread(before)},
                        {"deviation_after", spread(after)}};
  };
  return lines_of_each(inputs, figure_of, kComplaint);
}

}  // namespace groundglass
