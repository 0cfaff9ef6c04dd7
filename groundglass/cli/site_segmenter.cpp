#include "groundglass/cli/site_segmenter.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/version.h"
#include "groundglass/io/dicom_sr.h"
#include "groundglass/predict/predict.h"
#include "groundglass/runs/lung_choice.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace fs = std::filesystem;

class SiteSegmenter::Work {
 public:
  Work(const Site& site, const std::string& key, const RunnerFlags& runner, const Context& context)
      : key_(key) {
    const TrainedModel trained = load_runnable_model(
        site.options.model.empty() ? kDefaultModel : site.options.model, context.overrides);
    pattern_.dicom = parse_dicom_outputs(site.options.objects);
    if (!pattern_.dicom.any()) {
      fail(ErrorKind::usage, site.file.string() +
                                 ": [site] objects is empty, expected seg, sr, sc "
                                 "or pdf, with commas between");
    }
    pattern_.model_name = trained.name;
    pattern_.weights_sha256 = trained.weights_sha256;
    pattern_.class_names = trained.recipe.evaluate.class_names;
    pattern_.caution = trained.recipe.evaluate.caution;
    SegmenterOptions options = segmenter_options(trained, runner, context);
    options.batch_size = 0;
    options.lungs = lung_source(site.options.lungs, trained, settings_of_runner(context),
                                runner_choice(runner, context));
    segmenter_ = std::make_unique<Segmenter>(std::move(options));
  }

  const std::string& model_name() const { return pattern_.model_name; }

  std::vector<SpooledObject> segment(const QueuedJob& queued, const fs::path& images,
                                     const fs::path& results) {
    PredictJob job = pattern_;
    job.inputs = {{images, "infection", true}};
    job.output = results;
    job.dicom.maker = maker_of(queued);
    // What the network warns of stands in the objects and in summary.json; a log names no patient.
    const PredictSummary summary = predict(*segmenter_, job);
    std::vector<SpooledObject> objects;
    for (const auto& c : summary.cases) {
      for (const auto& o : c.objects) objects.push_back({o.file, o.sop_instance, o.sha256});
    }
    return objects;
  }

  std::vector<SpooledObject> explain(const QueuedJob& queued, const fs::path& images,
                                     const fs::path& results, const std::string& problem) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(images)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    const DicomSource source(files);
    std::string said = with_short_uids(problem);
    for (size_t at = 0; (at = said.find(images.string(), at)) != std::string::npos;) {
      said.replace(at, images.string().size(), "series");
    }
    MeasurementReport report;
    report.remarks = {{own_code("intended-use", "Intended use"), kNotAMedicalDevice},
                      {own_code("not-segmented", "Not segmented"), said}};
    const auto file = dicom_report(source, DicomObject{}, report, maker_of(queued));
    const DicomObject object = save_object(file, "sr", results, "infection_sr.dcm");
    return {{object.file, object.sop_instance, object.sha256}};
  }

 private:
  /// The date is the job's, not the attempt's: an object that is made again is the same.
  DicomMaker maker_of(const QueuedJob& queued) {
    PredictJob job = pattern_;
    name_maker(job, *segmenter_);
    job.dicom.maker.site_key = key_;
    job.dicom.maker.date = queued.date;
    job.dicom.maker.time = queued.time;
    return job.dicom.maker;
  }

  std::string key_;
  PredictJob pattern_;
  std::unique_ptr<Segmenter> segmenter_;
};

SiteSegmenter::SiteSegmenter(const Site& site, const std::string& key, const RunnerFlags& runner,
                             const Context& context)
    : work_(std::make_unique<Work>(site, key, runner, context)) {}

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
