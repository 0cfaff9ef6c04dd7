#include "groundglass/predict/predict.h"

#include <chrono>
#include <mutex>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/data/problems.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/journal.h"
#include "groundglass/predict/volume_case.h"
#include "groundglass/predict/xray_detector.h"

namespace groundglass {
namespace {

/// Some pictures on their way through the network together.
struct PictureBatch {
  std::vector<const PredictInput*> inputs;
  std::vector<Image> images;
};

class Run {
 public:
  Run(Segmenter& segmenter, const PredictJob& job, Observer& observer)
      : segmenter_(segmenter),
        job_(job),
        observer_(observer),
        inputs_(inputs_of(job.part, job.inputs)),
        pace_(segmenter, {job.batch, job.memory_limit}, observer),
        journal_(job, segmenter) {}

  PredictSummary run() {
    const auto begin = std::chrono::steady_clock::now();
    try {
      segment_all();
    } catch (const Stopped&) {
      throw;  // the same call goes on, and writes the summary then
    } catch (const std::exception& e) {
      give_up(e.what());
      conclude(begin);
      throw;
    }
    conclude(begin);
    if (summary_.failed.empty()) journal_.remove();
    if (job_.part != Part{}) summary_.waiting_for = join_parts(job_.part, job_.output);
    problems_.refuse(std::to_string(summary_.cases.size()) + " of " +
                     std::to_string(inputs_.size()) + " inputs were segmented; of the others");
    return std::move(summary_);
  }

 private:
  void segment_all() {
    std::vector<const PredictInput*> waiting;
    for (const auto& input : inputs_) {
      if (auto known = journal_.finished(input)) {
        summary_.cases.push_back(std::move(*known));
        ++summary_.reused;
      } else if (!input.volume) {
        if (waiting.empty()) batch_ = pace_.next(input.path, picture_);
        waiting.push_back(&input);
        if (static_cast<int64_t>(waiting.size()) == batch_) pictures(waiting);
      } else {
        pictures(waiting);
        volume(input);
      }
    }
    pictures(waiting);
  }

  /// Writes the summary of what was done and what failed.
  void conclude(std::chrono::steady_clock::time_point begin) {
    std::sort(summary_.cases.begin(), summary_.cases.end(),
              [](auto& a, auto& b) { return a.output < b.output; });
    std::sort(summary_.failed.begin(), summary_.failed.end(),
              [](auto& a, auto& b) { return a.input < b.input; });
    summary_.forward_s = segmenter_.forward_s();
    summary_.memory_bound_mib = pace_.bound_mib();
    summary_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    write_file(job_.output / file_of_part(job_.part, "summary", ".json"),
               summary_json(summary_, job_, segmenter_));
  }

  void failed(const PredictInput& input, const std::string& problem) {
    problems_.add(problem);
    const std::lock_guard lock(failing_);
    summary_.failed.push_back({input.path.string(), problem});
  }

  /// What ends the whole call keeps all inputs that are not done from being done.
  void give_up(const std::string& reason) {
    std::set<std::string> told;
    for (const auto& c : summary_.cases) told.insert(c.input);
    for (const auto& f : summary_.failed) told.insert(f.input);
    const std::string line = reason.substr(0, reason.find('\n'));
    for (const auto& input : inputs_) {
      if (told.count(input.path.string()) == 0) {
        summary_.failed.push_back({input.path.string(), "not done: " + line});
      }
    }
  }

  void stop_if_asked() const {
    if (stop_signal() != 0)
      throw Stopped(stop_signal(), "stopped; the same call goes on from here");
  }

  void finish(const PredictInput& input, CaseSummary summary) {
    for (const auto& text : segmenter_.runner().take_warnings()) observer_.on(Warning{text});
    for (const auto& text : summary.warnings) observer_.on(Warning{text});
    journal_.add(input, summary);
    summary_.cases.push_back(std::move(summary));
    observer_.on(Progress{"inputs", static_cast<int64_t>(summary_.cases.size()),
                          static_cast<int64_t>(inputs_.size()), ""});
  }

  void volume(const PredictInput& input) {
    stop_if_asked();
    try {
      check_names_fit(job_, input, segmenter_.classes());
      finish(input, predict_volume(segmenter_, job_, input, pace_, observer_));
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::data) throw;
      failed(input, e.what());
    }
  }

  /// Segments the waiting pictures as one batch and empties the list.
  void pictures(std::vector<const PredictInput*>& waiting) {
    if (waiting.empty()) return;
    stop_if_asked();
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::optional<Image>> read(waiting.size());
    parallel_for_each(static_cast<int64_t>(waiting.size()), segmenter_.threads(), [&](int64_t i) {
      const auto at = static_cast<size_t>(i);
      try {
        check_names_fit(job_, *waiting[at], segmenter_.classes());
        read[at] = read_picture(waiting[at]->path);
      } catch (const Error& e) {
        failed(*waiting[at], e.what());
      }
    });
    PictureBatch batch;
    for (size_t i = 0; i < read.size(); ++i) {
      if (!read[i]) continue;
      batch.inputs.push_back(waiting[i]);
      batch.images.push_back(std::move(*read[i]));
      take_size(*waiting[i], batch.images.back());
    }
    const auto taken = static_cast<int64_t>(waiting.size());
    waiting.clear();
    auto results = segmenter_.segment(batch.images);
    segmenter_.ask_detector(batch.images, results);
    segmenter_.find_xray_lungs(batch.images, results);
    std::vector<std::optional<CaseSummary>> summaries(results.size());
    parallel_for_each(static_cast<int64_t>(results.size()), segmenter_.threads(), [&](int64_t i) {
      const auto at = static_cast<size_t>(i);
      try {
        summaries[at] = write_picture(*batch.inputs[at], batch.images[at], results[at]);
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::data) throw;
        failed(*batch.inputs[at], e.what());
      }
    });
    for (size_t i = 0; i < summaries.size(); ++i) {
      if (summaries[i]) finish(*batch.inputs[i], std::move(*summaries[i]));
    }
    const auto now = std::chrono::steady_clock::now();
    pace_.took(taken, std::chrono::duration<double>(now - start).count());
  }

