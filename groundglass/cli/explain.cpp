#include <iostream>

#include "groundglass/cli/runner_flags.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/explain/activation_maximisation.h"
#include "groundglass/explain/grad_cam.h"
#include "groundglass/explain/heat_share.h"
#include "groundglass/io/paint.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/axial_source.h"
#include "groundglass/predict/input_choice.h"
#include "groundglass/predict/segmenter.h"
#include "groundglass/predict/volume_case.h"
#include "groundglass/preprocess/normalise.h"
#include "groundglass/report/figure.h"
#include "groundglass/report/infection_map.h"
#include "groundglass/runs/classifier_run.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace {

struct ExplainArguments {
  std::string input, output, model, method = "grad-cam", layer, score = "lesion", mask, classifier,
                                    lung;
  int64_t slice = -1, limit = 20, filter = -1, label = 1;
};

/// A slice to explain, upright, with its mask if there is one.
struct Subject {
  Image image;
  torch::Tensor truth;  ///< as stored: class numbers, or 0 and 255
  int64_t slice = -1;
};

CamScore score_of(const std::string& word) {
  if (word == "lesion") return CamScore::lesion;
  if (word == "all") return CamScore::all;
  if (word == "peak") return CamScore::peak;
  fail(ErrorKind::usage, "--score " + in_quotes(word) + ": expected lesion, all or peak");
}

torch::Tensor read_truth(const std::filesystem::path& path, const AxialView& view, int64_t slice) {
  if (path.empty()) return {};
  if (!is_volume_name(path)) return read_mask_picture(path);
  return view.apply(read_label_volume(path).labels)[slice].contiguous();
}

/// The class that --class names. Throws Error(usage) for one that the network does not have.
int64_t class_of(const ExplainArguments& a, const TrainedModel& trained) {
  const int64_t classes = foreground_classes(trained.model->out_channels());
  if (a.label <= classes) return a.label;
  std::vector<std::string> known;
  for (int64_t k = 1; k <= classes; ++k) {
    known.push_back(std::to_string(k) + " (" + class_name(trained.recipe.evaluate.class_names, k) +
                    ")");
  }
  fail(ErrorKind::usage, "--class " + std::to_string(a.label) + ": " + trained.name + " has " +
                             (classes == 1 ? "class 1 only" : listed(known)));
}

