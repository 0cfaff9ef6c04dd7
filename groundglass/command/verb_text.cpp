#include "groundglass/command/verb_text.h"

#include "groundglass/core/text.h"

namespace groundglass {
namespace {

bool is_hidden(const CLI::App& verb) {
  return verb.get_group().empty();
}

OptionText text_of(const CLI::Option& option) {
  OptionText text;
  for (const auto& name : option.get_snames()) text.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) text.names.push_back("--" + name);
  text.argument = option.get_positional() ? option.get_name(true, false) : "";
  text.help = option.get_description();
  text.required = option.get_required();
  text.fallback = option.get_default_str();
  if (option.get_items_expected_max() == 0) return text;
  const std::string type = option.get_type_name();
  text.words = checked_words(type);
  // "INT:INT in [0 - 64]" says the kind twice.
  const size_t colon = type.find(':');
  text.value = colon == std::string::npos ? type : type.substr(colon + 1);
  return text;
}

void add_texts(const CLI::App& verb, const std::string& name, std::vector<VerbText>& all) {
  VerbText text;
  text.name = name;
  text.help = verb.get_description();
  text.verbs = shown_verbs(verb);
  for (const auto* option : verb.get_options()) {
    if (option->get_group().empty()) continue;
    OptionText one = text_of(*option);
    (one.names.empty() ? text.arguments : text.options).push_back(std::move(one));
  }
  all.push_back(std::move(text));
  for (const auto* inner : verb.get_subcommands({})) {
    if (!is_hidden(*inner)) add_texts(*inner, name + " " + inner->get_name(), all);
  }
}

}  // namespace

std::vector<std::string> checked_words(const std::string& type) {
  const size_t begin = type.find('{'), end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return {};
  return split_text(type.substr(begin + 1, end - begin - 1), ',');
}

std::string OptionText::value_text() const {
  return words.empty() ? value : joined(words, "|");
}

std::string VerbText::usage() const {
  std::string text = "groundglass " + name + " [OPTIONS]";
  if (!verbs.empty()) return text + " VERB";
  for (const auto& a : arguments) {
    text += a.required ? " " + a.argument : " [" + a.argument + "]";
  }
  for (const auto& o : options) {
    if (o.required) text += " " + o.names.front() + " VALUE";
  }
  return text;
}

std::vector<std::string> shown_verbs(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* verb : app.get_subcommands({})) {
    if (!is_hidden(*verb)) names.push_back(verb->get_name());
  }
  return names;
}

std::vector<VerbText> verb_texts(const CLI::App& app) {
  std::vector<VerbText> all;
  for (const auto* verb : app.get_subcommands({})) {
    if (!is_hidden(*verb)) add_texts(*verb, verb->get_name(), all);
  }
  return all;
}

}  // namespace groundglass
