#include "groundglass/groundglass.h"

#include <mutex>

#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/segment_in_memory.h"
#include "groundglass/runs/detector_choice.h"
#include "groundglass/runs/lung_choice.h"
#include "groundglass/runs/model_choice.h"
#include "groundglass/runs/segmenter_options.h"

namespace groundglass {
namespace {

Measures measures_of(const CaseSummary& summary) {
  Measures m;
  m.lesion_pixels = summary.lesion_pixels;
  m.lesion_ml = summary.lesion_ml;
  m.lung_ml = summary.lung_ml;
  m.lungs = summary.lungs;
  m.lesion_fraction_of_lung = summary.lesion_fraction_of_lung;
  m.top_slice = summary.top_slice;
  m.typicality = summary.typicality;
  if (const auto& d = summary.detection) {
    m.detector = {d->detector,   d->probability, d->cutoff,
                  d->infected(), d->trusted(),   d->withheld_pixels};
  }
  for (const auto& c : summary.classes) m.classes.push_back({c.label, c.name, c.pixels, c.ml});
  return m;
}

Segmentation segmentation_of(MemoryResult result, const Geometry& geometry) {
  return {{std::move(result.labels), geometry},
          std::move(result.probabilities),
          measures_of(result.summary),
          std::move(result.summary.warnings)};
}

}  // namespace

struct Model::State {
  enum class Input { picture, volume };

  State(TrainedModel trained_model, SegmenterOptions options)
      : trained(std::move(trained_model)), segmenter(std::move(options)) {}

  /// Pictures have no shares, but marks outside lungs, and a detector: as little as an input needs
  /// is loaded.
  void load_what_decides(Input input) {
    if (input == Input::picture && !knows_detector) {
      segmenter.use_detector(xray_detector(detector, trained, {{"image", "image"}}, settings));
      knows_detector = true;
    }
    if (input == Input::volume && !knows_lungs) {
      segmenter.use_lungs(lung_source(lungs, trained, settings, choice));
      knows_lungs = true;
      knows_cut = false;  // one network serves both
    }
    if (knows_cut) return;
    segmenter.keep_near(
        lung_cut(outside_lungs, lungs, segmenter.options().lungs, trained, settings, choice));
    knows_cut = true;
  }

  CaseNames names(const char* input) const {
    return {input, trained.name, trained.recipe.evaluate.class_names};
  }

  TrainedModel trained;
  Segmenter segmenter;
  std::string lungs, outside_lungs, detector;  // as OpenOptions names them
  RunSettings settings;
  RunnerChoice choice;
  bool knows_lungs = false, knows_cut = false, knows_detector = false;
  std::mutex turn;  // the segmenter runs on one thread at a time
};

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

const std::string& Model::name() const {
  return state_->trained.name;
}
const std::string& Model::weights_sha256() const {
  return state_->trained.weights_sha256;
}
const std::string& Model::caution() const {
  return state_->trained.recipe.evaluate.caution;
}
int64_t Model::classes() const {
  return state_->segmenter.classes();
}
std::vector<std::string> Model::class_names() const {
  std::vector<std::string> names;
  for (int64_t label = 1; label <= classes(); ++label) {
    names.push_back(class_name(state_->trained.recipe.evaluate.class_names, label));
  }
  return names;
}
double Model::threshold() const {
  return state_->segmenter.options().threshold;
}

Model open_model(const std::string& model, const OpenOptions& options) {
  RunSettings settings;
  settings.engine = engine_named(options.device, options.precision);
  settings.threads = options.threads;
  RunnerChoice choice;
  choice.plans = options.plans.empty() ? "none" : options.plans.string();
  TrainedModel trained = load_runnable_model(model, {});
  SegmenterOptions how = segmenter_options(trained, settings, choice);
  how.batch_size = 0;  // as many as are handed over
  auto state = std::make_unique<Model::State>(std::move(trained), std::move(how));
  state->lungs = options.lungs;
  state->outside_lungs = options.outside_lungs;
  state->detector = options.detector;
  state->settings = settings;
  state->choice = choice;
  return Model(std::move(state));
}

Segmentation segment(Model& model, const Image& image) {
  const std::lock_guard lock(model.state_->turn);
  set_threads(model.state_->segmenter.options().threads);
  model.state_->load_what_decides(Model::State::Input::picture);
  return segmentation_of(
      segment_in_memory(model.state_->segmenter, image, model.state_->names("image")), {});
}

Segmentation segment(Model& model, const Volume& volume) {
  const std::lock_guard lock(model.state_->turn);
  set_threads(model.state_->segmenter.options().threads);
  model.state_->load_what_decides(Model::State::Input::volume);
  return segmentation_of(
      segment_in_memory(model.state_->segmenter, volume, model.state_->names("volume")),
      volume.geometry);
}

Volume read_study(const std::filesystem::path& path) {
  return read_volume(path);
}

}  // namespace groundglass