  /// A picture larger than all before it needs more memory; its size is known once it is read.
  void take_size(const PredictInput& input, const Image& image) {
    const auto need = need_of_pictures(image.pixels.size(1), image.pixels.size(2), segmenter_,
                                       {job_.save_probabilities, job_.overlay,
                                        /*lungs=*/false, job_.dicom.any()});
    if (need.of(1) <= picture_.of(1)) return;
    picture_ = need;
    pace_.next(input.path, picture_);
  }

  CaseSummary write_picture(const PredictInput& input, const Image& image,
                            const SliceResult& result) const {
    CaseWriter writer(job_, segmenter_, input, image);
    writer.take(image, result);
    return writer.finish();
  }

  Segmenter& segmenter_;
  const PredictJob& job_;
  Observer& observer_;
  std::vector<PredictInput> inputs_;  // of this part
  Pace pace_;
  MemoryNeed picture_;  // of the largest picture so far
  int64_t batch_ = 1;   // pictures that are waited for
  PredictJournal journal_;
  Problems problems_;
  std::mutex failing_;
  PredictSummary summary_;
};

}  // namespace

namespace {

/// What happens to marks outside the lungs, and whose lungs decide.
nlohmann::ordered_json outside_lungs_json(const LungCut& cut) {
  if (!cut.any()) return {{"marks", "kept"}};
  return {{"marks", "left out"},
          {"lungs", cut.name},
          {"weights_sha256", cut.weights_sha256},
          {"margin", cut.margin}};
}

}  // namespace

PredictSummary predict(Segmenter& segmenter, const PredictJob& job, Observer& observer) {
  check_outputs_differ(job.inputs, "_mask", file_names_in(job.output));
  return Run(segmenter, job, observer).run();
}

void name_maker(PredictJob& job, const Segmenter& segmenter) {
  DicomMaker& maker = job.dicom.maker;
  maker.model = job.model_name;
  maker.weights_sha256 = job.weights_sha256;
  maker.caution = job.caution;
  maker.options = maker_options(
      segmenter.classes() > 1 ? std::nullopt : std::optional(segmenter.options().threshold),
      segmenter.runner().precision(), segmenter.options().near_lungs.name,
      segmenter.options().detector ? segmenter.options().detector->options().name : "");
  set_to_now(maker);
}

std::string summary_json(const PredictSummary& summary, const PredictJob& job,
                         const Segmenter& segmenter) {
  auto cases = nlohmann::ordered_json::array();
  for (const auto& c : summary.cases) {
    cases.push_back(case_json(c));
  }
  auto failed = nlohmann::ordered_json::array();
  for (const auto& f : summary.failed) {
    failed.push_back({{"input", f.input}, {"problem", f.problem}});
  }
  auto left_out = nlohmann::ordered_json::array();
  for (const auto& l : job.left_out) {
    left_out.push_back({{"input", l.path.string()}, {"why", l.why}});
  }
  const auto& options = segmenter.options();
  const auto of_one_class = [&](double threshold) {  // of several the likeliest wins
    return segmenter.classes() > 1 ? nlohmann::ordered_json(nullptr)
                                   : nlohmann::ordered_json(threshold);
  };
  const auto weights_of = [](const LungSource& lungs) {
    return lungs.network ? nlohmann::ordered_json(lungs.weights_sha256)
                         : nlohmann::ordered_json(nullptr);
  };
  nlohmann::ordered_json document = {
      {"model", job.model_name},
      {"weights_sha256", job.weights_sha256},
      {"threshold", of_one_class(options.threshold)},
      {"temperature", options.temperature},
      {"calibrated_threshold",
       of_one_class(at_temperature(options.threshold, options.temperature))},
      {"lungs", {{"source", options.lungs.name}, {"weights_sha256", weights_of(options.lungs)}}},
      {"xray_lungs",
       {{"source", options.xray_lungs.name}, {"weights_sha256", weights_of(options.xray_lungs)}}},
      {"outside_lungs", outside_lungs_json(options.near_lungs)},
      {"detector", options.detector ? detector_json(*options.detector) : nlohmann::ordered_json()},
      {"precision", segmenter.runner().precision()},
      {"engine", segmenter.runner().engine()},
      {"cases", cases},
      {"failed", failed},
      {"left_out", left_out},
      {"seconds", summary.seconds},
      {"forward_seconds", summary.forward_s},
      {"peak_rss_mib", peak_rss_mib()},
      {"memory_bound_mib", summary.memory_bound_mib > 0
                               ? nlohmann::ordered_json(summary.memory_bound_mib)
                               : nlohmann::ordered_json(nullptr)},
      {"version", version()},
      {"commit", commit()},
      {"note", kNotAMedicalDevice}};
  if (!job.caution.empty()) document["caution"] = job.caution;
  if (job.part != Part{}) document["part"] = {job.part.index, job.part.count};
  return json_text(document, 1) + "\n";
}

}  // namespace groundglass
