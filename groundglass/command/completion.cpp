#include <algorithm>
#include <sstream>

#include "groundglass/command/verb_text.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

std::vector<std::string> option_names(const VerbText& verb) {
  std::vector<std::string> names;
  for (const auto& o : verb.options) names.insert(names.end(), o.names.begin(), o.names.end());
  return names;
}

std::string in_shell_quotes(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// Text inside the brackets of a zsh option.
std::string in_brackets(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

/// The name of the zsh function that completes a verb.
std::string zsh_function(std::string verb) {
  std::replace(verb.begin(), verb.end(), ' ', '_');
  return "_groundglass_" + verb;
}

/// "(-o --output)'{-o,--output}'[help]:value:_files", one word of _arguments.
std::string zsh_option(const OptionText& o) {
  std::string rest = "[" + in_brackets(o.help) + "]";
  if (!o.value.empty()) {
    rest += ":value:" + (o.words.empty() ? "_files" : "(" + joined(o.words, " ") + ")");
  }
  if (o.names.size() == 1) return in_shell_quotes("*" + o.names.front() + rest);
  return in_shell_quotes("(" + joined(o.names, " ") + ")") + "{" + joined(o.names, ",") + "}" +
         in_shell_quotes(rest);
}

/// A zsh function that offers `verbs`, each with its help, and hands the rest to theirs.
void write_zsh_chooser(std::ostream& out, const std::string& name, const std::string& prefix,
                       const std::vector<VerbText>& verbs) {
  out << name << "() {\n  local -a verbs\n  local line state\n  verbs=(\n";
  for (const auto& verb : verbs) {
    out << "    " << in_shell_quotes(verb.name.substr(prefix.size()) + ":" + in_brackets(verb.help))
        << "\n";
  }
  out << "  )\n  _arguments -C '(- *)'{-h,--help}'[help]' '1:verb:->verb' '*::argument:->rest'\n"
         "  case $state in\n    verb) _describe verb verbs ;;\n    rest)\n      case $line[1] in\n";
  for (const auto& verb : verbs) {
    out << "        " << verb.name.substr(prefix.size()) << ") " << zsh_function(verb.name)
        << " ;;\n";
  }
  out << "      esac ;;\n  esac\n}\n\n";
}

/// The verbs that stand directly below `above` ("" for the program).
std::vector<VerbText> verbs_below(const std::vector<VerbText>& all, const std::string& above) {
  std::vector<VerbText> below;
  for (const auto& verb : all) {
    const size_t space = verb.name.rfind(' ');
    const std::string parent = space == std::string::npos ? "" : verb.name.substr(0, space);
    if (parent == above) below.push_back(verb);
  }
  return below;
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  const auto verbs = verb_texts(app);
  std::ostringstream out;
  out << "# Completion of groundglass for bash. Made by groundglass reference bash.\n"
         "_groundglass() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local verb= longer i words=\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    longer=\"${verb:+$verb }${COMP_WORDS[i]}\"\n"
         "    case \"$longer\" in\n      ";
  for (size_t i = 0; i < verbs.size(); ++i) {
    out << (i == 0 ? "" : " | ") << "\"" << verbs[i].name << "\"";
  }
  out << ")\n        verb=$longer ;;\n    esac\n  done\n  COMPREPLY=()\n"
         "  case \"$verb $before\" in\n";
  for (const auto& verb : verbs) {
    std::vector<std::string> valued;
    for (const auto& o : verb.options) {
      if (o.value.empty()) continue;
      std::vector<std::string> patterns;
      for (const auto& name : o.names) patterns.push_back("\"" + verb.name + " " + name + "\"");
      if (o.words.empty()) {
        valued.insert(valued.end(), patterns.begin(), patterns.end());
      } else {
        out << "    " << joined(patterns, " | ") << ")\n      COMPREPLY=($(compgen -W \""
            << joined(o.words, " ") << "\" -- \"$word\"))\n      return ;;\n";
      }
    }
    if (!valued.empty()) out << "    " << joined(valued, " | ") << ")\n      return ;;\n";
  }
  out << "  esac\n  case \"$verb\" in\n";
  out << "    \"\") words=\"" << joined(shown_verbs(app), " ") << " --help --version\" ;;\n";
  for (const auto& verb : verbs) {
    out << "    \"" << verb.name << "\") words=\"" << joined(verb.verbs, " ")
        << (verb.verbs.empty() ? "" : " ") << joined(option_names(verb), " ") << "\" ;;\n";
  }
  out << "  esac\n"
         "  if [[ $word == -* || -z $verb ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "    return\n  fi\n"
         "  case \"$verb\" in\n";
  for (const auto& verb : verbs) {
    if (verb.verbs.empty()) continue;
    out << "    \"" << verb.name << "\") COMPREPLY=($(compgen -W \"" << joined(verb.verbs, " ")
        << "\" -- \"$word\")) ;;\n";
  }
  out << "  esac\n}\ncomplete -o default -F _groundglass groundglass\n";
  return out.str();
}

std::string zsh_completion(const CLI::App& app) {
  const auto verbs = verb_texts(app);
  std::ostringstream out;
  out << "#compdef groundglass\n"
         "# Completion of groundglass for zsh. Made by groundglass reference zsh.\n\n";
  for (const auto& verb : verbs) {
    if (!verb.verbs.empty()) {
      write_zsh_chooser(out, zsh_function(verb.name), verb.name + " ",
                        verbs_below(verbs, verb.name));
      continue;
    }
    out << zsh_function(verb.name) << "() {\n  _arguments \\\n";
    for (const auto& o : verb.options) out << "    " << zsh_option(o) << " \\\n";
    out << "    '*:file:_files'\n}\n\n";
  }
  write_zsh_chooser(out, "_groundglass", "", verbs_below(verbs, ""));
  out << "_groundglass \"$@\"\n";
  return out.str();
}

}  // namespace groundglass
