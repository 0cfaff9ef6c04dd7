#include "groundglass/annotate/final_masks.h"
#include "groundglass/annotate/propose_round.h"
#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/runs/fine_tuning.h"
#include "groundglass/serve/version_files.h"
#include "groundglass/serve/work.h"

namespace groundglass {
namespace {

/// Counts epochs in place of the steps within each.
class EpochCounter final : public Observer {
 public:
  EpochCounter(const Work& work, int64_t epochs) : work_(work), epochs_(epochs) {}
  void on(const Progress& e) override {
    if (e.what != "steps") return work_.observer.on(e);
    if (told_) return;
    told_ = true;
    work_.observer.on(Progress{"epochs", 0, epochs_, ""});
  }
  void on(const Warning& e) override { work_.observer.on(e); }
  void on(const Note& e) override { work_.observer.on(e); }
  void on(const EpochDone& e) override {
    told_ = true;
    work_.observer.on(Progress{"epochs", e.epoch, e.epochs, ""});
  }

 private:
  const Work& work_;
  int64_t epochs_;
  bool told_ = false;
};

/// Images that somebody has corrected; each study counts as a patient.
void take_corrected(const nlohmann::ordered_json& cases, FineTuning& job) {
  job.dataset.source = "studies of a workspace";
  job.dataset.layout = DatasetLayout::corrected_studies;
  job.dataset.mask_column = "mask";
  int64_t classes = 0;
  for (const auto& one : cases) {
    const OrderedImage image = ordered_image(one.at("image"));
    const auto names = class_names_of(read_measures(one.at("network_stem")));
    if (classes != 0 && classes != static_cast<int64_t>(names.size())) {
      fail(ErrorKind::data,
           "the masks tell different numbers of classes apart; train on studies of one model at a "
           "time");
    }
    classes = static_cast<int64_t>(names.size());
    const std::string study = one.at("study");
    job.dataset.rows.push_back({study + "_" + std::to_string(image.number), study, study, "", "",
                                image.path, one.at("mask").get<std::string>()});
  }
  if (classes > 1) {
    job.data.labels = MaskLabels::classes;
    job.data.classes = classes + 1;
  }
}

}  // namespace

void do_train(const Work& work) {
  FineTuning job;
  job.model = work.text("model");
  job.run = work.text("run_folder");
  job.epochs = work.order.at("epochs");
  job.settings = work.settings;
  if (const std::string project = work.text("project"); !project.empty()) {
    AnnotationStore store(project);
    job.dataset = masked_cases(store);
    job.data = store.notes().data;
  } else {
    take_corrected(work.order.at("cases"), job);
  }
  EpochCounter counter(work, job.epochs);
  fine_tune(job, counter);
}

void do_propose(const Work& work) {
  AnnotationStore store(work.text("project"));
  ProposeJob job;
  job.models = work.order.at("models").get<std::vector<std::string>>();
  job.stage = work.order.at("stage");
  job.restart = work.order.at("restart");
  job.settings = work.settings;
  propose_round(store, job, work.observer);
}

}  // namespace groundglass
