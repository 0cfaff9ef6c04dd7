#include "groundglass/runs/lung_choice.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/lobe_atlas.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr const char* kLobeAtlas = "ct_lobes.atlas";

constexpr const char* kXrayLungModels = "xray_lungs_";
const LungSource kNoLungs = {.from = LungsFrom::none, .name = "none"};

/// A network that finds lungs; none where it is `trained` itself and nobody named it.
LungSource network_of_lungs(const std::string& word, const char* otherwise,
                            const TrainedModel& trained, const RunSettings& settings,
                            RunnerChoice choice) {
  if (!word.empty() && !fs::exists(word) && bundled_model(word).empty()) {
    fail(ErrorKind::usage, "--lungs " + in_quotes(word) +
                               ": no such file, run folder or bundled model; expected threshold, "
                               "none, a volume of class numbers, or a model such as " +
                               otherwise);
  }
  TrainedModel lungs = load_runnable_model(word.empty() ? otherwise : word, {});
  if (word.empty() && lungs.weights_sha256 == trained.weights_sha256) return kNoLungs;
  choice.int8 = false;  // its ranges are those of the other network
  SegmenterOptions options = segmenter_options(lungs, settings, choice);
  options.batch_size = 0;
  return {.from = LungsFrom::network,
          .name = lungs.name,
          .network = std::make_shared<Segmenter>(std::move(options)),
          .weights_sha256 = lungs.weights_sha256};
}

LungSource lungs_alone(const std::string& word, const TrainedModel& trained,
                       const RunSettings& settings, RunnerChoice choice) {
  if (word == "threshold") return {};
  if (word == "none") return kNoLungs;
  if (fs::is_regular_file(word) && is_volume_name(word)) {
    return {.from = LungsFrom::file, .name = word, .file = word};
  }
  if (word.empty() && bundled_model(kLungModel).empty()) return {};
  return network_of_lungs(word, kLungModel, trained, settings, choice);
}

/// Whether it is one of the bundled models of CT infection.
bool outlines_lesions_of_ct(const TrainedModel& trained) {
  for (const char* name : {kDefaultModel, "attention_unet_ct"}) {
    const fs::path bundled = bundled_model(name);
    std::error_code ignored;
    if (!bundled.empty() && fs::equivalent(bundled, trained.path, ignored)) return true;
  }
  return false;
}

/// Whether something says that pictures are chest X-rays.
bool are_xrays(const std::string& word, const TrainedModel& trained,
               const std::vector<PredictInput>& pictures) {
  if (pictures.empty()) return false;
  const auto is = [&](auto what) { return std::all_of(pictures.begin(), pictures.end(), what); };
  if (!is([](const PredictInput& p) { return !p.volume; })) return false;
  if (trained.name == kXrayModel || word.starts_with(kXrayLungModels)) return true;
  return is([](const PredictInput& p) { return !is_picture_name(p.path); });
}

}  // namespace

LungSource xray_lung_source(const std::string& word, const TrainedModel& trained,
                            const std::vector<PredictInput>& pictures, const RunSettings& settings,
                            RunnerChoice choice) {
  const bool picture = fs::is_regular_file(word) && is_picture_name(word);
  if (!are_xrays(word, trained, pictures)) {
    if (!picture) return kNoLungs;
    fail(ErrorKind::usage, "--lungs " + word +
                               ": is a picture, expected lungs of a chest X-ray, but nothing says "
                               "that the input is one (DICOM of CR or DX, or --model " +
                               kXrayModel + ")");
  }
  if (word == "none" || word == "threshold") return kNoLungs;
  if (picture) return {.from = LungsFrom::file, .name = word, .file = word};
  if (fs::is_regular_file(word) && is_volume_name(word)) {
    fail(ErrorKind::usage, "--lungs " + word +
                               ": is a volume, expected a picture of the lungs of the X-ray, a "
                               "model such as " +
                               kXrayLungModel + ", or none");
  }
  // what a lung network marks is no infection
  if (word.empty() && trained.name.starts_with(kXrayLungModels)) return kNoLungs;
  if (word.empty() && bundled_model(kXrayLungModel).empty()) return kNoLungs;
  return network_of_lungs(word, kXrayLungModel, trained, settings, choice);
}

LungCut lung_cut(const std::string& word, const std::string& lungs_word, const LungSource& lungs,
                 const TrainedModel& trained, const RunSettings& settings, RunnerChoice choice) {
  if (!word.empty() && word != "drop" && word != "keep") {
    fail(ErrorKind::usage, "--outside-lungs " + in_quotes(word) + ": expected drop or keep");
  }
  if (word == "keep" || (word.empty() && !outlines_lesions_of_ct(trained))) return {};
  LungSource finder = lungs;
  if (!finder.network && lungs_word.empty() && !bundled_model(kLungModel).empty()) {
    finder = network_of_lungs("", kLungModel, trained, settings, choice);
  }
  if (finder.network) return {finder.network, finder.name, finder.weights_sha256};
  if (word.empty()) return {};
  fail(ErrorKind::usage, "--outside-lungs drop: no network finds the lungs (--lungs " +
                             in_quotes(lungs_word) + "); expected a lung model such as " +
                             kLungModel);
}

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
