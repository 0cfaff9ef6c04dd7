#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/command/option_table.h"
#include "groundglass/command/verb_text.h"
#include "groundglass/core/error.h"
#include "groundglass/recipe/recipe_keys.h"

namespace groundglass {
namespace {

std::string reference_text(const std::string& what, const CLI::App& app) {
  if (what == "verbs") return verbs_markdown(app);
  if (what == "recipe-keys") return recipe_keys_markdown();
  if (what == "man") return man_page(app);
  if (what == "bash") return bash_completion(app);
  if (what == "zsh") return zsh_completion(app);
  if (what == "options") return option_table(app).dump() + "\n";
  fail(ErrorKind::internal, "reference " + what);
}

}  // namespace

void add_reference(CLI::App& app, Context& context) {
  auto what = std::make_shared<std::string>();
  auto* verb = add_verb(app, context, "reference", "print pages that are made from the program",
                        [what, &app] { std::cout << reference_text(*what, app); });
  verb->group("");  // not for users: the pages are written when the program is built and released
  verb->add_option(
          "page", *what,
          "verbs or recipe-keys (docs/reference, Markdown), man (manual page), bash or zsh "
          "(completion), options (what the first stage is built with)")
      ->required()
      ->check(CLI::IsMember({"verbs", "recipe-keys", "man", "bash", "zsh", "options"}));
}

}  // namespace groundglass
