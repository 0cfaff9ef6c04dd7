#pragma once

#include <cstdint>
#include <optional>

#include <CLI/CLI.hpp>

namespace groundglass {

/// Name, footer, --version and the rule that a verb must be given: what `app` says of the program
/// as a whole. Its verbs are added afterwards.
void describe_program(CLI::App& app);

/// Parses the words of the command line. Returns the exit code if that was all: help or the version
/// was asked for and is printed, or the line is wrong and the error is printed in one line.
std::optional<int> answer_from_line(CLI::App& app, int count, char** words);

/// `code` once all that was printed is written; where it cannot be, says so and returns the code of
/// Error(data) in place of 0.
int after_flush(int code);

/// Throws Error(usage) for a number of threads that helps nobody: below 0, or above 64 and four
/// times the processors of this process. Each takes memory, and thousands bring the machine down.
void check_threads(int64_t threads);

}  // namespace groundglass
