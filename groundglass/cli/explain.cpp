#include <iostream>

#include "groundglass/cli/input_choice.h"
#include "groundglass/cli/model_choice.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/explain/grad_cam.h"
#include "groundglass/io/paint.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/axial_source.h"
#include "groundglass/predict/segmenter.h"
#include "groundglass/predict/volume_case.h"
#include "groundglass/report/figure.h"

namespace groundglass {
namespace {

struct ExplainArguments {
  std::string input, output, model, method = "grad-cam", layer, score = "lesion", mask;
  int64_t slice = -1, limit = 20;
};

/// A slice to explain, upright, with its mask if there is one.
struct Subject {
  Image image;
  torch::Tensor truth;
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
  if (!is_volume_name(path)) return (read_mask_picture(path) != 0).to(torch::kUInt8);
  const auto labels = view.apply(read_label_volume(path).labels);
  return (labels[slice] != 0).to(torch::kUInt8).contiguous();
}

/// The slice asked for, or the one with most lesion.
int64_t choose_slice(Segmenter& segmenter, AxialSource& source, int64_t wanted) {
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
      const auto lesion = (results[i].labels != 0).sum().item<int64_t>();
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
  const int64_t k = choose_slice(segmenter, source, a.slice);
  return {source.read(k), read_truth(mask, source.view(), k), k};
}

void run_explain(const ExplainArguments& a, const Context& context) {
  if (a.method != "grad-cam") {
    fail(ErrorKind::usage, "--method " + in_quotes(a.method) + ": this version knows grad-cam");
  }
  const TrainedModel trained = load_chosen_model(a.model, context);
  Segmenter segmenter({trained.model, trained.recipe.preprocess, trained.threshold,
                       engine_of(context), 8, context.threads});
  GradCamOptions options;
  options.threshold = trained.threshold;
  options.score = score_of(a.score);
  options.layer = a.layer.empty() ? trained.model->layer_names().back() : a.layer;
  const auto observer = console_observer(context);
  auto written = nlohmann::ordered_json::array();
  auto inputs = choose_inputs(a.input);
  if (static_cast<int64_t>(inputs.size()) > a.limit) inputs.resize(static_cast<size_t>(a.limit));
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Subject subject = subject_of(inputs[i], a, segmenter);
    const auto result = segmenter.segment({subject.image})[0];
    const NetworkSlice on_grid = segmenter.on_network_grid(subject.image);
    const auto input = segmenter.input_of(on_grid).to(segmenter.options().engine.device);
    const auto heat = to_slice_grid(grad_cam(*trained.model, input, options).cpu().unsqueeze(0),
                                    on_grid.box, result.labels.size(0), result.labels.size(1))[0];
    const std::filesystem::path stem = std::filesystem::path(a.output) / inputs[i].input.stem;
    write_png(stem.string() + "_gradcam.png",
              four_panel_figure({shown(subject.image, segmenter.options().preprocess),
                                 subject.truth, result.labels, heat}));
    write_png(stem.string() + "_heat.png", jet(heat));
    written.push_back({{"input", inputs[i].input.path.string()},
                       {"figure", stem.string() + "_gradcam.png"},
                       {"heat", stem.string() + "_heat.png"},
                       {"slice", subject.slice < 0 ? nlohmann::ordered_json(nullptr)
                                                   : nlohmann::ordered_json(subject.slice)},
                       {"layer", options.layer},
                       {"score", a.score}});
    observer->on(
        Progress{"figures", static_cast<int64_t>(i) + 1, static_cast<int64_t>(inputs.size()), ""});
  }
  if (context.json) return print_json(written);
  for (const auto& w : written) std::cout << w["figure"].get<std::string>() << "\n";
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  auto a = std::make_shared<ExplainArguments>();
  auto* verb = add_verb(app, context, "explain", "where a network looked: Grad-CAM figures",
                        [a, &context] { run_explain(*a, context); });
  verb->add_option("input", a->input, "as for predict")->required();
  verb->add_option("-o,--output", a->output, "folder for the figures")->required();
  verb->add_option("--model", a->model, "run folder, weights file or name (the bundled CT model)");
  verb->add_option("--method", a->method, "grad-cam");
  verb->add_option("--layer", a->layer, "layer whose maps are weighed (the last one)");
  verb->add_option("--score", a->score, "what is explained: lesion, all or peak");
  verb->add_option("--mask", a->mask, "ground truth for the second panel");
  verb->add_option("--slice", a->slice, "volumes: axial slice (the one with most lesion)");
  verb->add_option("--limit", a->limit, "folders and tables: so many inputs at most");
  add_engine_options(verb, context);
  add_override_option(verb, context);
}

}  // namespace groundglass
