#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/data/phantom_files.h"

namespace groundglass {
namespace {

void run_phantom(const std::string& output, PhantomSetOptions options, const Context& context) {
  if (context.seed >= 0) options.seed = static_cast<uint64_t>(context.seed);
  const auto observer = console_observer(context);
  const auto made = write_phantom_set(output, options, *observer);
  if (context.json) {
    return print_json(
        {{"output", made.string()}, {"cases", options.cases}, {"seed", options.seed}});
  }
  std::cout << made.string() << std::endl;
}

}  // namespace

void add_phantom(CLI::App& app, Context& context) {
  auto output = std::make_shared<std::string>();
  auto o = std::make_shared<PhantomSetOptions>();
  auto* verb = add_verb(app, context, "phantom", "a synthetic chest data set with masks",
                        [output, o, &context] { run_phantom(*output, *o, context); });
  verb->add_option("output", *output, "folder to write")->required();
  add_choice_option(verb, "--kind", o->kind, "ct or cxr");
  verb->add_option("--cases", o->cases, "number of chests")->check(CLI::Range(1, 100000));
  add_choice_option(verb, "--format", o->format, "png, nifti or dicom");
  verb->add_flag("--classes", o->classes,
                 "nifti and dicom: masks with 1 ground glass and 2 consolidation (png always has "
                 "both kinds of masks)");
  verb->add_option("--slices", o->phantom.slices, "of each chest")->check(CLI::Range(1, 5000));
  verb->add_option("--side", o->phantom.side, "pixels of a slice's side")
      ->check(CLI::Range(16, 4096));
  verb->add_option("--lesions", o->phantom.max_lesions, "at most so many in a chest; 0 for none")
      ->check(CLI::Range(0, 100));
}

}  // namespace groundglass
