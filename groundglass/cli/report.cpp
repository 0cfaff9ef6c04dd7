#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/explain/grad_cam.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/dicom_of_results.h"
#include "groundglass/preprocess/normalise.h"
#include "groundglass/report/figure.h"
#include "groundglass/report/predict_report.h"
#include "groundglass/report/run_report.h"
#include "groundglass/runs/run_folder.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/train/answers.h"
#include "groundglass/train/training_state.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct ReportArguments {
  std::string input, output, data, dicom, capture = "frames", source;
};

/// The foreground class with most pixels, 1 if there is none.
int64_t most_of(const torch::Tensor& labels) {
  const auto counts = torch::bincount(labels.flatten().to(torch::kInt64), {}, 2);
  return 1 + counts.narrow(0, 1, counts.size(0) - 1).argmax().item<int64_t>();
}

/// Best, median and worst test slice as four panels, from the prepared set.
std::vector<ReportPicture> case_pictures(const fs::path& run, const FoldScores& scores,
                                         const PreparedSet& set) {
  const TrainedModel trained = load_trained_model(run);
  std::map<std::string, int64_t> row_of;
  for (int64_t i = 0; i < set.size(); ++i) row_of[set.rows()[static_cast<size_t>(i)].id] = i;
  std::vector<ReportPicture> pictures;
  for (const auto& [word, item] : telling_items(scores.items)) {
    const auto found = row_of.find(item->id);
    if (found == row_of.end()) continue;
    const auto gray = set.image(found->second).clone();
    const auto input = normalised(gray.unsqueeze(0), trained.recipe.preprocess.normalise);
    const auto logits = answer(*trained.model, input, Engine{}, trained.recipe.evaluate.views);
    const auto predicted = labels(probabilities(logits), trained.threshold)[0];
    const int64_t label = most_of(predicted);
    const auto heat = grad_cam(*trained.model, input,
                               {.layer = trained.model->layer_names().back(),
                                .label = label,
                                .threshold = trained.threshold});
    FourPanels panels{gray[0], set.mask(found->second).clone(), predicted, heat};
    const int64_t classes = foreground_classes(trained.model->out_channels());
    if (classes > 1) {
      panels.class_names = class_names(trained.recipe.evaluate.class_names, classes);
      panels.heat_caption = "Grad-CAM: " + class_name(panels.class_names, label);
    }
    const auto figure = four_panel_figure(panels);
    pictures.push_back({encode_png(figure), word + ": " + item->id + ", Dice " +
                                                fixed(*dice(item->counts), 3) + ", Jaccard " +
                                                fixed(*iou(item->counts), 3)});
  }
  return pictures;
}

std::string run_page(const ReportArguments& a, const std::vector<RunFolder>& folds,
                     Observer& observer) {
  std::unique_ptr<PreparedSet> set;
  const fs::path own = RunFolder(a.input).prepared_set();
  if (!a.data.empty()) {
    set = std::make_unique<PreparedSet>(a.data);
  } else if (fs::exists(own)) {
    set = std::make_unique<PreparedSet>(own);
  } else {
    observer.on(Warning{"no prepared set at hand, so the report shows no slices; give --data"});
  }
  RunReport report;
  for (const auto& folder : folds) {
    ReportedFold fold;
    fold.name = folder.path() == fs::path(a.input) ? "run" : folder.path().filename().string();
    fold.history = read_history(folder.path());
    if (fs::exists(folder.test_scores())) {
      fold.scores = read_fold_scores(folder.test_scores());
      if (set) fold.cases = case_pictures(folder.path(), fold.scores, *set);
    }
    report.folds.push_back(std::move(fold));
  }
  const Recipe recipe = read_recipe(folds.front().recipe());
  report.title = recipe.paper.title.empty() ? a.input : recipe.paper.title;
  report.title += " (" + word_of(recipe.split.mode) + " split)";
  report.class_names = recipe.evaluate.class_names;
  report.recipe = read_file(folds.front().recipe());
  report.environment = read_file(folds.front().environment());
  return run_report_html(report);
}

/// DICOM objects of what predict wrote earlier, instead of a page.
void write_objects(const ReportArguments& a, const Context& context) {
  DicomOutputs outputs = parse_dicom_outputs(a.dicom);
  if (a.capture == "single") outputs.capture_as = CaptureAs::single;
  const auto written = write_dicom_of_results(a.input, outputs, a.source);
  auto list = nlohmann::ordered_json::array();
  for (const auto& one : written) {
    for (const auto& object : one.objects) {
      list.push_back({{"input", one.input},
                      {"kind", object.kind},
                      {"file", (fs::path(a.input) / object.file).string()},
                      {"sop_instance_uid", object.sop_instance}});
    }
  }
  if (context.json) return print_json({{"objects", list}, {"note", kNotAMedicalDevice}});
  for (const auto& object : list) std::cout << object["file"].get<std::string>() << "\n";
  std::cout << kNotAMedicalDevice << std::endl;
}

void run_report(const ReportArguments& a, const Context& context) {
  if (!fs::is_directory(a.input)) {
    fail(ErrorKind::data, a.input + ": is no folder; expected a run or what `predict` wrote");
  }
  const auto observer = console_observer(context);
  const auto folds = RunFolder(a.input).begun_runs();
  if (!a.dicom.empty() && !folds.empty()) {
    fail(ErrorKind::usage,
         "--dicom: " + a.input + " is a run; DICOM objects are made of what `predict` wrote");
  }
  if (!a.dicom.empty()) return write_objects(a, context);
  const fs::path output = a.output.empty() ? fs::path(a.input) / "report.html" : fs::path(a.output);
  const bool pdf = lower(output.extension().string()) == ".pdf";
  if (pdf && !folds.empty()) {
    fail(ErrorKind::usage, output.string() + ": a PDF is made of what `predict` wrote, and " +
                               a.input + " is a run; give an .html file");
  }
  const std::string page = !folds.empty() ? run_page(a, folds, *observer)
                           : pdf          ? predict_report_pdf(a.input)
                                          : predict_report_html(a.input);
  write_file(output, page);
  if (context.json) return print_json({{"report", output.string()}, {"bytes", page.size()}});
  std::cout << output.string() << std::endl;
}

}  // namespace

void add_report(CLI::App& app, Context& context) {
  auto a = std::make_shared<ReportArguments>();
  auto* verb = add_verb(app, context, "report", "one self-contained page of a run or prediction",
                        [a, &context] { run_report(*a, context); });
  verb->add_option("input", a->input, "run folder, or output folder of predict")->required();
  verb->add_option("-o,--output", a->output,
                   "the page (INPUT/report.html); of predictions a .pdf file as well");
  verb->add_option(
      "--dicom", a->dicom,
      "predictions of DICOM images: instead of a page, the objects that predict --dicom "
      "writes, of seg, lungs, sr, sc and pdf; no network runs");
  verb->add_option("--capture", a->capture, "as predict --capture")
      ->check(CLI::IsMember({"frames", "single"}));
  verb->add_option("--source", a->source,
                   "with --dicom: where the images of the one case lie now (as summary.json says)");
  verb->add_option("--data", a->data, "runs: the prepared set, to show slices");
}

}  // namespace groundglass
