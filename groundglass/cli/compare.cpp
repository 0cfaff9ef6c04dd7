#include <cmath>
#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/predict/change.h"
#include "groundglass/predict/compared_study.h"

namespace groundglass {
namespace {

struct CompareArguments {
  std::string before, after;
  bool same_patient = false;
};

void print_change(const char* what, const BeforeAfter& value, const char* unit,
                  const char* unit_of_change) {
  const auto shown = [](const std::optional<double>& v) { return v ? fixed(*v, 1) : "unknown"; };
  std::cout << what << ": " << shown(value.before) << " -> " << shown(value.after) << unit;
  if (const auto difference = value.difference()) {
    constexpr double kShown = 0.05;  // less reads 0.0, and has no sign
    const double change = std::abs(*difference) < kShown ? 0 : *difference;
    std::cout << " (" << (change > 0 ? "+" : "") << fixed(change, 1) << unit_of_change << ")";
  }
  std::cout << "\n";
}

void print_relative(const Change& c) {
  if (!c.relative_percent) return;
  std::cout << "relative: " << (*c.relative_percent > 0 ? "+" : "") << fixed(*c.relative_percent, 0)
            << " % of the first study" << (c.verdict_by == "share_percent" ? "'s share" : "")
            << "\n";
}

void print_xrays(const Change& c) {
  print_change("infection", c.lesion_cm2, " cm2", " cm2");
  print_change("infected share of the lungs", c.share_percent, " %", " percentage points");
  print_relative(c);
  for (const auto& r : c.regions) {
    print_change(("  " + r.region).c_str(), r.share_percent, " %", " percentage points");
  }
  print_change("lungs", c.lung_cm2, " cm2", " cm2");
  print_change("severity score of two lungs, 0 to 8", c.score, "", "");
  std::cout << "No clear change means: within 2 points of the share of the lungs or 20 % of it, "
               "whichever is more; where one has no score, within 10 cm2 or 20 %. Nothing is "
               "registered: whole lungs are compared in the projection.\n"
            << kNotAMedicalDevice << std::endl;
}

void run_compare(const CompareArguments& a, const Context& context) {
  const Change c = change_between(a.before, a.after,
                                  a.same_patient ? SamePatient::given : SamePatient::by_dicom);
  if (context.json) return print_json(change_json(c));
  for (const auto& warning : c.warnings) std::cerr << "warning: " << warning << "\n";
  std::cout << c.verdict;
  if (c.days) std::cout << " in " << *c.days << " days";
  std::cout << "\n";
  if (c.image == ComparedImage::xray) return print_xrays(c);
  print_change("infection", c.lesion_ml, " ml", " ml");
  print_relative(c);
  print_change("lungs", c.lung_ml, " ml", " ml");
  print_change("infected share of the lungs", c.share_percent, " %", " percentage points");
  for (const auto& r : c.regions) {
    print_change(("  " + r.region).c_str(), r.share_percent, " %", " percentage points");
  }
  print_change("severity score of six zones, 0 to 24", c.score, "", "");
  if (!c.lobes.empty()) std::cout << c.lobes_from << ":\n";
  for (const auto& r : c.lobes) {
    print_change(("  " + r.region).c_str(), r.share_percent, " %", " percentage points");
  }
  if (!c.lobes.empty()) print_change("score of five lobes", c.lobe_score, "", "");
  std::cout << "No clear change means: within 1 ml or 10 % of the first study, "
               "whichever is more. "
               "Nothing is registered: lungs and zones are compared, not places.\n"
            << kNotAMedicalDevice << std::endl;
}

}  // namespace

void add_compare(CLI::App& app, Context& context) {
  auto a = std::make_shared<CompareArguments>();
  auto* verb = add_verb(app, context, "compare", "two studies of a patient, before and after",
                        [a, &context] { run_compare(*a, context); });
  verb->add_option(
          "before", a->before,
          "output folder of predict with one volume or one chest X-ray, or the DICOM report "
          "or segmentation of a volume")
      ->required();
  verb->add_option("after", a->after, "the same of the later study")->required();
  verb->add_flag("--same-patient", a->same_patient,
                 "the studies are of one patient, whatever their DICOM objects say");
}

}  // namespace groundglass
