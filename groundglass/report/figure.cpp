#include "groundglass/report/figure.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "groundglass/core/rng.h"
#include "groundglass/core/text.h"
#include "groundglass/data/augment/warp.h"
#include "groundglass/io/legend.h"
#include "groundglass/io/paint.h"
#include "groundglass/report/canvas.h"

namespace groundglass {
namespace {

/// A line of a plot.
struct Curve {
  std::string name;
  cv::Scalar colour;
  std::vector<double> values;  ///< negative ones are not drawn
};

/// Axes with round numbers, curves and their names in a rectangle of the canvas.
void plot(cv::Mat& canvas, const cv::Rect& box, const std::vector<Curve>& curves, double top) {
  for (int tick = 0; tick <= 5; ++tick) {
    const int y = box.y + box.height - box.height * tick / 5;
    cv::line(canvas, {box.x, y}, {box.x + box.width, y}, kFaint);
    write_text(canvas, fixed(top * tick / 5, 2), {box.x - 46, y + 5}, 0.42, kInk);
  }
  size_t longest = 1;
  for (const auto& c : curves) longest = std::max(longest, c.values.size());
  const auto point = [&](size_t i, double value) {
    const double share =
        longest > 1 ? static_cast<double>(i) / static_cast<double>(longest - 1) : 0.5;
    const double height = std::clamp(value / top, 0.0, 1.0);
    return cv::Point(box.x + static_cast<int>(std::lround(share * box.width)),
                     box.y + box.height - static_cast<int>(std::lround(height * box.height)));
  };
  int name_x = box.x + 8;
  for (const auto& c : curves) {
    for (size_t i = 0; i < c.values.size(); ++i) {
      if (c.values[i] < 0) continue;
      cv::circle(canvas, point(i, c.values[i]), 2, c.colour, cv::FILLED, cv::LINE_AA);
      if (i > 0 && c.values[i - 1] >= 0) {
        cv::line(canvas, point(i - 1, c.values[i - 1]), point(i, c.values[i]), c.colour, 2,
                 cv::LINE_AA);
      }
    }
    write_text(canvas, c.name, {name_x, box.y - 8}, 0.48, c.colour);
    name_x += 12 + static_cast<int>(c.name.size()) * 9;
  }
  write_text(canvas, "1", {box.x, box.y + box.height + 18}, 0.42, kInk);
  write_text(canvas, "epoch " + std::to_string(longest),
             {box.x + box.width - 60, box.y + box.height + 18}, 0.42, kInk);
}

/// A curve for each class, in the colour it has in overlays.
void add_class_curves(std::vector<Curve>& curves, const std::vector<EpochDone>& history) {
  const size_t classes = history.empty() ? 0 : history.front().class_dice.size();
  for (size_t c = 0; c < classes; ++c) {
    const auto colour = class_colour(static_cast<int64_t>(c) + 1);
    Curve curve{
        "class " + std::to_string(c + 1), cv::Scalar(colour[0], 0.8 * colour[1], colour[2]), {}};
    for (const auto& e : history) {
      curve.values.push_back(c < e.class_dice.size() ? e.class_dice[c] : -1);
    }
    curves.push_back(std::move(curve));
  }
}

std::vector<double> column(const std::vector<EpochDone>& history, double EpochDone::*value) {
  std::vector<double> out;
  for (const auto& e : history) out.push_back(e.*value);
  return out;
}

/// The next of 1, 2, 5, 10, 20, ... tenths that is not below a value.
double round_top(double value) {
  double step = 0.1;
  while (step < value) {
    for (const double factor : {2.0, 2.5, 2.0}) {
      if (step >= value) break;
      step *= factor;
    }
  }
  return step;
}

}  // namespace

torch::Tensor captioned(const torch::Tensor& rgb, const std::string& text) {
  constexpr int64_t kBar = 26;
  cv::Mat bar(static_cast<int>(kBar), static_cast<int>(rgb.size(2)), CV_8UC3,
              cv::Scalar(255, 255, 255));
  const double size =
      std::min(0.55, static_cast<double>(rgb.size(2)) /
                         (20.0 * static_cast<double>(std::max<size_t>(text.size(), 1))));
  write_text(bar, text, {6, 18}, size, kInk);
  return torch::cat({to_tensor(bar), rgb}, 1);
}

torch::Tensor side_by_side(const std::vector<torch::Tensor>& panels) {
  std::vector<torch::Tensor> row;
  for (const auto& panel : panels) {
    if (!row.empty()) row.push_back(torch::full({3, panel.size(1), 6}, 255, torch::kUInt8));
    row.push_back(panel);
  }
  return torch::cat(row, 2);
}

torch::Tensor four_panel_figure(const FourPanels& p) {
  const auto gap = torch::full({3, p.gray.size(0) + 26, 6}, 255, torch::kUInt8);
  std::vector<torch::Tensor> row = {captioned(gray_to_rgb(p.gray), "image"), gap};
  if (p.truth.defined()) {
    row.insert(row.end(), {captioned(overlay(p.gray, p.truth), p.truth_caption), gap});
  }
  row.insert(row.end(), {captioned(overlay(p.gray, p.labels), p.labels_caption), gap,
                         captioned(heat_overlay(p.gray, p.heat), p.heat_caption)});
  return with_legend(torch::cat(row, 2), p.class_names);
}

torch::Tensor curves_figure(const std::vector<EpochDone>& history) {
  cv::Mat canvas(420, 1120, CV_8UC3, cv::Scalar(255, 255, 255));
  const auto loss = column(history, &EpochDone::loss),
             validation = column(history, &EpochDone::validation_loss);
  double highest = 0.1;
  for (const auto* list : {&loss, &validation}) {
    for (const double v : *list) highest = std::max(highest, v);
  }
  plot(canvas, {60, 50, 460, 320},
       {{"training loss", {60, 110, 200}, loss}, {"validation loss", {215, 120, 40}, validation}},
       round_top(highest));
  std::vector<Curve> scores = {
      {"training Dice", {60, 110, 200}, column(history, &EpochDone::training_dice)},
      {"soft Dice", {60, 150, 90}, column(history, &EpochDone::soft_dice)},
      {"hard Dice", {150, 70, 170}, column(history, &EpochDone::hard_dice)},
      {"monitor", {40, 40, 40}, column(history, &EpochDone::monitor)}};
  add_class_curves(scores, history);
  plot(canvas, {620, 50, 460, 320}, scores, 1.0);
  return to_tensor(canvas);
}

torch::Tensor certainty_figure(const std::vector<int64_t>& histogram, double limit) {
  cv::Mat canvas(420, 640, CV_8UC3, cv::Scalar(255, 255, 255));
  const cv::Rect box(60, 50, 540, 310);
  const auto bins = static_cast<double>(histogram.size());
  int64_t highest = 1, all = 0;
  for (const int64_t n : histogram) {
    highest = std::max(highest, n);
    all += n;
  }
  const auto across = [&](double share) {
    return box.x + static_cast<int>(std::lround(share * box.width));
  };
  for (int tick = 0; tick <= 5; ++tick) {
    const int y = box.y + box.height - box.height * tick / 5;
    cv::line(canvas, {box.x, y}, {box.x + box.width, y}, kFaint);
    write_text(canvas, fixed(static_cast<double>(highest) * tick / 5, 1), {box.x - 52, y + 5}, 0.42,
               kInk);
    write_text(canvas, fixed(tick / 5.0, 1), {across(tick / 5.0) - 10, box.y + box.height + 20},
               0.42, kInk);
  }
  for (size_t bin = 0; bin < histogram.size(); ++bin) {
    const double low = static_cast<double>(bin) / bins, high = static_cast<double>(bin + 1) / bins;
    const double share = static_cast<double>(histogram[bin]) / static_cast<double>(highest);
    const int top = box.y + box.height - static_cast<int>(std::lround(share * box.height));
    // The bin that holds the limit is drawn in both colours.
    const double cut = std::clamp(limit, low, high);
    const auto bar = [&](double from, double to, const cv::Scalar& colour) {
      if (histogram[bin] == 0 || to <= from) return;
      cv::rectangle(canvas, {across(from) + 1, top}, {across(to) - 1, box.y + box.height}, colour,
                    cv::FILLED);
    };
    bar(low, cut, {190, 205, 225});
    bar(cut, high, {60, 110, 200});
  }
  cv::line(canvas, {across(limit), box.y}, {across(limit), box.y + box.height}, {215, 120, 40}, 2);
  write_text(canvas, "certainty of " + std::to_string(all) + " slices; limit " + fixed(limit, 2),
             {box.x, 32}, 0.5, kInk);
  write_text(canvas, "research use only", {box.x + box.width - 130, 408}, 0.42, kInk);
  return to_tensor(canvas);
}

torch::Tensor augmentation_sheet(const PreparedSet& set, const AugmentOptions& options,
                                 int64_t slices, int64_t draws, uint64_t seed) {
  std::vector<torch::Tensor> pictures;
  slices = std::min(slices, set.size());
  for (int64_t i = 0; i < slices; ++i) {
    const int64_t row = i * set.size() / slices;
    const Sample stored{set.image(row).clone(), set.mask(row).clone()};
    pictures.push_back(overlay(stored.image[0], stored.mask));
    for (int64_t draw = 0; draw < draws; ++draw) {
      Rng rng = rng_for(seed, static_cast<uint64_t>(draw), static_cast<uint64_t>(row));
      const Sample varied = apply(draw_augmentation(options, rng), stored);
      pictures.push_back(overlay(varied.image[0], varied.mask));
    }
  }
  return montage(pictures, draws + 1, 192);
}

}  // namespace groundglass
