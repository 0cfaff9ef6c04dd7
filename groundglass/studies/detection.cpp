#include <algorithm>

#include <toml++/toml.h>

#include <ATen/Parallel.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/evaluate/detection_tables.h"
#include "groundglass/io/picture.h"
#include "groundglass/metrics/detection.h"
#include "groundglass/recipe/recipe_reader.h"
#include "groundglass/report/html_page.h"
#include "groundglass/report/precision_recall.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/runs/training_run.h"
#include "groundglass/studies/study.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// [detection] of the study.
struct DetectionOptions {
  std::vector<std::string> rows, positive, mends;
  int64_t leaders = 3;

  template <class V>
  void fields(V& v) {
    v.field({"rows", "names of recipes one folder above the study"}, rows);
    v.field({"positive", "labels of images with infection"}, positive);
    v.field(
        {"mends", "lines of the recipes' [paper] differs, word for word, that do not hold here"},
        mends);
    v.field({"leaders", "so many rows with the best F1 get precision-recall curves", 1, 8},
            leaders);
  }
};

/// Numbers by row from a section of the study.
std::map<std::string, std::vector<double>> numbers_of(const StudyFile& study, const char* section) {
  std::map<std::string, std::vector<double>> numbers;
  const toml::table& table = study.section(section);
  RecipeReader reader(table, section);
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    reader.field({name, "as printed"}, numbers[name]);
  }
  return numbers;
}

DetectionOptions read_detection(const StudyFile& study) {
  check_sections(study, {"detection", "detection_printed", "confusion_printed", "ms_printed"});
  auto options = read_options<DetectionOptions>(study.section("detection"), "detection");
  if (options.rows.empty() || options.positive.empty()) {
    fail(ErrorKind::recipe, study.path.string() + ": [detection] names no rows or no positive");
  }
  return options;
}

/// The rows of the command line, or all of the study's.
std::vector<std::string> chosen_rows(const DetectionOptions& options, const StudyJob& job) {
  for (const auto& name : job.rows) {
    if (std::find(options.rows.begin(), options.rows.end(), name) == options.rows.end()) {
      fail(ErrorKind::usage, "--row " + in_quotes(name) + ": the study has no such row" +
                                 did_you_mean(name, options.rows));
    }
  }
  return job.rows.empty() ? options.rows : job.rows;
}

/// A row's recipe under a protocol that the recipe alone cannot say: it has no
/// labels to balance.
Recipe recipe_of(const StudyFile& study, const std::string& row, const DetectionOptions& options,
                 Protocol protocol, const StudyJob& job) {
  Recipe recipe = read_recipe_for(study.beside("../" + row + ".toml"), job.epochs, job.settings);
  recipe.split.mode = protocol == Protocol::paper ? SplitMode::stratified : SplitMode::strict;
  recipe.split.balance_labels = options.positive;
  // The mean Dice of the domains says nothing where some domains have no infection, so epoch and
  // threshold are chosen by the Dice of all validation pixels together.
  recipe.train.monitor = protocol == Protocol::paper ? Monitor::last : Monitor::hard_dice;
  recipe.evaluate.threshold_from = ThresholdFrom::fixed;  // in strict mode detect_fold() chooses it
  const auto& mends = options.mends;
  std::erase_if(recipe.paper.differs, [&](const std::string& line) {
    return std::find(mends.begin(), mends.end(), line) != mends.end();
  });
  return recipe;
}

/// detection.json of a trained fold: read back, or made with its best weights.
DetectionFold detect_fold(const FoldJob& job, const FoldScores& trained,
                          const DetectionOptions& options) {
  const fs::path result = job.run.path() / "detection.json";
  if (fs::exists(result)) return read_detection_fold(result);
  const TrainedModel model = load_trained_model(job.run.path());
  model.model->to(job.engine.device);
  const auto& rows = job.set->rows();
  const bool strict = job.recipe.split.mode == SplitMode::strict;
  ScoreOptions scoring = job.recipe.scoring(job.engine);
  scoring.threshold = trained.threshold;
  double cutoff = trained.threshold;
  if (strict) {
    const auto validation = score_images(*model.model, *job.set, job.split.validation, scoring);
    scoring.threshold = best_dice_threshold(validation.truth, validation.rest, trained.threshold);
    std::vector<ImageScore> highest;
    for (const auto& image : name_outcomes(validation, rows, options.positive).images) {
      highest.push_back({image.highest, image.positive});
    }
    cutoff = best_youden_cutoff(highest, scoring.threshold);
    change_weights_notes(job.run.weights(), {{"threshold", shortest(scoring.threshold)},
                                             {"image_cutoff", shortest(cutoff)}});
  }
  DetectionFold fold = name_outcomes(score_images(*model.model, *job.set, job.split.test, scoring),
                                     rows, options.positive);
  fold.fold = trained.fold;
  fold.best_epoch = trained.best_epoch;
  fold.threshold = scoring.threshold;
  fold.cutoff = strict ? cutoff : scoring.threshold;
  write_detection_fold(result, fold);
  return fold;
}

