#include "groundglass/pacs/site_segmenter.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/version.h"
#include "groundglass/io/dicom_sr.h"
#include "groundglass/io/dicom_xray.h"
#include "groundglass/predict/predict.h"
#include "groundglass/runs/detector_choice.h"
#include "groundglass/runs/lung_choice.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace fs = std::filesystem;

namespace {

bool takes_xrays(const SeriesRule& rule) {
  return std::any_of(rule.modalities.begin(), rule.modalities.end(),
                     [](const std::string& m) { return m == "CR" || m == "DX"; });
}

/// The files of a folder, by name.
std::vector<fs::path> sorted_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<SpooledObject> objects_of(const PredictSummary& summary) {
  std::vector<SpooledObject> objects;
  for (const auto& c : summary.cases) {
    for (const auto& o : c.objects) objects.push_back({o.file, o.sop_instance, o.sha256});
  }
  return objects;
}

/// Names of files are no matter of the archive.
std::string without_paths(std::string text, const fs::path& path) {
  for (size_t at = 0; (at = text.find(path.string(), at)) != std::string::npos;) {
    text.replace(at, path.string().size(), "series");
  }
  return text;
}

}  // namespace

class SiteSegmenter::Work {
 public:
  Work(const Site& site, const std::string& key, const RunSettings& settings,
       const RunnerChoice& choice)
      : site_(site), key_(key), settings_(settings), choice_(choice) {
    volumes_ =
        loaded(site.options.model.empty() ? kDefaultModel : site.options.model, Lungs::of_volumes);
    // A wrong name is told at once; the bundled one is loaded with the first X-ray.
    if (takes_xrays(site.rule) && !site.options.xray_model.empty()) {
      xrays_ = loaded(site.options.xray_model, Lungs::of_xrays);
    }
  }

  const std::string& model_name() const { return volumes_.pattern.model_name; }

  std::vector<SpooledObject> segment(const QueuedJob& queued, const fs::path& images,
                                     const fs::path& results) {
    const auto files = sorted_files(images);
    if (!files.empty() && is_dicom_xray(files.front())) {
      return segment_xrays(queued, files, results);
    }
    PredictJob job = job_of(queued, volumes_, results);
    job.inputs = {{images, "infection", true}};
    // What the network warns of stands in the objects and in summary.json; a log names no patient.
    return objects_of(predict(*volumes_.segmenter, job));
  }

  std::vector<SpooledObject> explain(const QueuedJob& queued, const fs::path& images,
                                     const fs::path& results, const std::string& problem) {
    return {explained(queued, sorted_files(images), results, "infection",
                      without_paths(problem, images))};
  }

 private:
  enum class Lungs { of_volumes, of_xrays };

  /// A network with what predict needs to know of it.
  struct LoadedModel {
    PredictJob pattern;
    std::unique_ptr<Segmenter> segmenter;
  };

  LoadedModel loaded(const std::string& name, Lungs lungs) {
    const TrainedModel trained = load_runnable_model(name, settings_.overrides);
    LoadedModel model;
    model.pattern.dicom = parse_dicom_outputs(site_.options.objects);
    if (!model.pattern.dicom.any()) {
      fail(ErrorKind::usage, site_.file.string() +
                                 ": [site] objects is empty, expected seg, sr, sc "
                                 "or pdf, with commas between");
    }
    model.pattern.dicom.capture_as = site_.options.capture;
    model.pattern.model_name = trained.name;
    model.pattern.weights_sha256 = trained.weights_sha256;
    model.pattern.class_names = trained.recipe.evaluate.class_names;
    model.pattern.caution = trained.recipe.evaluate.caution;
    SegmenterOptions options = segmenter_options(trained, settings_, choice_);
    options.batch_size = 0;
    if (lungs == Lungs::of_xrays) {
      options.xray_lungs = xray_lung_source(site_.options.lungs == "none" ? "none" : "", trained,
                                            {{"x", "x"}}, settings_, choice_);
      options.detector = xray_detector(site_.options.detector, trained, {{"x", "x"}}, settings_);
      model.pattern.caution = with_caution_of(options.detector.get(), model.pattern.caution);
    } else {
      options.lungs = lung_source(site_.options.lungs, trained, settings_, choice_);
      options.near_lungs =
          lung_cut({}, site_.options.lungs, options.lungs, trained, settings_, choice_);
    }
    model.segmenter = std::make_unique<Segmenter>(std::move(options));
    return model;
  }

