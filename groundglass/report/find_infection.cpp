#include "groundglass/report/find_infection.h"

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/explain/heat_share.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/inputs.h"
#include "groundglass/predict/pace.h"
#include "groundglass/preprocess/slice.h"
#include "groundglass/report/infection_map.h"

namespace groundglass {
namespace {

/// The lung mask of an X-ray, as large as the picture.
torch::Tensor lung_mask_of(const Xray& xray, const torch::Tensor& infected,
                           std::vector<std::string>& warnings) {
  auto lung =
      read_mask_of_picture(xray.lung, xray.path, infected.size(0), infected.size(1), warnings);
  if (lung.sizes() != infected.sizes()) {
    fail(ErrorKind::data, xray.lung.string() + ": is " + shape_text(lung) + " and the X-ray is " +
                              shape_text(infected) + ", expected one size");
  }
  return lung;
}

XrayFinding find_infection(Segmenter& segmenter, Pace& pace, const Xray& xray,
                           const FindInfectionOptions& options) {
  const Image image = read_picture(xray.path);
  auto need = need_of_pictures(image.pixels.size(1), image.pixels.size(2), segmenter,
                               {false, !options.output.empty()});
  need.outputs = {};  // without the map there is no answer to look at
  pace.next(xray.path, need);
  auto results = segmenter.segment({image});
  segmenter.ask_detector({image}, results);
  const SliceResult& result = results[0];
  const auto probability = result.probability.sum(0).clamp(0, 1);  // [H,W], all classes as one
  const auto infected = result.labels != 0;
  XrayFinding found;
  found.infected = is_called_infected(result, options.cutoff);
  found.highest = result.highest;
  found.infected_fraction = infected.to(torch::kFloat64).mean().item<double>();
  found.warnings = image.warnings;
  if (result.detection) {
    found.detector_probability = result.detection->probability;
    found.detector = detection_json(*result.detection);
    const auto text =
        detection_warning(*result.detection, {infected.sum().item<int64_t>(), infected.numel()});
    if (!text.empty()) found.warnings.push_back(xray.path.string() + ": " + text);
  }
  if (!xray.lung.empty()) {
    const auto lung = lung_mask_of(xray, infected, found.warnings);
    found.heat_in_lung = heat_share(probability, lung).inside;
    const auto area = (lung > 0).sum().item<int64_t>();
    if (area > 0) {
      found.lung_fraction = static_cast<double>((infected & (lung > 0)).sum().item<int64_t>()) /
                            static_cast<double>(area);
    }
  }
  if (!options.output.empty()) {
    found.map = options.output / (inside_folder(xray.stem).string() + "_map.png");
    write_png(found.map,
              infection_map(to_gray(image, segmenter.options().preprocess)[0], probability));
  }
  return found;
}

}  // namespace

FoundInfections find_infections(Segmenter& segmenter, const std::vector<Xray>& xrays,
                                const FindInfectionOptions& options, Observer& observer) {
  if (!options.output.empty()) {
    std::vector<PredictInput> written;
    for (const auto& xray : xrays) {
      written.push_back({xray.path, inside_folder(xray.stem).generic_string(), false});
    }
    check_outputs_differ(written, "_map", file_names_in(options.output));
  }
  Pace pace(segmenter, {.batch = 1, .memory_limit = options.memory_limit}, observer);
  FoundInfections found;
  for (const auto& xray : xrays) {
    try {
      found.findings.push_back(find_infection(segmenter, pace, xray, options));
      found.xrays.push_back(xray);
      for (const auto& text : found.findings.back().warnings) observer.on(Warning{text});
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::data) throw;
      found.failed.push_back({xray.path.string(), e.what()});
    }
    observer.on(Progress{"X-rays", static_cast<int64_t>(found.findings.size()),
                         static_cast<int64_t>(xrays.size()), ""});
  }
  return found;
}

}  // namespace groundglass
