#include <algorithm>
#include <iostream>

#include "groundglass/cli/runner_flags.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/predict/input_choice.h"
#include "groundglass/predict/predict.h"
#include "groundglass/runs/detector_choice.h"
#include "groundglass/runs/lung_choice.h"
#include "groundglass/runs/modality_choice.h"
#include "groundglass/runs/model_choice.h"

namespace groundglass {
namespace {

struct PredictArguments {
  std::string input, output, model, part, dicom, lungs, lobes, outside_lungs, detector;
  CaptureAs capture = CaptureAs::frames;
  RunnerFlags runner;
  double threshold = -1, temperature = -1, split_hu = kSplitHu;
  int64_t batch = 0, memory_mib = 0;
  bool save_probabilities = false, overlay = false, save_lungs = false, save_lobes = false,
       classes = false;
};

/// Of several classes the likeliest wins: a threshold would change nothing.
void check_threshold(const PredictArguments& a, const TrainedModel& trained) {
  const int64_t classes = foreground_classes(trained.model->out_channels());
  if (a.threshold < 0 || classes == 1) return;
  fail(ErrorKind::usage, "--threshold: " + trained.name + " tells " + std::to_string(classes) +
                             " classes apart, of which the likeliest wins; no threshold applies");
}

/// Those of volumes: nothing is loaded for pictures.
LungSource lungs_of(const PredictArguments& a, const TrainedModel& trained,
                    const std::vector<ChosenInput>& inputs, const Context& context,
                    const LungSource& xray_lungs) {
  const bool of_xrays = xray_lungs.from != LungsFrom::none;
  const bool volumes = std::any_of(inputs.begin(), inputs.end(),
                                   [](const ChosenInput& c) { return c.input.volume; });
  if (a.lobes.empty() && !volumes && (a.lungs.empty() || of_xrays)) return {};
  LungSource lungs =
      lung_source(a.lungs, trained, settings_of_runner(context), runner_choice(a.runner, context));
  if (!a.lobes.empty()) lungs.lobes = lobe_source(a.lobes);
  const auto check_is_alone = [&](const std::string& what, const std::string& instead) {
    if (inputs.size() == 1 && volumes) return;
    fail(ErrorKind::usage, what + " is for one volume, but " + a.input + " holds " +
                               std::to_string(inputs.size()) + " inputs; " + instead);
  };
  if (lungs.from == LungsFrom::file) {
    check_is_alone("--lungs " + a.lungs + ": a file of lungs", "name a model, threshold or none");
  }
  if (!lungs.lobes.file.empty()) {
    check_is_alone("--lobes " + a.lobes + ": a file of lobes", "name shape or none");
  }
  if (a.save_lobes && lungs.lobes.atlas == nullptr) {
    fail(ErrorKind::usage,
         "--save-lobes: lobes are saved where the atlas finds them, but --lobes is " +
             in_quotes(lungs.lobes.name) + "; expected shape");
  }
  return lungs;
}

void run_predict(const PredictArguments& a, const Context& context) {
  const auto observer = console_observer(context);
  PredictJob job;
  const auto chosen = choose_inputs(a.input);
  for (const auto& one : chosen.inputs) job.inputs.push_back(one.input);
  job.left_out = chosen.left_out;
  tell_left_out(job.left_out, *observer);
  job.output = a.output;
  job.part = parse_part(a.part);
  job.batch = a.batch;
  job.memory_limit = a.memory_mib << 20;
  job.save_probabilities = a.save_probabilities;
  job.overlay = a.overlay;
  job.save_lungs = a.save_lungs;
  job.save_lobes = a.save_lobes;
  job.class_numbers = a.classes;
  job.split_hu = a.split_hu;
  job.dicom = parse_dicom_outputs(a.dicom);
  job.dicom.capture_as = a.capture;
  if (job.dicom.any()) check_are_dicom(job.inputs);
  const ModalityChoice by_modality =
      a.model.empty() ? choose_by_modality(chosen.inputs) : ModalityChoice{a.model, "named"};
  if (a.model.empty()) {
    observer->on(Note{"model " + by_modality.model + ": " + by_modality.why});
  }
  const TrainedModel trained = load_runnable_model(by_modality.model, context.overrides);
  job.model_name = trained.name;
  job.weights_sha256 = trained.weights_sha256;
  job.class_names = trained.recipe.evaluate.class_names;
  job.caution = trained.recipe.evaluate.caution;
  warn_of(trained, *observer);
  check_threshold(a, trained);
  SegmenterOptions options = segmenter_options(trained, a.runner, context);
  if (a.threshold >= 0) options.threshold = a.threshold;
  if (a.temperature > 0) options.temperature = a.temperature;
  options.batch_size = 0;  // what the job's pace hands over
  options.xray_lungs = xray_lung_source(a.lungs, trained, job.inputs, settings_of_runner(context),
                                        runner_choice(a.runner, context));
  if (options.xray_lungs.from == LungsFrom::file && job.inputs.size() > 1) {
    fail(ErrorKind::usage, "--lungs " + a.lungs + ": a file of lungs is for one X-ray, but " +
                               a.input + " holds " + std::to_string(job.inputs.size()) +
                               " inputs; name a model or none");
  }
  options.lungs = lungs_of(a, trained, chosen.inputs, context, options.xray_lungs);
  if (options.xray_lungs.from == LungsFrom::none) {
    options.near_lungs = lung_cut(a.outside_lungs, a.lungs, options.lungs, trained,
                                  settings_of_runner(context), runner_choice(a.runner, context));
  } else if (!a.outside_lungs.empty()) {
    fail(ErrorKind::usage, "--outside-lungs: is for CT, but " + a.input + " holds chest X-rays");
  }
  options.detector = xray_detector(a.detector, trained, job.inputs, settings_of_runner(context));
  warn_of(options.detector.get(), *observer);
  job.caution = with_caution_of(options.detector.get(), job.caution);
  Segmenter segmenter(std::move(options));
  name_maker(job, segmenter);
  const PredictSummary summary = predict(segmenter, job, *observer);
  if (context.json) {
    std::cout << summary_json(summary, job, segmenter);
    return;
  }
  for (const auto& c : summary.cases) {
    if (summary.cases.size() > 20) break;
    std::cout << c.output << ": " << c.lesion_pixels << " lesion pixels";
    if (c.lesion_ml) std::cout << ", " << fixed(*c.lesion_ml, 1) << " ml";
    if (c.lesion_cm2) std::cout << ", " << fixed(*c.lesion_cm2, 1) << " cm2";
    for (const auto& k : c.classes) {
      std::cout << ", " << k.name << " ";
      k.ml ? std::cout << fixed(*k.ml, 1) << " ml" : std::cout << k.pixels;
    }
    if (c.lesion_fraction_of_lung) {
      std::cout << ", " << fixed(100 * *c.lesion_fraction_of_lung, 1) << " % of the lungs ("
                << c.lungs << ")";
    }
    if (c.detection) std::cout << "; " << c.detection->detector << ": " << decision(*c.detection);
    std::cout << "\n";
  }
  std::cout << summary.cases.size() << " inputs in " << human_seconds(summary.seconds)
            << " (network " << human_seconds(summary.forward_s) << ")";
  if (summary.reused > 0) std::cout << ", " << summary.reused << " taken from an earlier call";
  std::cout << "; masks and summary.json in " << a.output << "\n";
  if (!summary.waiting_for.empty())
    std::cout << "no joint summary yet: " << summary.waiting_for << "\n";
  std::cout << kNotAMedicalDevice << std::endl;
}

}  // namespace

void add_predict(CLI::App& app, Context& context) {
  auto a = std::make_shared<PredictArguments>();
  auto* verb = add_verb(app, context, "predict", "segment pictures, volumes, DICOM series, tables",
                        [a, &context] { run_predict(*a, context); });
  verb->add_option("input", a->input, "picture, volume, DICOM folder, folder of these, or table")
      ->required();
  verb->add_option("-o,--output", a->output, "folder for masks and summary.json")->required();
  verb->add_option(
      "--model", a->model,
      "run folder, weights file, name, or FILE.pt of export (the bundled one for the modality)");
  verb->add_option("--threshold", a->threshold, "instead of the model's")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--temperature", a->temperature,
                   "of the saved probabilities (calibration.json of the run, else 1); masks stay")
      ->check(CLI::Range(0.01, 100.0));
  verb->add_option("--lungs", a->lungs,
                   "who finds the lungs of volumes and chest X-rays, for shares and scores: a "
                   "model, none, a file of class numbers (one input), or, of volumes, threshold "
                   "(the bundled ct_lungs or xray_lungs_whole)");
  verb->add_option("--outside-lungs", a->outside_lungs,
                   "marks on CT outside the lungs that a network finds: drop or keep (drop for the "
                   "bundled models of CT infection, else keep)");
  verb->add_option("--detector", a->detector,
                   "who decides whether what is marked on a chest X-ray is kept: a classifier's "
                   "run folder, weights file or name, or none (xray_detector for the bundled "
                   "xray_infection, else none)");
  verb->add_option("--split-hu", a->split_hu,
                   "HU from which a lesion's voxels count as dense, of volumes in HU: a threshold, "
                   "not a reading")
      ->check(CLI::Range(-1000.0, 1000.0))
      ->capture_default_str();
  verb->add_option("--lobes", a->lobes,
                   "where the lobes of volumes lie: shape (by the lungs' shape, not by fissures), "
                   "none, or a file of lungmask's or TotalSegmentator's labels (one volume)");
  verb->add_option("--batch", a->batch,
                   "slices through the network at once (0: the fastest, found while it works)")
      ->check(CLI::Range(0, 1024));
  verb->add_option("--memory", a->memory_mib,
                   "MiB that the program may hold (0: what the machine has left)")
      ->check(CLI::Range(0, 1 << 24));
  verb->add_flag("--save-probabilities", a->save_probabilities,
                 "_probability.png (16 bit) or _probability.nii.gz beside the masks, and one for "
                 "each class of a network of several (_probability_1, ..)");
  verb->add_flag("--overlay", a->overlay, "_overlay.png beside the masks, a colour for each class");
  verb->add_flag(
      "--save-lungs", a->save_lungs,
      "_lungs.nii.gz of volumes and _lungs.png of X-rays, the lungs that a network found "
      "for the shares");
  verb->add_flag(
      "--save-lobes", a->save_lobes,
      "volumes in HU: _lobes.nii.gz, the lobes by shape, numbered as lungmask's LTRCLobes");
  verb->add_flag("--classes", a->classes,
                 "pictures: class numbers instead of 0 and 255 (volumes always have them)");
  verb->add_option("--dicom", a->dicom,
                   "DICOM series and X-rays: objects beside the masks, of seg (_seg.dcm), lungs "
                   "(_lungs_seg.dcm, as a "
                   "network found them), sr (_sr.dcm, and a seg), "
                   "sc (_sc.dcm, key slices) and pdf (_report.dcm), with commas between");
  add_choice_option(
      verb, "--capture", a->capture,
      "key slices of --dicom sc: frames of one object, or single objects, for archives "
      "that take no multi-frame ones");
  verb->add_option("--part", a->part,
                   "k/n: only the k-th of n shares of the inputs; slurm: as the job array says");
  add_engine_options(verb, context);
  add_runner_options(verb, a->runner);
  add_override_option(verb, context);
}

}  // namespace groundglass
