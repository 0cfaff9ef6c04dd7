#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace toml {
inline namespace v3 {
class table;
}  // namespace v3
}  // namespace toml

namespace groundglass {

/// A recipe's text as a table, laid over its `base` and changed by "section.key=value" words; no
/// section is looked into yet. `name` is the file's path, for the base and for messages. Throws
/// Error(recipe) for what is no TOML or has no such base, Error(usage) for a word of another form.
toml::table recipe_table(const std::string& text, const std::string& name,
                         const std::vector<std::string>& overrides);

/// A section of such a table, or an empty one. Throws Error(recipe) if the name stands for no
/// table.
const toml::table& recipe_section(const toml::table& recipe, std::string_view name);

}  // namespace groundglass
