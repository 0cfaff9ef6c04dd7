#include <sstream>

#include "groundglass/command/verb_text.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"

namespace groundglass {
namespace {

/// Text inside a cell of a table.
std::string markdown_cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

/// "`-o`, `--output` TEXT".
std::string option_cell(const OptionText& option) {
  if (option.names.empty()) return "`" + option.argument + "`";
  std::vector<std::string> names;
  for (const auto& name : option.names) names.push_back("`" + name + "`");
  return joined(names, ", ") +
         (option.value.empty() ? "" : " " + markdown_cell(option.value_text()));
}

void write_options(std::ostream& out, const std::vector<OptionText>& options) {
  for (const auto& o : options) {
    out << "| " << option_cell(o) << " | " << markdown_cell(o.help);
    if (o.required && !o.names.empty()) out << "; required";
    if (!o.fallback.empty()) out << "; default `" << markdown_cell(o.fallback) << "`";
    out << " |\n";
  }
}

/// "predict" of "#groundglass-predict".
std::string anchor_of(std::string name) {
  for (char& c : name) c = c == ' ' ? '-' : c;
  return "#groundglass-" + name;
}

}  // namespace

std::string verbs_markdown(const CLI::App& app) {
  const auto verbs = verb_texts(app);
  std::ostringstream out;
  out << "# Verbs\n\n"
         "<!-- Made by `groundglass reference verbs`; a test compares the two. -->\n\n"
      << app.get_description() << " What each verb prints with `--help` stands here for all.\n\n"
      << "Exit codes are 0 for success, 1 for an internal error, 2 for a wrong command line, 3 for "
         "a wrong recipe, 4 for data that cannot be used, 5 for weights that do not fit, 6 for a "
         "device or memory that is not there, and 130 or 143 after a signal. Results go to "
         "standard "
         "output, progress and warnings to standard error. "
      << kNotAMedicalDevice << "\n\n| verb | does |\n|---|---|\n";
  for (const auto& verb : verbs) {
    out << "| [`" << verb.name << "`](" << anchor_of(verb.name) << ") | "
        << markdown_cell(verb.help) << " |\n";
  }
  for (const auto& verb : verbs) {
    out << "\n## groundglass " << verb.name << "\n\n"
        << verb.help << "\n\n```\n"
        << verb.usage() << "\n```\n";
    if (!verb.verbs.empty()) {
      out << "\nVerbs of its own: " << listed(verb.verbs) << ".\n";
      continue;
    }
    out << "\n| argument or option | meaning |\n|---|---|\n";
    write_options(out, verb.arguments);
    write_options(out, verb.options);
  }
  return out.str();
}

}  // namespace groundglass
