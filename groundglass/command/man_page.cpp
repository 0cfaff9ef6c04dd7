#include <sstream>

#include "groundglass/command/verb_text.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"

namespace groundglass {
namespace {

/// Text as roff takes it: dashes that can be searched for, and no line that looks like a request.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\n') {
      out += "\n.br\n";
    } else {
      out += c;
    }
  }
  const bool request = !out.empty() && (out.front() == '.' || out.front() == '\'');
  return (request ? "\\&" : "") + out;
}

void write_roff_options(std::ostream& out, const std::vector<OptionText>& options) {
  for (const auto& o : options) {
    std::vector<std::string> names;
    for (const auto& name : o.names) names.push_back("\\fB" + roff(name) + "\\fR");
    out << ".TP\n"
        << (names.empty() ? "\\fI" + roff(o.argument) + "\\fR" : joined(names, ", "))
        << (o.value.empty() || names.empty() ? "" : " \\fI" + roff(o.value_text()) + "\\fR") << "\n"
        << roff(o.help) << (o.required && !names.empty() ? " (required)" : "")
        << (o.fallback.empty() ? "" : " (default " + roff(o.fallback) + ")") << "\n";
  }
}

}  // namespace

std::string man_page(const CLI::App& app) {
  std::ostringstream out;
  out << ".\\\" Made by groundglass reference man.\n"
      << ".TH GROUNDGLASS 1 \"\" \"groundglass " << version() << "\" \"User Commands\"\n"
      << ".SH NAME\ngroundglass \\- segments lung infection on chest CT and chest X\\-ray\n"
      << ".SH SYNOPSIS\n.B groundglass\n.I VERB\n.RI [ OPTIONS ]\n"
      << ".SH DESCRIPTION\n"
      << roff(app.get_description())
      << "\nResults go to standard output, progress and warnings to standard error.\n"
      << roff(kNotAMedicalDevice) << "\n.SH VERBS\n";
  for (const auto& verb : verb_texts(app)) {
    if (!verb.verbs.empty()) continue;
    out << ".SS " << roff(verb.usage()) << "\n" << roff(verb.help) << "\n";
    write_roff_options(out, verb.arguments);
    write_roff_options(out, verb.options);
  }
  const std::vector<std::pair<const char*, const char*>> codes = {
      {"0", "success"},
      {"1", "an internal error"},
      {"2", "a wrong command line"},
      {"3", "a wrong recipe"},
      {"4", "data that is missing, damaged or does not fit together"},
      {"5", "weights that do not fit the network"},
      {"6", "no such device, or not enough memory on it"},
      {"130, 143", "ended by a signal; the same call goes on from there"}};
  out << ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : codes) {
    out << ".TP\n.B " << code << "\n" << roff(meaning) << "\n";
  }
  out << ".SH ENVIRONMENT\n"
         ".TP\n.B GROUNDGLASS_MODELS\nfolder where models that are named without a path are looked "
         "for first\n"
         ".TP\n.B XDG_CACHE_HOME\nfolder for prepared inference plans of models whose own folder "
         "cannot be written to (else ~/.cache)\n"
         ".SH FILES\n"
         ".TP\n.I PREFIX/share/groundglass/models\nbundled models with their cards\n"
         ".TP\n.I PREFIX/share/groundglass/recipes\nbundled recipes; one may be named without path "
         "and ending\n";
  return out.str();
}

}  // namespace groundglass
