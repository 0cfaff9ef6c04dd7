#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/runs/search.h"

namespace groundglass {
namespace {

struct SearchArguments {
  std::string file, data, output;
  bool test = false;
};

void run_search_verb(const SearchArguments& a, const Context& context) {
  const auto console = console_observer(context);
  SearchPlan plan = search_plan(read_search(a.file), context.overrides, context.seed);
  const RunSettings settings = run_settings(context);
  make_folder(a.output);
  Search search({std::move(plan), a.data, a.output, settings, a.test, context.command}, *console);
  try {
    search.run();
  } catch (const Stopped& e) {
    throw Stopped(stop_signal(), "stopped; the same command goes on in " + a.output);
  }
  if (context.json) return print_json(search.document());
  std::cout << search.markdown();
}

}  // namespace

void add_search(CLI::App& app, Context& context) {
  auto a = std::make_shared<SearchArguments>();
  auto* verb = add_verb(app, context, "search",
                        "hyper-parameters of a recipe: random search or successive halving",
                        [a, &context] { run_search_verb(*a, context); });
  verb->add_option("search", a->file, "TOML file; see recipes/searches")->required();
  verb->add_option("--data", a->data, "data set, or prepared set")->required();
  verb->add_option(
          "-o,--output", a->output,
          "folder; the same command goes on in it, and may run in it several times at once")
      ->required();
  verb->add_flag("--test", a->test, "at the end score the best trial on its test rows, once");
  add_engine_options(verb, context);
  add_override_option(verb, context);
}

}  // namespace groundglass
