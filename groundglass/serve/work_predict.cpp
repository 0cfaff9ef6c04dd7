#include <fcntl.h>
#include <unistd.h>

#include <map>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/io/nifti.h"
#include "groundglass/predict/predict.h"
#include "groundglass/runs/detector_choice.h"
#include "groundglass/runs/lung_choice.h"
#include "groundglass/runs/modality_choice.h"
#include "groundglass/runs/model_choice.h"
#include "groundglass/serve/version_files.h"
#include "groundglass/serve/work.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

/// The mask of a volume while it is being segmented, as a NIfTI file in which slice after slice
/// becomes what the network says. Of volumes whose slices are axial as stored.
class GrowingMask {
 public:
  explicit GrowingMask(const Work& work) : work_(work), path_(work.folder() / "partial.nii") {}
  ~GrowingMask() {
    if (handle_ >= 0) close(handle_);
  }
  GrowingMask(const GrowingMask&) = delete;
  GrowingMask& operator=(const GrowingMask&) = delete;

  void take(const PredictInput& input, const AxialSource& volume, int64_t k,
            const torch::Tensor& labels) {
    if (!volume.streams()) return;
    if (k == 0) begin(input, volume);
    const auto stored = volume.view().undo_on_slice(labels).contiguous();
    const auto bytes = static_cast<size_t>(stored.numel());
    if (handle_ < 0 || pwrite(handle_, stored.data_ptr<uint8_t>(), bytes,
                              kHeader + k * stored.numel()) != static_cast<ssize_t>(bytes)) {
      return;  // a preview is worth no failure
    }
    const double now = now_s();
    if (now - told_s_ < 0.5) return;
    told_s_ = now;
    work_.tell({{"partial", {{"image", image_}, {"slices", k + 1}}}});
  }

 private:
  static constexpr off_t kHeader = 352;  // of NiftiWriter's files

  void begin(const PredictInput& input, const AxialSource& volume) {
    image_ = std::stoll(input.stem.substr(input.stem.find('_') + 1));
    if (handle_ >= 0) close(handle_);
    const auto& info = volume.info();
    LabelVolumeWriter writer(path_, {info.depth, info.height, info.width}, info.geometry);
    const auto empty = torch::zeros({info.height, info.width}, torch::kUInt8);
    for (int64_t slice = 0; slice < info.depth; ++slice) writer.write_slice(empty);
    writer.commit();
    handle_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    told_s_ = 0;
  }

  const Work& work_;
  fs::path path_;
  int64_t image_ = 1;
  int handle_ = -1;
  double told_s_ = 0;
};

std::vector<OrderedImage> ordered_images(const Work& work) {
  std::vector<OrderedImage> images;
  for (const auto& image : work.order.at("images")) images.push_back(ordered_image(image));
  if (images.empty()) fail(ErrorKind::data, "the study holds no image that can be segmented");
  return images;
}

PredictInput input_of(const OrderedImage& image) {
  return {image.path, "image_" + std::to_string(image.number), image.volume};
}

std::string model_of(const Work& work, const std::vector<OrderedImage>& images) {
  const std::string named = work.text("model");
  if (!named.empty()) return named;
  std::vector<ChosenInput> chosen;
  for (const auto& image : images) chosen.push_back({input_of(image), {}, {}});
  const ModalityChoice by_modality = choose_by_modality(chosen);
  work.observer.on(Note{"model " + by_modality.model + ": " + by_modality.why});
  return by_modality.model;
}

/// What VersionDetail says of the model, out of summary.json.
ordered_json model_view(const ordered_json& summary, const PredictJob& job, int64_t classes) {
  return {{"name", summary["model"]},
          {"weights_sha256", summary["weights_sha256"]},
          {"program", summary.value("version", "")},
          {"caution", job.caution},
          {"threshold", summary["threshold"]},
          {"temperature", summary["temperature"]},
          {"calibrated_threshold", summary["calibrated_threshold"]},
          {"classes", class_names(job.class_names, classes)}};
}