DetectionRow run_row(FoldJob job, const std::string& name, int64_t wanted_folds,
                     const DetectionOptions& options, Observer& console) {
  const auto splits = splits_of(job.recipe, *job.set);
  const CatalogModel& entry = catalog_model(job.recipe.model.name);
  const auto parameters = job.recipe.model.make()->parameters();
  const bool frozen = std::any_of(parameters.begin(), parameters.end(),
                                  [](const torch::Tensor& p) { return !p.requires_grad(); });
  DetectionRow row{name, entry.family, entry.encoder, frozen ? "frozen" : "not frozen", 0, {}};
  const RunFolder folder = job.run;
  for (const int64_t k : first_folds(wanted_folds, splits)) {
    job.run = folder.fold(k);
    job.split = splits[static_cast<size_t>(k)];
    job.fold = k;
    const FoldScores trained = train_visibly(job, console);
    row.seconds += trained.seconds;
    row.folds.push_back(detect_fold(job, trained, options));
  }
  return row;
}

std::string caption_of(const StudyFile& study, const StudyJob& job, Protocol protocol,
                       const PreparedSet& set, const std::vector<DetectionRow>& rows,
                       int64_t planned_folds) {
  std::vector<std::string> patients;
  for (const auto& fold : rows.front().folds) {
    for (const auto& image : fold.images) patients.push_back(image.domain + "/" + image.patient);
  }
  std::sort(patients.begin(), patients.end());
  const auto distinct = std::unique(patients.begin(), patients.end()) - patients.begin();
  return "Split mode " + word_of(protocol) + ", " + std::to_string(rows.front().folds.size()) +
         " of " + std::to_string(planned_folds) + " folds, " + std::to_string(distinct) +
         " test patients, images of " + std::to_string(set.header().height) + " x " +
         std::to_string(set.header().width) + ". Command `" + job.command + "`, commit " +
         commit() + ", " + cpu_name() + ", " + std::to_string(at::get_num_threads()) +
         " threads. " + study.study.caption;
}

void write_tables(const StudyFile& study, const fs::path& folder, const std::string& caption,
                  const DetectionTables& tables) {
  std::string markdown = "# " + study.study.title + "\n\n" + caption + "\n";
  for (const auto& table : tables.tables) markdown += "\n" + to_markdown(table);
  write_file(folder / "study.md", markdown);
  write_file(folder / "study.csv", tables.csv);
  write_file(folder / "study.json", tables.json.dump(1) + "\n");
}

/// Precision and recall of pixels, swept over the bins of probability.
std::vector<PrPoint> pixel_curve(const DetectionRow& row) {
  std::vector<int64_t> truth(ImageOutcomes::kBins), rest(ImageOutcomes::kBins);
  for (const auto& fold : row.folds) {
    for (size_t i = 0; i < truth.size(); ++i) {
      truth[i] += fold.truth_bins.at(i);
      rest[i] += fold.rest_bins.at(i);
    }
  }
  int64_t positives = 0, hit = 0, called = 0;
  for (const int64_t n : truth) positives += n;
  std::vector<PrPoint> curve;
  for (size_t i = truth.size(); i-- > 0 && positives > 0;) {
    if (truth[i] + rest[i] == 0) continue;
    hit += truth[i];
    called += truth[i] + rest[i];
    curve.push_back({static_cast<double>(i) / ImageOutcomes::kBins,
                     static_cast<double>(hit) / static_cast<double>(positives),
                     static_cast<double>(hit) / static_cast<double>(called)});
  }
  return curve;
}

