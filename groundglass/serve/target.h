#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace groundglass {

/// The path of a request's target ("/a/b?c=d"), without its query, as decoded segments.
///
/// Throws HttpError(400) for a path that does not begin with '/', that is longer than `longest`
/// bytes (414), holds empty, "." or ".." segments, backslashes, control characters, bytes that are
/// no UTF-8, or any of these or a slash behind a percent sign.
std::vector<std::string> target_segments(std::string_view target, size_t longest);

/// Whether the bytes are UTF-8 as Unicode defines it (no surrogates, nothing overlong).
bool is_utf8(std::string_view text);

}  // namespace groundglass
