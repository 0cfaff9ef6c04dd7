#include "groundglass/report/explanation.h"

#include "groundglass/core/error.h"
#include "groundglass/core/json.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/data/problems.h"
#include "groundglass/explain/activation_maximisation.h"
#include "groundglass/explain/heat_share.h"
#include "groundglass/io/paint.h"
#include "groundglass/io/picture.h"
#include "groundglass/metrics/counts.h"
#include "groundglass/preprocess/axial_source.h"
#include "groundglass/preprocess/normalise.h"
#include "groundglass/preprocess/slice.h"
#include "groundglass/report/figure.h"
#include "groundglass/report/infection_map.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

/// A slice to explain, upright, with its mask if there is one.
struct Subject {
  Image image;
  torch::Tensor truth;  ///< as stored: class numbers, or 0 and 255
  int64_t slice = -1;
};

/// A mask of a picture, as that lies once it is upright. What is doubtful of that is said with the
/// image's warnings.
torch::Tensor mask_on(Image& image, const std::filesystem::path& mask,
                      const std::filesystem::path& picture) {
  return read_mask_of_picture(mask, picture, image.pixels.size(1), image.pixels.size(2),
                              image.warnings);
}

torch::Tensor read_truth(const std::filesystem::path& path, const AxialView& view, int64_t slice) {
  if (path.empty()) return {};
  // A picture beside a volume is of another size, which is told where the panels are drawn.
  if (!is_volume_name(path)) return read_mask_picture(path);
  return view.apply(read_label_volume(path).labels)[slice].contiguous();
}

/// "prediction: Dice 0.81, Jaccard 0.68", of all classes as one; without numbers where there is no
/// truth of that size, or nothing in either.
std::string scored_caption(const torch::Tensor& labels, const torch::Tensor& truth) {
  std::string text = "prediction";
  if (!truth.defined() || truth.sizes() != labels.sizes()) return text;
  const Counts counts = count_foreground(labels, truth);
  if (!dice(counts)) return text;
  return text + ": Dice " + fixed(*dice(counts), 2) + ", Jaccard " + fixed(*iou(counts), 2);
}

/// The panels of a network; with several classes each has its colour, and a mask that does not tell
/// them apart is shown in a colour of its own.
FourPanels panels_of(const Segmenter& segmenter, const ExplainJob& job, const Subject& subject,
                     const torch::Tensor& labels, const torch::Tensor& heat) {
  FourPanels p{to_gray(subject.image, segmenter.options().preprocess)[0], subject.truth, labels,
               heat};
  const int64_t classes = segmenter.classes();
  if (classes == 1) {
    if (p.truth.defined()) p.truth = (p.truth != 0).to(torch::kUInt8);
    p.labels_caption = scored_caption(labels, p.truth);
    return p;
  }
  p.class_names = class_names(job.class_names, classes);
  p.heat_caption = "Grad-CAM: " + class_name(p.class_names, job.label);
  if (p.truth.defined() && (p.truth > classes).any().item<bool>()) {
    const bool numbered = ((p.truth > 0) & (p.truth <= classes)).any().item<bool>();
    if (numbered) {
      p.truth = p.truth.masked_fill(p.truth > classes, 0);  // ignored
    } else {
      p.truth = (p.truth != 0).to(torch::kUInt8) * std::max<int64_t>(4, classes + 1);
      p.truth_caption = "ground truth: any infection";
    }
  }
  p.labels_caption = scored_caption(labels, p.truth);
  return p;
}

/// The slice asked for, or the one with most of the class.
int64_t choose_slice(Segmenter& segmenter, AxialSource& source, int64_t wanted, int64_t label) {
  if (wanted >= source.depth()) {
    fail(ErrorKind::usage, "--slice " + std::to_string(wanted) + ": the volume has slices 0 to " +
                               std::to_string(source.depth() - 1));
  }
  if (wanted >= 0) return wanted;
  int64_t best = 0, most = -1;
  const int64_t batch = segmenter.options().batch_size;
  for (int64_t begin = 0; begin < source.depth(); begin += batch) {
    std::vector<Image> slices;
    for (int64_t k = begin; k < std::min(source.depth(), begin + batch); ++k) {
      slices.push_back(source.read(k));
    }
    const auto results = segmenter.segment(slices);
    for (size_t i = 0; i < results.size(); ++i) {
      const auto lesion = (results[i].labels == label).sum().item<int64_t>();
      if (lesion <= most) continue;
      most = lesion;
      best = begin + static_cast<int64_t>(i);
    }
  }
  return best;
}

