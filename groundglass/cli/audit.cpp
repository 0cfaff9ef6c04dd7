#include "groundglass/pacs/audit.h"

#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/pacs/site.h"

namespace groundglass {
namespace {

void run_audit_verify(const std::string& file, const Context& context) {
  const Site site = read_site(file);
  const AuditVerdict verdict = verify_audit(site.options.folder, read_site_key(site.options.key));
  if (context.json) {
    print_json({{"rows", verdict.rows}, {"problem", verdict.problem}});
  } else if (verdict.problem.empty()) {
    std::cout << verdict.rows << " rows, each as it was written" << std::endl;
  }
  if (!verdict.problem.empty()) {
    fail(ErrorKind::data, site.options.folder + "/audit.db: " + verdict.problem +
                              "; somebody or something else than listen wrote there");
  }
}

}  // namespace

void add_audit(CLI::App& app, Context& context) {
  auto* audit = add_verb(app, context, "audit", "the audit trail of listen", {});
  audit->callback({});  // called after the word below, it would take the place of its work
  audit->require_subcommand(1);
  auto file = std::make_shared<std::string>();
  auto* verify = add_verb(*audit, context, "verify",
                          "find changed, missing and cut rows of a site's audit trail",
                          [file, &context] { run_audit_verify(*file, context); });
  verify->add_option("site", *file, "TOML file of the site, as for listen")->required();
}

}  // namespace groundglass
