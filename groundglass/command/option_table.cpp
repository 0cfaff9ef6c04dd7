#include "groundglass/command/option_table.h"

#include <cerrno>
#include <cmath>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "groundglass/command/verb_text.h"

namespace groundglass {
namespace {

using nlohmann::json;

/// Names as add_option() takes them: "-o,--output", or "input" without dashes.
std::string names_of(const CLI::Option& option) {
  std::string names = option.get_name(true, false);
  if (!option.get_positional()) names.clear();
  for (const auto& name : option.get_snames()) names += (names.empty() ? "-" : ",-") + name;
  for (const auto& name : option.get_lnames()) names += (names.empty() ? "--" : ",--") + name;
  return names;
}

json row_of(const CLI::Option& option) {
  return {{"names", names_of(option)},
          {"help", option.get_description()},
          {"group", option.get_group()},
          {"required", option.get_required()},
          {"flag", option.get_items_expected_max() == 0},
          {"type", option.get_type_name()},
          {"fallback", option.get_default_str()},
          {"least", option.get_expected_min()},
          {"most", option.get_expected_max()},
          {"policy", static_cast<int>(option.get_multi_option_policy())},
          {"extra", option.get_allow_extra_args()},
          {"delimiter", std::string(1, option.get_delimiter())}};
}

/// True if the words are numbers that T holds. What is no number (nan) would pass every check of a
/// range, and what T cannot hold would become its largest number.
template <typename T>
bool all_are(const CLI::results_t& words) {
  for (const auto& word : words) {
    T value{};
    errno = 0;
    if (!CLI::detail::lexical_cast(word, value) || errno == ERANGE) return false;
    if constexpr (std::is_floating_point_v<T>) {
      if (!std::isfinite(value)) return false;
    }
  }
  return true;
}

/// True if the words are numbers where the option wants numbers.
bool are_of_type(const std::string& type, const CLI::results_t& words) {
  if (type.rfind("INT", 0) == 0) return all_are<int64_t>(words);
  if (type.rfind("UINT", 0) == 0) return all_are<uint64_t>(words);
  if (type.rfind("FLOAT", 0) == 0) return all_are<double>(words);
  return true;
}

/// The check behind "INT:INT in [1 - 64]", "FLOAT:FLOAT in [0 - 1]", "TEXT:{a,b}" or
/// "FLOAT:NONNEGATIVE"; nothing for a type without one.
std::optional<CLI::Validator> check_behind(const std::string& type) {
  const auto words = checked_words(type);
  if (!words.empty()) return CLI::IsMember(words);
  if (type.find(":NONNEGATIVE") != std::string::npos) return CLI::NonNegativeNumber;
  const size_t bracket = type.find(" in [");
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream range(type.substr(bracket + 5));
  double low = 0, high = 0;
  char dash = 0;
  if (!(range >> low >> dash >> high)) return std::nullopt;
  if (type.rfind("INT", 0) == 0) {
    return CLI::Range(static_cast<int>(low), static_cast<int>(high));
  }
  return CLI::Range(low, high);
}

void add_option_row(CLI::App& verb, const json& row) {
  const std::string names = row["names"], help = row["help"], type = row["type"];
  CLI::Option* option = nullptr;
  if (row["flag"]) {
    option = verb.add_flag(names, help);
  } else {
    option = verb.add_option(
        names, [type](const CLI::results_t& words) { return are_of_type(type, words); }, help);
    option->type_name(type)->expected(row["least"].get<int>(), row["most"].get<int>());
    option->multi_option_policy(static_cast<CLI::MultiOptionPolicy>(row["policy"].get<int>()));
    option->allow_extra_args(row["extra"].get<bool>());
    option->delimiter(row["delimiter"].get<std::string>().front());
    option->default_str(row["fallback"].get<std::string>());
    if (auto check = check_behind(type)) option->check(check->description(""));
  }
  option->required(row["required"].get<bool>())->group(row["group"].get<std::string>());
}

}  // namespace

json option_table(const CLI::App& app) {
  json options = json::array(), verbs = json::array();
  for (const auto* option : app.get_options()) {
    if (option != app.get_help_ptr() && option != app.get_version_ptr()) {
      options.push_back(row_of(*option));
    }
  }
  for (const auto* verb : app.get_subcommands({})) verbs.push_back(option_table(*verb));
  return {{"name", app.get_name()},
          {"help", app.get_description()},
          {"footer", app.get_footer()},
          {"group", app.get_group()},
          {"verbs_wanted", app.get_require_subcommand_min()},
          {"options", options},
          {"verbs", verbs}};
}

void add_from_table(CLI::App& app, const json& table) {
  for (const auto& row : table["options"]) add_option_row(app, row);
  for (const auto& row : table["verbs"]) {
    CLI::App* verb = app.add_subcommand(row["name"].get<std::string>(), row["help"]);
    verb->footer(row["footer"].get<std::string>());
    verb->group(row["group"].get<std::string>());
    const auto wanted = row["verbs_wanted"].get<int>();
    if (wanted > 0) verb->require_subcommand(wanted);
    add_from_table(*verb, row);
  }
}

}  // namespace groundglass