/// The panels of a network; with several classes each has its colour, and a mask that does not tell
/// them apart is shown in a colour of its own.
FourPanels panels_of(const TrainedModel& trained, const Subject& subject, int64_t label,
                     const torch::Tensor& labels, const torch::Tensor& heat) {
  FourPanels p{shown(subject.image, trained.recipe.preprocess), subject.truth, labels, heat};
  const int64_t classes = foreground_classes(trained.model->out_channels());
  if (classes == 1) {
    if (p.truth.defined()) p.truth = (p.truth != 0).to(torch::kUInt8);
    return p;
  }
  p.class_names = class_names(trained.recipe.evaluate.class_names, classes);
  p.heat_caption = "Grad-CAM: " + class_name(p.class_names, label);
  if (p.truth.defined() && (p.truth > classes).any().item<bool>()) {
    const bool numbered = ((p.truth > 0) & (p.truth <= classes)).any().item<bool>();
    if (numbered) {
      p.truth = p.truth.masked_fill(p.truth > classes, 0);  // ignored
    } else {
      p.truth = (p.truth != 0).to(torch::kUInt8) * std::max<int64_t>(4, classes + 1);
      p.truth_caption = "ground truth: any infection";
    }
  }
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

Subject subject_of(const ChosenInput& chosen, const ExplainArguments& a, Segmenter& segmenter) {
  const std::filesystem::path mask = a.mask.empty() ? chosen.mask : std::filesystem::path(a.mask);
  if (!chosen.input.volume) return {read_picture(chosen.input.path), read_truth(mask, {}, 0), -1};
  AxialSource source(chosen.input.path, segmenter.options().preprocess.units);
  const int64_t k = choose_slice(segmenter, source, a.slice, a.label);
  return {source.read(k), read_truth(mask, source.view(), k), k};
}

/// What is explained, and with what.
struct Explanation {
  const ExplainArguments& a;
  const Context& context;
  std::vector<ChosenInput> inputs;
  nlohmann::ordered_json written = nlohmann::ordered_json::array();
};

/// The inputs, at most --limit; `mask_column` is that of the network's recipe.
std::vector<ChosenInput> limited_inputs(const ExplainArguments& a, const std::string& mask_column) {
  auto inputs = choose_inputs(a.input, mask_column);
  if (static_cast<int64_t>(inputs.size()) > a.limit) inputs.resize(static_cast<size_t>(a.limit));
  return inputs;
}

/// A picture's lung mask: --lung, or the table's column.
torch::Tensor lung_of(const Explanation& e, size_t i, const torch::Tensor& gray) {
  const auto& path = e.a.lung.empty() ? e.inputs[i].lung : std::filesystem::path(e.a.lung);
  if (path.empty()) return {};
  const auto lung = read_mask_picture(path);
  if (lung.sizes() != gray.sizes()) {
    fail(ErrorKind::data, path.string() + ": is " + shape_text(lung) + " and the picture is " +
                              shape_text(gray) + ", expected one size");
  }
  return lung;
}

/// The share of the heat inside the lungs, or null.
nlohmann::ordered_json share_json(const torch::Tensor& heat, const torch::Tensor& lung) {
  if (!lung.defined()) return nullptr;
  const HeatShare share = heat_share(heat, lung);
  nlohmann::ordered_json out = {{"inside", nullptr}, {"lung_area", share.area}};
  if (share.inside) out["inside"] = *share.inside;
  return out;
}

/// Grad-CAM of a classifier for class 1, on the picture's own grid.
torch::Tensor classifier_heat(TrainedClassifier& trained, const Image& image,
                              const torch::Device& device) {
  const NetworkSlice on_grid = to_network_grid(image, trained.recipe.preprocess);
  trained.model->to(device);
  const auto input = normalised(on_grid.pixels.unsqueeze(0), trained.recipe.preprocess.normalise);
  const auto heat = grad_cam(trained.model, input.to(device), 1).cpu();
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

/// Panels side by side with a gap.
torch::Tensor beside(const std::vector<torch::Tensor>& panels) {
  std::vector<torch::Tensor> row;
  for (const auto& panel : panels) {
    if (!row.empty()) row.push_back(torch::full({3, panel.size(1), 6}, 255, torch::kUInt8));
    row.push_back(panel);
  }
  return torch::cat(row, 2);
}

/// Infection maps, and Grad-CAM of a classifier beside them if one is named: the kind of picture
/// that Degerli et al. print as Fig. 7.
void explain_by_map(Explanation& e) {
  const TrainedModel trained = load_chosen_model(e.a.model, e.context.overrides);
  std::optional<TrainedClassifier> classifier;
  if (!e.a.classifier.empty()) classifier = load_trained_classifier(e.a.classifier);
  Segmenter segmenter(segmenter_options(trained, run_settings(e.context)));
  for (size_t i = 0; i < e.inputs.size(); ++i) {
    const Image image = xray_of(e.inputs[i], "infection-map");
    const auto probability = segmenter.segment({image})[0].probability.sum(0).clamp(0, 1);
    const auto gray = shown(image, segmenter.options().preprocess);
    const auto lung = lung_of(e, i, gray);
    const auto map = infection_map(gray, probability);
    const std::string stem = (std::filesystem::path(e.a.output) / e.inputs[i].input.stem).string();
    std::vector<torch::Tensor> panels = {captioned(gray_to_rgb(gray), "image"),
                                         captioned(map, "infection map")};
    nlohmann::ordered_json line = {{"input", e.inputs[i].input.path.string()},
                                   {"map", stem + "_infection_map.png"},
                                   {"figure", stem + "_panels.png"},
                                   {"heat_in_lung", share_json(probability, lung)},
                                   {"grad_cam_in_lung", nullptr}};
    if (classifier) {
      const auto heat = classifier_heat(*classifier, image, segmenter.options().engine.device);
      panels.push_back(captioned(heat_overlay(gray, heat), "Grad-CAM of the classifier"));
      line["grad_cam_in_lung"] = share_json(heat, lung);
    }
    if (lung.defined()) {
      panels.push_back(captioned(overlay(gray, (lung > 0).to(torch::kUInt8)), "lungs"));
    }
    write_png(stem + "_infection_map.png", map);
    write_png(stem + "_panels.png", beside(panels));
    e.written.push_back(line);
  }
}

/// Grad-CAM of a classifier of whole images.
void explain_classifier(Explanation& e) {
  TrainedClassifier trained = load_trained_classifier(e.a.model);
  const auto device = engine_of(e.context).device;
  for (size_t i = 0; i < e.inputs.size(); ++i) {
    const Image image = xray_of(e.inputs[i], "grad-cam");
    const auto heat = classifier_heat(trained, image, device);
    const auto gray = shown(image, trained.recipe.preprocess);
    const std::string stem = (std::filesystem::path(e.a.output) / e.inputs[i].input.stem).string();
    write_png(stem + "_gradcam.png",
              beside({captioned(gray_to_rgb(gray), "image"),
                      captioned(heat_overlay(gray, heat), "Grad-CAM of the classifier")}));
    write_png(stem + "_heat.png", jet(heat));
    e.written.push_back({{"input", e.inputs[i].input.path.string()},
                         {"figure", stem + "_gradcam.png"},
                         {"heat", stem + "_heat.png"},
                         {"layer", "encoder"},
                         {"grad_cam_in_lung", share_json(heat, lung_of(e, i, gray))}});
  }
}

/// Grad-CAM of a segmentation network, or what drives one of its layers.
torch::Tensor layer_heat(const Explanation& e, SegmentationModel& model, const torch::Tensor& input,
                         const GradCamOptions& options) {
  return e.a.method == "grad-cam" ? grad_cam(model, input, options)
                                  : activation_map(model, input, options.layer);
}

/// The image that a layer answers to most, once for the network.
void write_pattern(const Explanation& e, SegmentationModel& model, const std::string& layer,
                   int64_t side) {
  const auto pattern = activation_pattern(model, side, {.layer = layer, .filter = e.a.filter});
  write_png((std::filesystem::path(e.a.output) / ("pattern_" + layer + ".png")).string(),
            captioned(gray_to_rgb((pattern[0] * 255).round().to(torch::kUInt8)), layer));
}

void explain_by_gradient(Explanation& e) {
  const TrainedModel trained = load_chosen_model(e.a.model, e.context.overrides);
  e.inputs = limited_inputs(e.a, trained.recipe.data.mask);
  Segmenter segmenter(segmenter_options(trained, run_settings(e.context)));
  GradCamOptions options;
  options.threshold = trained.threshold;
  options.label = class_of(e.a, trained);
  options.score = score_of(e.a.score);
  options.layer = e.a.layer.empty() ? trained.model->layer_names().back() : e.a.layer;
  const auto observer = console_observer(e.context);
  for (size_t i = 0; i < e.inputs.size(); ++i) {
    const Subject subject = subject_of(e.inputs[i], e.a, segmenter);
    const auto result = segmenter.segment({subject.image})[0];
    const NetworkSlice on_grid = segmenter.on_network_grid(subject.image);
    const auto input = segmenter.input_of(on_grid).to(segmenter.options().engine.device);
    const auto on_network = layer_heat(e, *trained.model, input, options).cpu();
    const auto heat = to_slice_grid(on_network.unsqueeze(0), on_grid.box, result.labels.size(0),
                                    result.labels.size(1))[0];
    if (i == 0 && e.a.method == "activation-max") {
      write_pattern(e, *trained.model, options.layer, input.size(2));
    }
    const std::filesystem::path stem = std::filesystem::path(e.a.output) / e.inputs[i].input.stem;
    const std::string figure =
        stem.string() + (e.a.method == "grad-cam" ? "_gradcam.png" : "_activation.png");
    write_png(figure,
              four_panel_figure(panels_of(trained, subject, options.label, result.labels, heat)));
    write_png(stem.string() + "_heat.png", jet(heat));
    e.written.push_back({{"input", e.inputs[i].input.path.string()},
                         {"figure", figure},
                         {"heat", stem.string() + "_heat.png"},
                         {"slice", subject.slice < 0 ? nlohmann::ordered_json(nullptr)
                                                     : nlohmann::ordered_json(subject.slice)},
                         {"layer", options.layer},
                         {"score", e.a.score},
                         {"class", options.label}});
    observer->on(Progress{"figures", static_cast<int64_t>(i) + 1,
                          static_cast<int64_t>(e.inputs.size()), ""});
  }
}

void run_explain(const ExplainArguments& a, const Context& context) {
  const std::vector<std::string> methods = {"grad-cam", "activation-max", "infection-map"};
  if (std::find(methods.begin(), methods.end(), a.method) == methods.end()) {
    fail(ErrorKind::usage, "--method " + in_quotes(a.method) + ": expected " + listed(methods));
  }
  Explanation e{a, context, limited_inputs(a, "")};
  if (a.method == "infection-map") {
    explain_by_map(e);
  } else if (!a.model.empty() && is_classifier(a.model)) {
    explain_classifier(e);
  } else {
    explain_by_gradient(e);
  }
  if (context.json) return print_json(e.written);
  for (const auto& w : e.written) std::cout << w["figure"].get<std::string>() << "\n";
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  auto a = std::make_shared<ExplainArguments>();
  auto* verb =
      add_verb(app, context, "explain", "where a network looked, and what it calls infected",
               [a, &context] { run_explain(*a, context); });
  verb->add_option("input", a->input, "as for predict")->required();
  verb->add_option("-o,--output", a->output, "folder for the figures")->required();
  verb->add_option("--model", a->model, "run folder, weights file or name (the bundled CT model)");
  verb->add_option("--method", a->method, "grad-cam, activation-max or infection-map");
  verb->add_option("--filter", a->filter,
                   "activation-max: filter that the pattern is made for (the mean of all)");
  verb->add_option("--layer", a->layer, "layer whose maps are weighed (the last one)");
  verb->add_option("--class", a->label,
                   "grad-cam: number of the class that is explained (1); volumes are shown at the "
                   "slice with most of it")
      ->check(CLI::Range(1, 63));
  verb->add_option("--score", a->score, "what is explained: lesion, all or peak");
  verb->add_option("--mask", a->mask, "ground truth for the second panel");
  verb->add_option(
      "--classifier", a->classifier,
      "infection-map: run folder of a classifier whose Grad-CAM stands beside the map");
  verb->add_option("--lung", a->lung, "lung mask, to tell how much of the heat lies inside it");
  verb->add_option("--slice", a->slice, "volumes: axial slice (the one with most of the class)");
  verb->add_option("--limit", a->limit, "folders and tables: so many inputs at most");
  add_engine_options(verb, context);
  add_override_option(verb, context);
}

}  // namespace groundglass