Subject subject_of(const ChosenInput& chosen, const ExplainJob& job, Segmenter& segmenter) {
  const std::filesystem::path mask = job.mask.empty() ? chosen.mask : job.mask;
  if (!chosen.input.volume) {
    Subject subject{read_picture(chosen.input.path), {}, -1};
    if (!mask.empty()) subject.truth = mask_on(subject.image, mask, chosen.input.path);
    return subject;
  }
  AxialSource source(chosen.input.path, segmenter.options().preprocess.units);
  const int64_t k = choose_slice(segmenter, source, job.slice, job.label);
  Subject subject{source.read(k), read_truth(mask, source.view(), k), k};
  subject.image.warnings = source.info().warnings;
  return subject;
}

/// A picture's lung mask: the job's, or the table's column.
torch::Tensor lung_of(const ExplainJob& job, const ChosenInput& chosen, Image& image) {
  const auto& path = job.lung.empty() ? chosen.lung : job.lung;
  if (path.empty()) return {};
  const auto lung = mask_on(image, path, chosen.input.path);
  if (lung.sizes() != image.pixels[0].sizes()) {
    fail(ErrorKind::data, path.string() + ": is " + shape_text(lung) + " and the picture is " +
                              shape_text(image.pixels[0]) + ", expected one size");
  }
  return lung;
}

/// The share of the heat inside the lungs, or null.
ordered_json share_json(const torch::Tensor& heat, const torch::Tensor& lung) {
  if (!lung.defined()) return nullptr;
  const HeatShare share = heat_share(heat, lung);
  return {{"inside", optional_json(share.inside)}, {"lung_area", share.area}};
}

/// Grad-CAM of a classifier for class 1, on the picture's own grid.
torch::Tensor classifier_heat(ExplainedClassifier& classifier, const Image& image,
                              const torch::Device& device) {
  const NetworkSlice on_grid = to_network_grid(image, classifier.preprocess);
  classifier.model->to(device);
  const auto input = normalised(on_grid.pixels.unsqueeze(0), classifier.preprocess.normalise);
  const auto heat = grad_cam(classifier.model, input.to(device), 1).cpu();
  return to_slice_grid(heat.unsqueeze(0), on_grid.box, image.pixels.size(1),
                       image.pixels.size(2))[0];
}

Image xray_of(const ChosenInput& chosen, const std::string& method) {
  if (chosen.input.volume) {
    fail(ErrorKind::data, chosen.input.path.string() + ": is a volume; " + method +
                              " of an X-ray network takes pictures");
  }
  return read_picture(chosen.input.path);
}

/// Grad-CAM of a segmentation network, or what drives one of its layers.
torch::Tensor layer_heat(const ExplainJob& job, SegmentationModel& model,
                         const torch::Tensor& input, const GradCamOptions& options) {
  return job.method == ExplainMethod::grad_cam ? grad_cam(model, input, options)
                                               : activation_map(model, input, options.layer);
}

/// The image that a layer answers to most, once for the network.
void write_pattern(const ExplainJob& job, SegmentationModel& model, const std::string& layer,
                   int64_t side) {
  const auto pattern = activation_pattern(model, side, {.layer = layer, .filter = job.filter});
  write_png((job.output / ("pattern_" + layer + ".png")).string(),
            captioned(gray_to_rgb((pattern[0] * 255).round().to(torch::kUInt8)), layer));
}

}  // namespace

std::string to_string(CamScore score) {
  if (score == CamScore::lesion) return "lesion";
  return score == CamScore::all ? "all" : "peak";
}

ordered_json lines_of_each(const std::vector<ChosenInput>& inputs,
                           const std::function<ordered_json(const ChosenInput&)>& work,
                           const std::string& complaint) {
  auto written = ordered_json::array();
  Problems problems;
  for (const auto& chosen : inputs) {
    try {
      written.push_back(work(chosen));
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::data) throw;
      problems.add(e.what());
    }
  }
  problems.refuse(complaint.empty()
                      ? std::to_string(written.size()) + " of " + std::to_string(inputs.size()) +
                            " inputs were explained; of the others"
                      : complaint);
  return written;
}

