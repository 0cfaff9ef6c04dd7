#include "groundglass/serve/target.h"

#include "groundglass/core/json_text.h"
#include "groundglass/serve/http_error.h"

namespace groundglass {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw HttpError(400, ErrorKind::usage, "address: " + why);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  refuse("a percent sign is followed by something else than two hexadecimal digits");
}

std::string decoded(std::string_view segment) {
  std::string text;
  for (size_t i = 0; i < segment.size(); ++i) {
    char c = segment[i];
    if (c == '%') {
      if (i + 2 >= segment.size()) refuse("it ends within a percent sign's digits");
      c = static_cast<char>(16 * hex_digit(segment[i + 1]) + hex_digit(segment[i + 2]));
      if (c == '/') refuse("a slash stands behind a percent sign");
      i += 2;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) refuse("it holds a control character");
    if (c == '\\') refuse("it holds a backslash");
    text += c;
  }
  if (text == "." || text == "..") refuse("it holds the segment '" + text + "'");
  if (!is_utf8(text)) refuse("it is no UTF-8");
  return text;
}

}  // namespace

bool is_utf8(std::string_view text) {
  return escaped_utf8(text) == text;
}

std::vector<std::string> target_segments(std::string_view target, size_t longest) {
  if (target.size() > longest) {
    throw HttpError(414, ErrorKind::usage,
                    "address: " + std::to_string(target.size()) + " bytes, expected at most " +
                        std::to_string(longest));
  }
  std::string_view path = target.substr(0, target.find_first_of("?#"));
  if (path.empty() || path.front() != '/') refuse("it does not begin with a slash");
  path.remove_prefix(1);
  std::vector<std::string> segments;
  while (!path.empty()) {
    const size_t end = path.find('/');
    const auto segment = path.substr(0, end);
    if (segment.empty()) refuse("it holds an empty segment");
    segments.push_back(decoded(segment));
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  return segments;
}

}  // namespace groundglass
