#pragma once

#include <string>

namespace groundglass {

/// docs/reference/recipe_keys.md: every section of recipes, classifier recipes, searches and
/// studies with its keys, what each may hold, its default and its meaning, as Markdown. Made by
/// running the readers over an empty recipe, so that nothing is said twice.
std::string recipe_keys_markdown();

}  // namespace groundglass
