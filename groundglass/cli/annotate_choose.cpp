#include <iostream>
#include <map>

#include "groundglass/annotate/agreement.h"
#include "groundglass/annotate/choices.h"
#include "groundglass/annotate/export.h"
#include "groundglass/cli/annotate.h"
#include "groundglass/core/text.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

struct ChooseArguments {
  std::string project, file, annotator;
  bool replace = false;
};

void print_agreement(const Agreement& found) {
  for (const auto& p : found.pairs) {
    if (p.cases == 0) continue;
    std::cout << p.first << " and " << p.second << ": equal in " << fixed(100 * *p.equal, 1)
              << " % of " << p.cases << " cases, kappa " << (p.kappa ? fixed(*p.kappa, 2) : "-")
              << "\n";
  }
  const Preference& p = found.preference;
  if (const auto share = p.share()) {
    const auto interval = *p.interval();
    std::cout << "a network's mask was taken instead of the manual one in " << p.machine << " of "
              << p.machine + p.manual << " choices (" << fixed(100 * *share, 0) << " %, 95 % "
              << fixed(100 * interval.low, 0) << " to " << fixed(100 * interval.high, 0)
              << "; the paper reports 3 of 5)\n";
  }
}

void run_choose(const ChooseArguments& a, const Context& context) {
  AnnotationStore store(a.project);
  const ChoicesRead counts =
      read_choices(store, a.file, a.annotator, a.replace ? Earlier::replace : Earlier::keep);
  const Agreement found = agreement(store);
  if (context.json) {
    ordered_json document = {{"annotator", a.annotator},
                             {"lines", counts.lines},
                             {"added", counts.added},
                             {"known", counts.known},
                             {"open", counts.open}};
    document["agreement"] = agreement_json(found);
    return print_json(document);
  }
  std::cout << a.file << ": " << counts.added << " choices of " << a.annotator << " added, "
            << counts.known << " known already, " << counts.open << " left open\n";
  print_agreement(found);
  std::cout << std::flush;
}

struct AnnotateExportArguments {
  std::string project, output, layout = "table", annotator;
  bool keep_manual = false;
};

void run_export(const AnnotateExportArguments& a, const Context& context) {
  const ExportLayout layout = export_layout(a.layout);
  AnnotationStore store(a.project);
  const auto observer = console_observer(context);
  const auto result = final_masks(store, a.annotator,
                                  a.keep_manual ? Unreviewed::keep_manual : Unreviewed::leave_out);
  export_masks(store, result.masks, a.output, layout, context.threads, *observer);
  std::map<std::string, int64_t> sources;
  for (const auto& mask : result.masks) ++sources[mask.source];
  if (context.json) {
    return print_json({{"output", a.output},
                       {"layout", a.layout},
                       {"cases", result.masks.size()},
                       {"sources", sources},
                       {"rejected_and_not_drawn", result.rejected.size()},
                       {"waiting", result.waiting.size()}});
  }
  std::cout << a.output << ": " << result.masks.size() << " cases (";
  const char* between = "";
  for (const auto& [name, count] : sources) {
    std::cout << between << count << " " << name;
    between = ", ";
  }
  std::cout << "); left out: " << result.rejected.size() << " rejected and not drawn, "
            << result.waiting.size() << " without a choice" << std::endl;
}

}  // namespace

void add_annotate_choose(CLI::App& annotate, Context& context) {
  auto a = std::make_shared<ChooseArguments>();
  auto* verb = add_verb(annotate, context, "choose", "read an annotator's choices",
                        [a, &context] { run_choose(*a, context); });
  verb->add_option("project", a->project, "the project's folder")->required();
  verb->add_option("choices", a->file, "the filled-in choices.csv")->required();
  verb->add_option("--annotator", a->annotator, "who has chosen")->required();
  verb->add_flag("--replace", a->replace,
                 "take new choices where this annotator has chosen before");
}

void add_annotate_export(CLI::App& annotate, Context& context) {
  auto a = std::make_shared<AnnotateExportArguments>();
  auto* verb = add_verb(annotate, context, "export", "the chosen masks as a data set",
                        [a, &context] { run_export(*a, context); });
  verb->add_option("project", a->project, "the project's folder")->required();
  verb->add_option("-o,--output", a->output, "folder of the data set")->required();
  verb->add_option("--layout", a->layout, "table, nnunet or monai-label");
  verb->add_option("--annotator", a->annotator, "this annotator's choices alone");
  verb->add_flag("--keep-manual", a->keep_manual,
                 "with the manual masks of cases that nobody has chosen in");
}

}  // namespace groundglass
