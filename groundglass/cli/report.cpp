#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/predict/change.h"
#include "groundglass/predict/dicom_of_results.h"
#include "groundglass/report/predict_report.h"
#include "groundglass/runs/run_folder.h"
#include "groundglass/runs/run_page.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct ReportArguments {
  std::string input, output, data, dicom, source, before;
  CaptureAs capture = CaptureAs::frames;
  bool same_patient = false;
};

/// DICOM objects of what predict wrote earlier, instead of a page.
void write_objects(const ReportArguments& a, const Context& context) {
  DicomOutputs outputs = parse_dicom_outputs(a.dicom);
  outputs.capture_as = a.capture;
  const auto written = write_dicom_of_results(a.input, outputs, a.source);
  auto list = nlohmann::ordered_json::array();
  for (const auto& one : written) {
    for (const auto& object : one.objects) {
      list.push_back({{"input", one.input},
                      {"kind", object.kind},
                      {"file", (fs::path(a.input) / object.file).string()},
                      {"sop_instance_uid", object.sop_instance}});
    }
  }
  if (context.json) return print_json({{"objects", list}, {"note", kNotAMedicalDevice}});
  for (const auto& object : list) std::cout << object["file"].get<std::string>() << "\n";
  std::cout << kNotAMedicalDevice << std::endl;
}

void run_report(const ReportArguments& a, const Context& context) {
  if (!fs::is_directory(a.input)) {
    fail(ErrorKind::data, a.input + ": is no folder; expected a run or what `predict` wrote");
  }
  const auto observer = console_observer(context);
  const auto folds = RunFolder(a.input).begun_runs();
  if (!a.dicom.empty() && !folds.empty()) {
    fail(ErrorKind::usage,
         "--dicom: " + a.input + " is a run; DICOM objects are made of what `predict` wrote");
  }
  if (!a.before.empty() && !folds.empty()) {
    fail(ErrorKind::usage,
         "--before: " + a.input + " is a run, expected what `predict` wrote of one volume");
  }
  if (a.same_patient && a.before.empty()) {
    fail(ErrorKind::usage, "--same-patient: is about --before, which is not given");
  }
  if (!a.before.empty()) {
    const auto same = a.same_patient ? SamePatient::given : SamePatient::by_dicom;
    keep_change(change_between(a.before, a.input, same), a.before, a.input);
  }
  if (!a.dicom.empty()) return write_objects(a, context);
  const fs::path output = a.output.empty() ? fs::path(a.input) / "report.html" : fs::path(a.output);
  const bool pdf = lower(output.extension().string()) == ".pdf";
  if (pdf && !folds.empty()) {
    fail(ErrorKind::usage, output.string() + ": a PDF is made of what `predict` wrote, and " +
                               a.input + " is a run; give an .html file");
  }
  const std::string page = !folds.empty() ? run_page_html(a.input, a.data, *observer)
                           : pdf          ? predict_report_pdf(a.input)
                                          : predict_report_html(a.input);
  write_file(output, page);
  if (context.json) return print_json({{"report", output.string()}, {"bytes", page.size()}});
  std::cout << output.string() << std::endl;
}

}  // namespace

void add_report(CLI::App& app, Context& context) {
  auto a = std::make_shared<ReportArguments>();
  auto* verb = add_verb(app, context, "report", "one self-contained page of a run or prediction",
                        [a, &context] { run_report(*a, context); });
  verb->add_option("input", a->input, "run folder, or output folder of predict")->required();
  verb->add_option("-o,--output", a->output,
                   "the page (INPUT/report.html); of predictions a .pdf file as well");
  verb->add_option(
      "--dicom", a->dicom,
      "predictions of DICOM images: instead of a page, the objects that predict --dicom "
      "writes, of seg, lungs, sr, sc and pdf; no network runs");
  add_choice_option(verb, "--capture", a->capture, "as predict --capture");
  verb->add_option("--source", a->source,
                   "with --dicom: where the images of the one case lie now (as summary.json says)");
  verb->add_option(
      "--before", a->before,
      "predictions of one volume or X-ray: an earlier study of the patient, as compare takes "
      "it; what changed stands in the page, summary.json and the report of --dicom");
  verb->add_flag("--same-patient", a->same_patient, "as compare --same-patient, for --before");
  verb->add_option("--data", a->data, "runs: the prepared set, to show slices");
}

}  // namespace groundglass