ordered_json explain_by_gradient(Segmenter& segmenter, const std::vector<ChosenInput>& inputs,
                                 const ExplainJob& job, Observer& observer) {
  SegmentationModel& model = *segmenter.options().model;
  GradCamOptions options;
  options.threshold = segmenter.options().threshold;
  options.label = job.label;
  options.score = job.score;
  options.layer = job.layer.empty() ? model.layer_names().back() : job.layer;
  int64_t done = 0;
  return lines_of_each(inputs, [&](const ChosenInput& chosen) {
    const Subject subject = subject_of(chosen, job, segmenter);
    const auto result = segmenter.segment({subject.image})[0];
    const NetworkSlice on_grid = segmenter.on_network_grid(subject.image);
    const auto input = segmenter.input_of(on_grid).to(segmenter.options().engine.device);
    const auto on_network = layer_heat(job, model, input, options).cpu();
    const auto heat = to_slice_grid(on_network.unsqueeze(0), on_grid.box, result.labels.size(0),
                                    result.labels.size(1))[0];
    if (done == 0 && job.method == ExplainMethod::activation) {
      write_pattern(job, model, options.layer, input.size(2));
    }
    const std::filesystem::path stem = job.output / chosen.input.stem;
    const std::string figure =
        stem.string() +
        (job.method == ExplainMethod::grad_cam ? "_gradcam.png" : "_activation.png");
    write_png(figure, four_panel_figure(panels_of(segmenter, job, subject, result.labels, heat)));
    write_png(stem.string() + "_heat.png", jet(heat));
    if (job.take_heat) job.take_heat(subject.slice, heat);
    observer.on(Progress{"figures", ++done, static_cast<int64_t>(inputs.size()), ""});
    return ordered_json{
        {"input", chosen.input.path.string()},
        {"figure", figure},
        {"heat", stem.string() + "_heat.png"},
        {"slice", subject.slice < 0 ? ordered_json(nullptr) : ordered_json(subject.slice)},
        {"layer", options.layer},
        {"score", to_string(job.score)},
        {"class", options.label},
        {"warnings", subject.image.warnings}};
  });
}

ordered_json explain_by_map(Segmenter& segmenter, ExplainedClassifier* classifier,
                            const std::vector<ChosenInput>& inputs, const ExplainJob& job) {
  return lines_of_each(inputs, [&](const ChosenInput& chosen) {
    Image image = xray_of(chosen, "infection-map");
    const auto probability = segmenter.segment({image})[0].probability.sum(0).clamp(0, 1);
    const auto gray = to_gray(image, segmenter.options().preprocess)[0];
    const auto lung = lung_of(job, chosen, image);
    const auto map = infection_map(gray, probability);
    const std::string stem = (job.output / chosen.input.stem).string();
    std::vector<torch::Tensor> panels = {captioned(gray_to_rgb(gray), "image"),
                                         captioned(map, "infection map")};
    ordered_json line = {
        {"input", chosen.input.path.string()}, {"map", stem + "_infection_map.png"},
        {"figure", stem + "_panels.png"},      {"heat_in_lung", share_json(probability, lung)},
        {"grad_cam_in_lung", nullptr},         {"warnings", image.warnings}};
    if (classifier) {
      const auto heat = classifier_heat(*classifier, image, segmenter.options().engine.device);
      panels.push_back(captioned(heat_overlay(gray, heat), "Grad-CAM of the classifier"));
      line["grad_cam_in_lung"] = share_json(heat, lung);
    }
    if (lung.defined()) {
      panels.push_back(captioned(overlay(gray, (lung > 0).to(torch::kUInt8)), "lungs"));
    }
    write_png(stem + "_infection_map.png", map);
    write_png(stem + "_panels.png", side_by_side(panels));
    return line;
  });
}

ordered_json explain_by_classifier(ExplainedClassifier& classifier, const torch::Device& device,
                                   const std::vector<ChosenInput>& inputs, const ExplainJob& job) {
  return lines_of_each(inputs, [&](const ChosenInput& chosen) {
    Image image = xray_of(chosen, "grad-cam");
    const auto lung = lung_of(job, chosen, image);
    const auto heat = classifier_heat(classifier, image, device);
    const auto gray = to_gray(image, classifier.preprocess)[0];
    const std::string stem = (job.output / chosen.input.stem).string();
    write_png(stem + "_gradcam.png",
              side_by_side({captioned(gray_to_rgb(gray), "image"),
                            captioned(heat_overlay(gray, heat), "Grad-CAM of the classifier")}));
    write_png(stem + "_heat.png", jet(heat));
    return ordered_json{{"input", chosen.input.path.string()},
                        {"figure", stem + "_gradcam.png"},
                        {"heat", stem + "_heat.png"},
                        {"layer", "encoder"},
                        {"grad_cam_in_lung", share_json(heat, lung)},
                        {"warnings", image.warnings}};
  });
}

}  // namespace groundglass
