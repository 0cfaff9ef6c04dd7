#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace groundglass {

/// 'word', as messages quote what a user typed.
std::string in_quotes(std::string_view word);

/// "a, b and c"; an empty list gives "nothing".
std::string listed(const std::vector<std::string>& words);

/// The words with `separator` between them.
std::string joined(const std::vector<std::string>& words, std::string_view separator);

/// The pieces of `line` between separators; "a,,b" gives three pieces.
std::vector<std::string> split_text(std::string_view line, char separator);

/// Least number of single-character edits that turn one word into the other.
size_t edit_distance(std::string_view a, std::string_view b);

/// "; did you mean 'x'?" if a known word is at most three edits away, else "; known: a, b and c".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

/// A number with so many digits behind the point, without locale: fixed(0.5, 3) is "0.500".
std::string fixed(double value, int digits);

/// The shortest text that reads back as the same double; "1" for 1.0, "0.1" for 0.1.
std::string shortest(double value);

/// "45 s", "3 min 20 s", "2 h 05 min".
std::string human_seconds(double seconds);

/// "812 B", "3.4 MiB".
std::string human_bytes(double bytes);

/// Lower case of an ASCII text.
std::string lower(std::string_view text);

/// True if `text` ends with `ending`, without regard to case.
bool ends_with(std::string_view text, std::string_view ending);

}  // namespace groundglass