std::vector<PrPoint> image_curve(const DetectionRow& row) {
  std::vector<ImageScore> images;
  for (const auto& fold : row.folds) {
    for (const auto& image : fold.images) images.push_back({image.highest, image.positive});
  }
  return precision_recall_curve(images);
}

/// The rows with the best F1 of detection.
std::vector<const DetectionRow*> leaders(const std::vector<DetectionRow>& rows, int64_t wanted) {
  std::vector<const DetectionRow*> order;
  for (const auto& row : rows) order.push_back(&row);
  const auto f1 = [](const DetectionRow* row) {
    return f_score(images_at_threshold(row->folds), 1).value_or(-1);
  };
  std::stable_sort(order.begin(), order.end(), [&](auto* a, auto* b) { return f1(a) > f1(b); });
  order.resize(std::min(order.size(), static_cast<size_t>(wanted)));
  return order;
}

/// The page, and the curves on it as pictures of their own.
void write_page(const StudyFile& study, const fs::path& folder, const std::string& caption,
                const DetectionTables& tables, const std::vector<const DetectionRow*>& best) {
  std::vector<NamedCurve> images, pixels;
  for (const auto* row : best) {
    const std::string name = row->network + ", " + row->encoder + ", " + row->layers;
    images.push_back({name, image_curve(*row)});
    pixels.push_back({name, pixel_curve(*row)});
  }
  const auto of_images = precision_recall_figure("detection of images", images);
  const auto of_pixels = precision_recall_figure("segmentation of pixels", pixels);
  write_png(folder / "precision_recall_images.png", of_images);
  write_png(folder / "precision_recall_pixels.png", of_pixels);
  HtmlPage page(study.study.title);
  page.paragraph(caption);
  for (const auto& table : tables.tables) {
    page.heading(table.title);
    page.paragraph(table.note);
    page.table(table.head, table.rows);
  }
  page.heading("Precision-recall curves");
  page.picture(encode_png(of_images), "Images, swept over the highest probability of a pixel.");
  page.picture(encode_png(of_pixels), "Pixels, swept over their probability.");
  write_file(folder / "study.html", page.text());
}

}  // namespace

StudyResult run_detection_study(const StudyFile& study, const StudyJob& job, Observer& console) {
  const DetectionOptions options = read_detection(study);
  const Protocol protocol = job.protocol.value_or(Protocol::strict);
  PrintedDetection printed{{},
                           numbers_of(study, "detection_printed"),
                           numbers_of(study, "confusion_printed"),
                           numbers_of(study, "ms_printed")};
  const auto names = chosen_rows(options, job);
  std::vector<Recipe> recipes;  // all are read before the first is trained
  for (const auto& name : names) {
    recipes.push_back(recipe_of(study, name, options, protocol, job));
    const auto& rows = recipes.back().expect.rows;
    if (rows.count("printed") > 0) printed.segmentation[name] = rows.at("printed");
  }
  const fs::path folder = job.output / word_of(protocol);
  const PreparedSet set(
      prepared_path(job.data, job.output, recipes.front(), job.settings, console));
  std::vector<std::string> labels;
  for (const auto& row : set.rows()) labels.push_back(row.label);
  check_labels(labels, options.positive);
  for (const auto& recipe : recipes) check_set_fits(recipe, set);

  std::vector<DetectionRow> rows;
  DetectionTables tables;
  for (size_t i = 0; i < names.size(); ++i) {
    rows.push_back(run_row({.run = folder / names[i],
                            .recipe = recipes[i],
                            .set = &set,
                            .engine = job.settings.engine},
                           names[i], job.folds, options, console));
    tables = detection_tables(rows, printed, protocol);
    const std::string caption =
        caption_of(study, job, protocol, set, rows, recipes.front().split.folds);
    tables.json["title"] = study.study.title;
    tables.json["caption"] = caption;
    // What is done can be read while the rest is trained.
    write_tables(study, folder, caption, tables);
    write_page(study, folder, caption, tables, leaders(rows, options.leaders));
  }
  std::string text;
  for (const auto& table : tables.tables) text += to_markdown(table) + "\n";
  return {tables.json, text};
}

}  // namespace groundglass