  LoadedModel& xray_model() {
    if (xrays_.segmenter) return xrays_;
    if (bundled_model(kXrayModel).empty()) {
      fail(ErrorKind::data, std::string("X-rays are not segmented: the model ") + kXrayModel +
                                " is not installed, and the site names no other (xray_model)");
    }
    xrays_ = loaded(kXrayModel, Lungs::of_xrays);
    return xrays_;
  }

  /// Each X-ray of a series by itself; of what cannot be segmented (a lateral view) a report says
  /// why. Throws Error(data) if there is none to segment.
  std::vector<SpooledObject> segment_xrays(const QueuedJob& queued,
                                           const std::vector<fs::path>& files,
                                           const fs::path& results) {
    LoadedModel& model = xray_model();
    PredictJob job = job_of(queued, model, results);
    std::vector<std::pair<size_t, std::string>> problems;
    const auto stem = [&](size_t i) {
      return files.size() == 1 ? "infection" : "infection_" + std::to_string(i + 1);
    };
    for (size_t i = 0; i < files.size(); ++i) {
      try {
        read_dicom_xray(files[i]);
        job.inputs.push_back({files[i], stem(i), false});
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::data) throw;
        problems.emplace_back(i, without_paths(e.what(), files[i]));
      }
    }
    if (job.inputs.empty()) fail(ErrorKind::data, problems.front().second);
    auto objects = objects_of(predict(*model.segmenter, job));
    for (const auto& [i, problem] : problems) {
      objects.push_back(explained(queued, {files[i]}, results, stem(i), problem));
    }
    return objects;
  }

  SpooledObject explained(const QueuedJob& queued, const std::vector<fs::path>& files,
                          const fs::path& results, const std::string& stem,
                          const std::string& problem) {
    const DicomSource source(files);
    const bool xray = source.is_projection() && xrays_.segmenter;
    MeasurementReport report;
    report.remarks = {{own_code("intended-use", "Intended use"), kNotAMedicalDevice},
                      {own_code("not-segmented", "Not segmented"), with_short_uids(problem)}};
    const auto maker = job_of(queued, xray ? xrays_ : volumes_, results).dicom.maker;
    const auto file = dicom_report(source, DicomObject{}, report, maker);
    const DicomObject object = save_object(file, "sr", results, stem + "_sr.dcm");
    return {object.file, object.sop_instance, object.sha256};
  }

  /// The date is the job's, not the attempt's: an object that is made again is the same.
  PredictJob job_of(const QueuedJob& queued, const LoadedModel& model, const fs::path& results) {
    PredictJob job = model.pattern;
    job.output = results;
    name_maker(job, *model.segmenter);
    job.dicom.maker.site_key = key_;
    job.dicom.maker.date = queued.date;
    job.dicom.maker.time = queued.time;
    return job;
  }

  const Site& site_;
  std::string key_;
  RunSettings settings_;
  RunnerChoice choice_;
  LoadedModel volumes_, xrays_;
};

SiteSegmenter::SiteSegmenter(const Site& site, const std::string& key, const RunSettings& settings,
                             const RunnerChoice& choice)
    : work_(std::make_unique<Work>(site, key, settings, choice)) {}

SiteSegmenter::~SiteSegmenter() = default;

const std::string& SiteSegmenter::model_name() const {
  return work_->model_name();
}

SiteActions SiteSegmenter::actions() {
  return {
      [this](const QueuedJob& job, const fs::path& images, const fs::path& results) {
        return work_->segment(job, images, results);
      },
      [this](const QueuedJob& job, const fs::path& images, const fs::path& results,
             const std::string& problem) { return work_->explain(job, images, results, problem); }};
}

}  // namespace groundglass
