#include "groundglass/runs/lung_choice.h"

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/lobe_atlas.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr const char* kLobeAtlas = "ct_lobes.atlas";

LungSource lungs_alone(const std::string& word, const TrainedModel& trained,
                       const RunSettings& settings, RunnerChoice choice) {
  if (word == "threshold") return {};
  if (word == "none") return {.from = LungsFrom::none, .name = "none"};
  if (fs::is_regular_file(word) && is_volume_name(word)) {
    return {.from = LungsFrom::file, .name = word, .file = word};
  }
  if (word.empty() && bundled_model(kLungModel).empty()) return {};
  if (!word.empty() && !fs::exists(word) && bundled_model(word).empty()) {
    fail(ErrorKind::usage, "--lungs " + in_quotes(word) +
                               ": no such file, run folder or bundled model; expected threshold, "
                               "none, a volume of class numbers, or a model such as " +
                               kLungModel);
  }
  TrainedModel lungs = load_runnable_model(word.empty() ? kLungModel : word, {});
  if (word.empty() && lungs.weights_sha256 == trained.weights_sha256) {
    return {.from = LungsFrom::none, .name = "none"};
  }
  choice.int8 = false;  // its ranges are those of the other network
  SegmenterOptions options = segmenter_options(lungs, settings, choice);
  options.batch_size = 0;
  return {.from = LungsFrom::network,
          .name = lungs.name,
          .network = std::make_shared<Segmenter>(std::move(options)),
          .weights_sha256 = lungs.weights_sha256};
}

}  // namespace

LungSource lung_source(const std::string& word, const TrainedModel& trained,
                       const RunSettings& settings, RunnerChoice choice) {
  LungSource lungs = lungs_alone(word, trained, settings, choice);
  lungs.lobes = lobe_source({});
  return lungs;
}

LobeSource lobe_source(const std::string& word) {
  if (word == "none") return {};
  if (fs::is_regular_file(word) && is_volume_name(word)) return {.file = word, .name = word};
  if (!word.empty() && word != "shape") {
    fail(ErrorKind::usage, "--lobes " + in_quotes(word) +
                               ": no such file; expected shape, none, or a volume of labels of "
                               "lungmask (LTRCLobes) or TotalSegmentator");
  }
  const fs::path atlas = bundled_file(kLobeAtlas);
  if (atlas.empty() && word.empty()) return {};
  if (atlas.empty()) {
    fail(ErrorKind::checkpoint, std::string("--lobes shape: there is no ") + kLobeAtlas +
                                    " beside the bundled models; expected the one of this version");
  }
  return {.atlas = std::make_shared<LobeAtlas>(LobeAtlas::read(atlas)), .name = "shape"};
}

}  // namespace groundglass
