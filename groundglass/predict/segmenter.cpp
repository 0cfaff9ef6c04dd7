#include "groundglass/predict/segmenter.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/metrics/detection.h"
#include "groundglass/models/mirrors.h"
#include "groundglass/predict/xray_detector.h"
#include "groundglass/preprocess/normalise.h"

namespace groundglass {

bool is_called_infected(const SliceResult& xray, double cutoff) {
  const auto& detection = xray.detection;
  return detection && detection->trusted() ? detection->infected()
                                           : called_infected(xray.highest, cutoff);
}

Segmenter::Segmenter(SegmenterOptions options)
    : options_(std::move(options)),
      runner_(options_.model, {.engine = options_.engine,
                               .with = options_.with,
                               .threshold = options_.threshold,
                               .plans = options_.plans,
                               .identity = options_.identity,
                               .ranges = options_.ranges}) {}

int64_t Segmenter::threads() const {
  return options_.threads > 0 ? options_.threads : usable_processors();
}

int64_t Segmenter::classes() const {
  return foreground_classes(options_.model->out_channels());
}

/// The other networks that it asks, each once.
std::vector<Segmenter*> Segmenter::helpers() const {
  std::vector<Segmenter*> all;
  for (const auto& one : {options_.lungs.network, options_.xray_lungs.network,
                          options_.near_lungs.network, options_.mask_network}) {
    if (one && std::find(all.begin(), all.end(), one.get()) == all.end()) all.push_back(one.get());
  }
  return all;
}

int64_t Segmenter::network_bytes() const {
  int64_t bytes = network_bytes_;
  for (const Segmenter* helper : helpers()) bytes += helper->network_bytes();
  return bytes;
}

int64_t Segmenter::arena_bytes() const {
  int64_t bytes = runner_.arena_bytes();
  for (const Segmenter* helper : helpers()) bytes += helper->arena_bytes();
  return bytes;
}

double Segmenter::forward_s() const {
  double seconds = forward_s_;
  for (const Segmenter* helper : helpers()) seconds += helper->forward_s();
  return seconds;
}

void Segmenter::find_lungs(const std::vector<Image>& slices, std::vector<SliceResult>& results) {
  std::vector<Image> in_hu;
  std::vector<size_t> places;
  for (size_t i = 0; i < slices.size(); ++i) {
    if (slices[i].units != Units::hu) continue;
    in_hu.push_back(slices[i]);
    places.push_back(i);
  }
  auto found = options_.lungs.network->segment(in_hu);
  for (size_t i = 0; i < found.size(); ++i) {
    results[places[i]].lungs = std::move(found[i].labels);
    results[places[i]].lung_typicality = found[i].typicality;
  }
}

void Segmenter::find_xray_lungs(const std::vector<Image>& xrays,
                                std::vector<SliceResult>& results) {
  if (!options_.xray_lungs.network) return;
  auto found = options_.xray_lungs.network->segment(xrays);
  for (size_t i = 0; i < found.size(); ++i) {
    results[i].lungs = std::move(found[i].labels);
    results[i].lung_typicality = found[i].typicality;
  }
}

void Segmenter::ask_detector(const std::vector<Image>& xrays, std::vector<SliceResult>& results) {
  if (!options_.detector) return;
  const auto start = std::chrono::steady_clock::now();
  for (size_t i = 0; i < xrays.size(); ++i) {
    SliceResult& result = results[i];
    Detection& found = result.detection.emplace(options_.detector->look_at(xrays[i]));
    if (found.keeps_marks()) continue;
    found.withheld_pixels = (result.labels != 0).sum().item<int64_t>();
    result.labels = torch::zeros_like(result.labels);
    result.probability = torch::zeros_like(result.probability);
  }
  forward_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Where the lungs of the slice can be trusted: a slice unlike those the lung network was trained
/// on keeps all marks.
void Segmenter::keep_near_lungs_in(const std::vector<Image>& slices,
                                   std::vector<SliceResult>& results) {
  const LungCut& cut = options_.near_lungs;
  std::vector<torch::Tensor> lungs(slices.size());
  std::vector<double> typicality(slices.size(), 0);
  std::vector<Image> unknown;
  std::vector<size_t> places;
  for (size_t i = 0; i < slices.size(); ++i) {
    if (cut.network == options_.lungs.network && results[i].lungs.defined()) {
      lungs[i] = results[i].lungs;
      typicality[i] = results[i].lung_typicality;
    } else {
      unknown.push_back(slices[i]);
      places.push_back(i);
    }
  }
  auto found = unknown.empty() ? std::vector<SliceResult>() : cut.network->segment(unknown);
  for (size_t i = 0; i < found.size(); ++i) {
    lungs[places[i]] = std::move(found[i].labels);
    typicality[places[i]] = found[i].typicality;
  }
  parallel_for_each(static_cast<int64_t>(slices.size()), threads(), [&](int64_t at) {
    const torch::NoGradGuard no_grad;
    const auto i = static_cast<size_t>(at);
    if (typicality[i] > 1) return;
    const auto side = std::max(lungs[i].size(0), lungs[i].size(1));
    const auto margin_px = std::llround(cut.margin * static_cast<double>(side));
    results[i].dropped =
        keep_near_lungs(lungs[i], margin_px, results[i].labels, results[i].probability);
  });
}

NetworkSlice Segmenter::on_network_grid(const Image& image) const {
  return to_network_grid(image, options_.preprocess, mask_lungs({image}).front());
}

/// The lungs of each slice that the recipe means, undefined where it needs none or a threshold
/// finds them.
std::vector<torch::Tensor> Segmenter::mask_lungs(const std::vector<Image>& slices) const {
  std::vector<torch::Tensor> lungs(slices.size());
  if (!options_.mask_network) return lungs;
  auto found = options_.mask_network->segment(slices);
  for (size_t i = 0; i < found.size(); ++i) lungs[i] = std::move(found[i].labels);
  return lungs;
}

torch::Tensor Segmenter::input_of(const NetworkSlice& slice) const {
  return normalised(slice.pixels.unsqueeze(0), options_.preprocess.normalise);
}

std::vector<SliceResult> Segmenter::segment(const std::vector<Image>& slices) {
  const torch::NoGradGuard no_grad;
  const auto n = static_cast<int64_t>(slices.size());
  std::vector<SliceResult> results(slices.size());
  const auto lungs = mask_lungs(slices);
  const int64_t batch = options_.batch_size > 0 ? options_.batch_size : n;
  for (int64_t begin = 0; begin < n; begin += batch) {
    const int64_t size = std::min(batch, n - begin);
    std::vector<torch::Tensor> inputs(static_cast<size_t>(size));
    std::vector<Box> boxes(static_cast<size_t>(size));
    parallel_for_each(size, threads(), [&](int64_t i) {
      const auto at = static_cast<size_t>(i);
      const auto which = static_cast<size_t>(begin + i);
      const NetworkSlice slice = to_network_grid(slices[which], options_.preprocess, lungs[which]);
      inputs[at] = input_of(slice);
      if (options_.typicality) {
        results[static_cast<size_t>(begin + i)].typicality = (*options_.typicality)(slice.pixels);
      }
      boxes[at] = slice.box;
    });
    const double before = network_bytes_ == 0 ? rss_mib() : 0;
    const auto start = std::chrono::steady_clock::now();
    const auto logits = mean_of_views([this](const torch::Tensor& x) { return runner_.logits(x); },
                                      torch::cat(inputs), options_.views);
    const bool tempered = options_.temperature != 1;
    const auto p = tempered ? class_probabilities(logits) : probabilities(logits);
    const auto network_says = tempered ? p.narrow(1, 1, p.size(1) - 1) : p;
    forward_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (network_bytes_ == 0) {
      const double grown = std::max(rss_mib() - before, 1.0) / static_cast<double>(size);
      network_bytes_ = static_cast<int64_t>(grown * (1 << 20));
    }
    parallel_for_each(size, threads(), [&](int64_t i) {
      const torch::NoGradGuard no_grad_here;
      const auto& pixels = slices[static_cast<size_t>(begin + i)].pixels;
      auto& result = results[static_cast<size_t>(begin + i)];
      result.highest = highest_probability(network_says[i]);
      result.probability =
          to_slice_grid(p[i], boxes[static_cast<size_t>(i)], pixels.size(1), pixels.size(2));
      if (!tempered) {
        result.labels = labels(result.probability.unsqueeze(0), options_.threshold).squeeze(0);
        return;
      }
      // After the change of grid, so that the moved threshold gives the same label map.
      const auto own = result.probability.unsqueeze(0);
      const int64_t foreground = own.size(1) - 1;
      result.labels = labels(own.narrow(1, 1, foreground), options_.threshold).squeeze(0);
      result.probability =
          at_temperature(own, options_.temperature).narrow(1, 1, foreground).squeeze(0);
    });
  }
  if (options_.lungs.network) find_lungs(slices, results);
  if (options_.near_lungs.any()) keep_near_lungs_in(slices, results);
  return results;
}

}  // namespace groundglass
