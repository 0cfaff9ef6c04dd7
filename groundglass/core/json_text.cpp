#include "groundglass/core/json_text.h"

#include <cctype>

namespace groundglass {
using nlohmann::ordered_json;
namespace {

bool is_between(unsigned char byte, int low, int high) {
  return low <= byte && byte <= high;
}

/// Bytes of the well-formed UTF-8 character that the text begins with (Unicode, table 3-7), or 0.
size_t character_bytes(std::string_view text) {
  const auto at = [&](size_t i) {
    return static_cast<unsigned char>(i < text.size() ? text[i] : 0);
  };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const auto follow = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if (!is_between(at(i), 0x80, 0xBF)) return false;
    }
    return true;
  };
  if (is_between(first, 0xC2, 0xDF)) return follow(1, 2) ? 2 : 0;
  if (is_between(first, 0xE0, 0xEF)) {
    const int low = first == 0xE0 ? 0xA0 : 0x80, high = first == 0xED ? 0x9F : 0xBF;
    return is_between(at(1), low, high) && follow(2, 3) ? 3 : 0;
  }
  if (is_between(first, 0xF0, 0xF4)) {
    const int low = first == 0xF0 ? 0x90 : 0x80, high = first == 0xF4 ? 0x8F : 0xBF;
    return is_between(at(1), low, high) && follow(2, 4) ? 4 : 0;
  }
  return 0;
}

ordered_json escaped(const ordered_json& value) {
  if (value.is_string()) return escaped_utf8(value.get_ref<const std::string&>());
  if (!value.is_structured()) return value;
  ordered_json out = value.is_array() ? ordered_json::array() : ordered_json::object();
  for (const auto& [key, inner] : value.items()) {
    if (value.is_array()) {
      out.push_back(escaped(inner));
    } else {
      out[escaped_utf8(key)] = escaped(inner);
    }
  }
  return out;
}

}  // namespace

std::string escaped_utf8(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t bytes = character_bytes(text.substr(i));
    if (bytes > 0) {
      out += text.substr(i, bytes);
    } else {
      const auto byte = static_cast<unsigned char>(text[i]);
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
    i += std::max<size_t>(bytes, 1);
  }
  return out;
}

std::string unescaped_utf8(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string digits(text.substr(i).starts_with("\\x") ? text.substr(i + 2, 2) : "");
    const bool escape = digits.size() == 2 &&
                        std::string_view("89ABCDEF").find(digits[0]) != std::string_view::npos &&
                        std::isxdigit(static_cast<unsigned char>(digits[1])) != 0;
    if (escape) {
      out += static_cast<char>(std::stoi(digits, nullptr, 16));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string json_text(const ordered_json& document, int indent) {
  try {
    return document.dump(indent);
  } catch (const ordered_json::type_error&) {  // 316: not UTF-8; rare, so the copy comes only then
    return escaped(document).dump(indent);
  }
}

}  // namespace groundglass