int64_t lung_classes_of(const LungSource& lungs) {
  return lungs.network ? lungs.network->classes() : 0;
}

/// Tells of each image that has a mask: at once, and again when its lesions are known.
void tell_versions(const Work& work, const PredictJob& job, const Segmenter& segmenter,
                   const std::vector<OrderedImage>& images) {
  const fs::path path = job.output / "summary.json";
  const auto summary = ordered_json::parse(read_file(path));
  std::map<std::string, const OrderedImage*> image_of_mask;
  for (const auto& image : images) image_of_mask[mask_name(input_of(image))] = &image;
  std::vector<std::pair<const OrderedImage*, VersionMeasures>> found;
  for (const auto& one : summary["cases"]) {
    const OrderedImage* image = image_of_mask.at(one["output"]);
    const auto& options = segmenter.options();
    VersionMeasures measures = {
        model_view(summary, job, segmenter.classes()), case_summary_of(one),
        options.preprocess.units,
        lung_classes_of(image->volume ? options.lungs : options.xray_lungs)};
    write_measures((job.output / input_of(*image).stem).string(), measures);
    found.emplace_back(image, std::move(measures));
  }
  const auto tell = [&](const OrderedImage& image, const char* state) {
    work.result(
        {{"version", {{"image", image.number}, {"state", state}, {"author", summary["model"]}}}});
  };
  for (const auto& [image, measures] : found) tell(*image, "measuring");
  for (const auto& [image, measures] : found) {
    write_measures_with_lesions((job.output / input_of(*image).stem).string(), measures, *image);
    tell(*image, "ready");
  }
}

}  // namespace

void do_predict(const Work& work) {
  const auto images = ordered_images(work);
  PredictJob job;
  for (const auto& image : images) job.inputs.push_back(input_of(image));
  job.output = work.text("output");
  make_folder(job.output);
  job.save_probabilities = job.overlay = job.save_lungs = job.class_numbers = true;
  const TrainedModel trained = load_runnable_model(model_of(work, images), {});
  job.model_name = trained.name;
  job.weights_sha256 = trained.weights_sha256;
  job.class_names = trained.recipe.evaluate.class_names;
  job.caution = trained.recipe.evaluate.caution;
  warn_of(trained, work.observer);
  SegmenterOptions options = segmenter_options(trained, work.settings);
  if (work.order.contains("threshold")) {
    if (foreground_classes(trained.model->out_channels()) > 1) {
      fail(ErrorKind::usage, "threshold: " + trained.name +
                                 " tells several classes apart, of which the likeliest wins; no "
                                 "threshold applies");
    }
    options.threshold = work.order["threshold"];
  }
  options.batch_size = 0;  // what the job's pace hands over
  const bool volumes =
      std::any_of(images.begin(), images.end(), [](const OrderedImage& i) { return i.volume; });
  if (volumes) options.lungs = lung_source(work.text("lungs"), trained, work.settings);
  options.xray_lungs = xray_lung_source(work.text("lungs"), trained, job.inputs, work.settings);
  if (options.xray_lungs.from == LungsFrom::none) {
    options.near_lungs = lung_cut({}, work.text("lungs"), options.lungs, trained, work.settings);
  }
  options.detector = xray_detector(work.text("detector"), trained, job.inputs, work.settings);
  warn_of(options.detector.get(), work.observer);
  job.caution = with_caution_of(options.detector.get(), job.caution);
  Segmenter segmenter(std::move(options));
  GrowingMask growing(work);
  job.watch = [&](const PredictInput& input, const AxialSource& volume, int64_t k,
                  const torch::Tensor& labels) { growing.take(input, volume, k, labels); };
  name_maker(job, segmenter);
  try {
    predict(segmenter, job, work.observer);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::data && fs::exists(job.output / "summary.json")) {
      tell_versions(work, job, segmenter, images);  // of the others
    }
    throw;
  }
  tell_versions(work, job, segmenter, images);
}

}  // namespace groundglass
