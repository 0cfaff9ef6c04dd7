#include "groundglass/cli/verbs.h"

namespace groundglass {

void add_verbs(CLI::App& app, Context& context) {
  add_info(app, context);
  add_models(app, context);
  add_phantom(app, context);
  add_inspect(app, context);
  add_prepare(app, context);
  add_train(app, context);
  add_search(app, context);
  add_adapt(app, context);
  add_combine(app, context);
  add_calibrate(app, context);
  add_quantise(app, context);
  add_study(app, context);
  add_predict(app, context);
  add_evaluate(app, context);
  add_detect(app, context);
  add_explain(app, context);
  add_report(app, context);
  add_annotate(app, context);
  add_serve(app, context);
  add_compare(app, context);
  add_listen(app, context);
  add_send(app, context);
  add_fetch(app, context);
  add_deidentify(app, context);
  add_audit(app, context);
  add_export(app, context);
  add_bench(app, context);
  add_reference(app, context);
}

}  // namespace groundglass
