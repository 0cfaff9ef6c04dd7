#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace groundglass {

/// The verbs and options of `app` as data: names, help, kinds of values, what is required. The
/// first stage of the program is built with the table of the second and therefore knows a wrong
/// line, and answers --help, without loading LibTorch.
nlohmann::json option_table(const CLI::App& app);

/// Adds the verbs and options of a table to `app`, as parsing sees them: the same help and the same
/// complaints, but nothing that does the work. Checks of values that the table cannot hold are left
/// to the second stage.
void add_from_table(CLI::App& app, const nlohmann::json& table);

}  // namespace groundglass
