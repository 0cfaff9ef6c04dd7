#include <algorithm>
#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_deidentify.h"
#include "groundglass/io/dicom_slice.h"
#include "groundglass/pacs/site.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct DeidentifyArguments {
  std::vector<std::string> inputs;
  std::string output, key, dates = "shift";
  bool pixels_checked = false;
};

StudyDates dates_of(const std::string& word) {
  if (word == "shift") return StudyDates::shift;
  if (word == "empty") return StudyDates::empty;
  fail(ErrorKind::usage, "--dates " + in_quotes(word) + ": expected shift or empty");
}

/// Files and, in folders, what is marked as DICOM.
std::vector<fs::path> files_among(const std::vector<std::string>& inputs) {
  std::vector<fs::path> files;
  for (const auto& input : inputs) {
    if (!fs::exists(input)) fail(ErrorKind::data, input + ": there is no such file or folder");
    if (!fs::is_directory(input)) {
      files.emplace_back(input);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(input)) {
      if (entry.is_regular_file() && has_dicom_mark(entry.path())) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) fail(ErrorKind::data, inputs.front() + ": holds no DICOM file");
  return files;
}

void run_deidentify(const DeidentifyArguments& a, const Context& context) {
  const DeidentifyOptions options{read_site_key(a.key), dates_of(a.dates),
                                  a.pixels_checked ? PixelCheck::by_a_person : PixelCheck::none};
  int64_t written = 0;
  std::vector<std::string> problems;
  for (const auto& file : files_among(a.inputs)) {
    try {
      deidentify_file(file, a.output, options);
      ++written;
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::data) throw;
      problems.emplace_back(e.what());
    }
  }
  if (context.json) {
    print_json({{"written", written}, {"refused", problems}, {"output", a.output}});
  } else {
    std::cout << written << " images without their patients in " << a.output << std::endl;
  }
  if (!problems.empty()) {
    fail(ErrorKind::data, std::to_string(problems.size()) +
                              (problems.size() == 1 ? " file was" : " files were") +
                              " not written: " + joined(problems, "; "));
  }
}

}  // namespace

void add_deidentify(CLI::App& app, Context& context) {
  auto a = std::make_shared<DeidentifyArguments>();
  auto* verb =
      add_verb(app, context, "deidentify", "CT and X-ray images in DICOM without their patients",
               [a, &context] { run_deidentify(*a, context); });
  verb->add_option("inputs", a->inputs, "DICOM files, or folders of them")->required();
  verb->add_option("-o,--output", a->output, "folder: PATIENT/SERIES/IMAGE.dcm by new names")
      ->required();
  verb->add_option("--key", a->key,
                   "file with the site's secret, from which pseudonyms, UIDs and dates follow")
      ->required();
  verb->add_option("--dates", a->dates,
                   "shift: earlier by a patient's own number of days; empty: none");
  verb->add_flag("--pixels-checked", a->pixels_checked,
                 "somebody has looked at the pixels and found no names: also secondary captures "
                 "and X-rays that do not say so");
}

}  // namespace groundglass
