#pragma once

#include "groundglass/cli/context.h"

namespace groundglass {

/// The verbs of this program's shape, in the order of `--help`: all, or those of the core shape.
void add_verbs(CLI::App& app, Context& context);

// One file for each verb; docs/reference/verbs.md shows them all.
void add_info(CLI::App& app, Context& context);
void add_models(CLI::App& app, Context& context);
void add_prepare(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_train(CLI::App& app, Context& context);
void add_search(CLI::App& app, Context& context);
void add_study(CLI::App& app, Context& context);
void add_predict(CLI::App& app, Context& context);
void add_evaluate(CLI::App& app, Context& context);
void add_detect(CLI::App& app, Context& context);
void add_explain(CLI::App& app, Context& context);
void add_adapt(CLI::App& app, Context& context);
void add_combine(CLI::App& app, Context& context);
void add_calibrate(CLI::App& app, Context& context);
void add_quantise(CLI::App& app, Context& context);
void add_report(CLI::App& app, Context& context);
void add_export(CLI::App& app, Context& context);
void add_phantom(CLI::App& app, Context& context);
void add_inspect(CLI::App& app, Context& context);
void add_annotate(CLI::App& app, Context& context);
void add_serve(CLI::App& app, Context& context);  // and the hidden verb of its jobs
void add_compare(CLI::App& app, Context& context);
void add_listen(CLI::App& app, Context& context);
void add_send(CLI::App& app, Context& context);
void add_fetch(CLI::App& app, Context& context);
void add_deidentify(CLI::App& app, Context& context);
void add_audit(CLI::App& app, Context& context);
void add_reference(CLI::App& app, Context& context);  // hidden

}  // namespace groundglass
