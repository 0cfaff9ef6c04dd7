#include "groundglass/runs/run_page.h"

#include <map>
#include <memory>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/explain/grad_cam.h"
#include "groundglass/io/picture.h"
#include "groundglass/preprocess/normalise.h"
#include "groundglass/report/figure.h"
#include "groundglass/report/run_report.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/train/answers.h"
#include "groundglass/train/training_state.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

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

}  // namespace

std::string run_page_html(const RunFolder& run, const std::string& prepared_set,
                          Observer& observer) {
  const auto folds = run.begun_runs();
  if (folds.empty()) fail(ErrorKind::data, run.string() + ": holds no training, expected a run");
  std::unique_ptr<PreparedSet> set;
  const fs::path own = run.prepared_set();
  if (!prepared_set.empty()) {
    set = std::make_unique<PreparedSet>(prepared_set);
  } else if (fs::exists(own)) {
    set = std::make_unique<PreparedSet>(own);
  } else {
    observer.on(Warning{"no prepared set at hand, so the report shows no slices; give --data"});
  }
  RunReport report;
  for (const auto& folder : folds) {
    ReportedFold fold;
    fold.name = folder.path() == run.path() ? "run" : folder.path().filename().string();
    fold.history = read_history(folder.path());
    if (fs::exists(folder.test_scores())) {
      fold.scores = read_fold_scores(folder.test_scores());
      if (set) fold.cases = case_pictures(folder.path(), fold.scores, *set);
    }
    report.folds.push_back(std::move(fold));
  }
  const Recipe recipe = read_recipe(folds.front().recipe());
  report.title = recipe.paper.title.empty() ? run.string() : recipe.paper.title;
  report.title += " (" + word_of(recipe.split.mode) + " split)";
  report.class_names = recipe.evaluate.class_names;
  report.recipe = read_file(folds.front().recipe());
  report.environment = read_file(folds.front().environment());
  return run_report_html(report);
}

}  // namespace groundglass
