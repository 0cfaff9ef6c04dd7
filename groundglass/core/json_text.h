#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace groundglass {

/// The text as UTF-8: bytes that belong to no character of it become \xHH ("M\xFCller" for a name
/// in Latin-1). What is UTF-8 stays as it is.
std::string escaped_utf8(std::string_view text);

/// The bytes behind escaped_utf8(): \xHH of a byte above 7F becomes that byte.
std::string unescaped_utf8(std::string_view text);

/// The document as text, with escaped_utf8() for names of files that are not UTF-8: JSON knows no
/// other encoding.
///
/// indent  of each level; -1 writes all on one line.
std::string json_text(const nlohmann::ordered_json& document, int indent = -1);

}  // namespace groundglass
