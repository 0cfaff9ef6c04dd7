#include "groundglass/runs/detector_choice.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/runs/classifier_run.h"
#include "groundglass/runs/lung_choice.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// The detector beside the bundled outliner of X-rays; empty for another network, or without one.
fs::path detector_beside(const TrainedModel& trained) {
  const fs::path outliner = bundled_model(kXrayModel);
  std::error_code ignored;
  if (outliner.empty() || !fs::equivalent(outliner, trained.path, ignored)) return {};
  const fs::path detector = outliner.parent_path() / (std::string(kXrayDetector) + ".safetensors");
  return fs::exists(detector) ? detector : fs::path();
}

void check_has_pictures(const std::string& word, const std::vector<PredictInput>& inputs) {
  const auto picture = [](const PredictInput& input) { return !input.volume; };
  if (std::any_of(inputs.begin(), inputs.end(), picture)) return;
  fail(ErrorKind::usage, "--detector " + word +
                             ": is for chest X-rays, but the input holds volumes alone; leave it "
                             "out");
}

std::shared_ptr<const XrayDetector> loaded_detector(const std::string& name, const fs::path& path,
                                                    const RunSettings& settings) {
  TrainedClassifier trained = load_trained_classifier(path);
  if (trained.model->classes() != 2) {
    fail(ErrorKind::checkpoint, path.string() + ": tells " +
                                    std::to_string(trained.model->classes()) +
                                    " classes apart, expected a detector of two");
  }
  const bool noted = trained.notes.count("image_cutoff") > 0;
  return std::make_shared<XrayDetector>(XrayDetectorOptions{
      .name = name,
      .weights_sha256 = trained.weights_sha256,
      .caution = trained.recipe.evaluate.caution,
      .model = trained.model,
      .preprocess = trained.recipe.preprocess,
      .cutoff = trained.cutoff,
      .cutoff_from = noted ? "validation images of the detector" : "the detector's recipe",
      .typicality = std::move(trained.typicality),
      .device = settings.engine.device});
}

}  // namespace

std::shared_ptr<const XrayDetector> xray_detector(const std::string& word,
                                                  const TrainedModel& trained,
                                                  const std::vector<PredictInput>& inputs,
                                                  const RunSettings& settings) {
  if (word == "none") return nullptr;
  if (word.empty()) {
    const fs::path beside = detector_beside(trained);
    return beside.empty() ? nullptr : loaded_detector(kXrayDetector, beside, settings);
  }
  check_has_pictures(word, inputs);
  const fs::path path = model_path(word);
  if (path.empty()) {
    fail(ErrorKind::usage, "--detector " + in_quotes(word) +
                               ": no such file, run folder or bundled model; expected none, or a "
                               "classifier such as " +
                               kXrayDetector);
  }
  return loaded_detector(word, path, settings);
}

void warn_of(const XrayDetector* detector, Observer& observer) {
  if (detector == nullptr || detector->options().caution.empty()) return;
  observer.on(Warning{detector->options().name + ": " + detector->options().caution});
}

std::string with_caution_of(const XrayDetector* detector, std::string caution) {
  if (detector == nullptr || detector->options().caution.empty()) return caution;
  const std::string more =
      "the detector " + detector->options().name + " " + detector->options().caution;
  return caution.empty() ? more : caution + "; " + more;
}

}  // namespace groundglass
